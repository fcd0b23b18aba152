"""The words of the report: names of systems, metrics and stages, and a glossary for people new to them.

In: the short words of plans and files. Out: plain words. Its own file because words are edited by people who do not
edit code.
"""

from __future__ import annotations

from collections.abc import Iterable

SYSTEMS: dict[str, str] = {
    "tuned": "Tuned model",
    "base": "Before tuning",
    "few_shot": "Before tuning, with examples in the prompt",
    "majority": "Always the most common answer",
    "tfidf": "Keyword model",
    "linear_probe": "Linear classifier on untuned vectors",
    "scratch": "Trained from scratch",
}

METRICS: dict[str, str] = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision_macro": "Precision, macro",
    "recall_macro": "Recall, macro",
    "f1_macro": "F1, macro",
    "f1_weighted": "F1, weighted",
    "log_loss": "Log loss",
    "bits_per_byte": "Bits per byte",
    "exact_match": "Exact match",
    "token_f1": "Token F1",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "chrf": "chrF",
    "stops": "Stops by itself",
    "end_argmax": "Knows the end",
    "repetition": "Repetition",
}

HEADLINES: dict[str, str] = {
    "better": "Better",
    "worse": "Worse than a rival",
    "not distinguishable": "Not distinguishable",
}

METHODS: dict[str, str] = {
    "full": "every weight was trained",
    "lora": "low-rank adapters (LoRA) were trained beside frozen weights",
    "head": "only the classification head was trained",
}

TASKS: dict[str, str] = {
    "classify": "text to label",
    "generate": "prompt to answer",
    "text": "raw domain text",
}

GLOSSARY: dict[str, str] = {
    "accuracy": "The share of test rows whose label the model gets right.",
    "adapter": "A small set of new weights beside the frozen model; it needs the base model to run.",
    "balanced_accuracy": "The mean over classes of the share found, so that rare classes count like common ones.",
    "base": "The same model before tuning. A decoder picks the label name it finds most likely; an encoder the label "
    "name whose vector is nearest to the text's.",
    "bits_per_byte": "How many bits the model needs to predict one byte of the reference text. Fewer is better, and "
    "models with different tokenizers can be compared.",
    "checkpoint": "The whole state of training at one step, kept so that a stopped run goes on where it stopped.",
    "chrf": "Overlap of character sequences between answer and reference, 0 to 100.",
    "confusion": "What was right against what was answered: the diagonal is right, everything else a mistake.",
    "context": "The most tokens a model can read at once.",
    "end_argmax": "The share of rows where, at the reference's true end, the model's first choice is to stop.",
    "epoch": "One pass over all training rows.",
    "exact_match": "The share of answers equal to the reference once case and punctuation are set aside.",
    "f1_macro": "F1 (the balance of precision and recall) of each class, averaged so that every class counts the same.",
    "f1_weighted": "F1 of each class, averaged by how many rows the class has.",
    "few_shot": "The untuned model with a few training examples in its prompt.",
    "fingerprint": "A short code made from content: equal codes mean equal inputs.",
    "interval": "The 95 % interval: the range in which the true value plausibly lies, given how many rows were tested. "
    "A wide one means that more test rows are needed.",
    "leakage": "The same or nearly the same row in training and in test: the score would reward memory.",
    "learning_rate": "How far the weights move at each step. It rises during warm-up, then falls.",
    "linear_probe": "Logistic regression on the vectors of the untuned model: shows what tuning adds to them.",
    "log_loss": "How surprised the model is by the right label; lower is better, and confident mistakes cost most.",
    "lora": "Low-rank adaptation: small matrices are trained beside the frozen weights.",
    "loss": "What training makes smaller: how surprised the model is by the right answer, in nats.",
    "majority": "Always answers the most common training label. A model that does not beat it has learned nothing.",
    "max_length": "Rows longer than this many tokens are cut, and the cut is counted.",
    "nats": "The unit of loss (natural logarithm); 1 nat is 1.44 bits.",
    "p_value": "How often a difference at least this large would appear by chance if both systems were equally good.",
    "paired": "Both systems answer the same rows, so easy and hard rows cancel out of the difference.",
    "peak_memory": "The most memory the training process held at any time, libraries included.",
    "precision_macro": "Of the rows given a label, the share where it is right, averaged over classes.",
    "recall_macro": "Of the rows of a class, the share that is found, averaged over classes.",
    "repetition": "The share of repeated four-word sequences in an answer; lower is better.",
    "rouge1": "Shared single words between answer and reference.",
    "rouge2": "Shared word pairs between answer and reference.",
    "rougeL": "The longest common word sequence of answer and reference.",
    "scratch": "The same architecture, trained from random weights on the same rows: shows what pre-training adds.",
    "seed": "The start of the random numbers: the same seed draws the same rows and order again.",
    "signature": "How a number was made, so that two reports can be compared.",
    "stops": "The share of answers that the model ended by itself before the length cap.",
    "tfidf": "Logistic regression on word counts: the honest classical rival. It trains in seconds.",
    "token": "A piece of text as the model reads it: about four letters of English.",
    "token_f1": "Shared words between answer and reference, balanced for length.",
    "validation": "Rows kept out of training to choose the best checkpoint. The test rows are used for neither.",
}

TERMS: dict[str, str] = {
    "interval": "95 % interval",
    "max_length": "max_length",
    "learning_rate": "Learning rate",
    "p_value": "p value",
    "peak_memory": "Peak memory",
    "paired": "Paired comparison",
    "confusion": "Confusion matrix",
    "lora": "LoRA",
}


def system_name(word: str) -> str:
    return SYSTEMS.get(word, word)


def metric_name(word: str) -> str:
    return METRICS.get(word, word)


def term(word: str) -> str:
    """The glossary word as a heading."""
    return TERMS.get(word) or METRICS.get(word) or SYSTEMS.get(word) or word.capitalize()


def glossary(words: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """(term, meaning) of the words that have one, by the alphabet."""
    return tuple(
        sorted(((term(w), GLOSSARY[w]) for w in set(words) if w in GLOSSARY), key=lambda pair: pair[0].lower())
    )
