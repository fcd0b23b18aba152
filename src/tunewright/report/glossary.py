"""The glossary: what the words of this trade mean, for people new to them.

In: a word as a person writes it. Out: its heading and its meaning. Its own file because the report and
`tunewright help` print the same table, which is edited by people who do not edit code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tunewright.report.words import METRICS, SYSTEMS

GLOSSARY: dict[str, str] = {
    "accuracy": "The share of test rows whose label the model gets right.",
    "adapter": "A small set of new weights beside the frozen model; it needs the base model to run.",
    "api": "A model behind an address (api:NAME of evaluate.systems), asked over the network: test rows leave the "
    "machine, and every answer has a price.",
    "attention": "The part of a model that lets each token look at the others. Its work grows with the square of the "
    "text's length, so long rows cost more than their share.",
    "balanced_accuracy": "The mean over classes of the share found, so that rare classes count like common ones.",
    "base": "The same model before tuning. A decoder picks the label name it finds most likely; an encoder the label "
    "name whose vector is nearest to the text's.",
    "batch": "The rows that go through the model together in one pass. A larger one is faster and needs more memory.",
    "bfloat16": "Numbers of 16 bits with the range of 32-bit ones: half the memory, and faster where the hardware "
    "multiplies them. Trained weights stay in 32 bits here.",
    "bits_per_byte": "How many bits the model needs to predict one byte of the reference text. Fewer is better, and "
    "models with different tokenizers can be compared.",
    "bootstrap": "Draw the test rows again and again with repetition and see how much the number moves: that spread is "
    "its interval.",
    "brier": "How far the probabilities lie from the truth, squared: 0 is perfect, 2 sure and wrong. Lower is better.",
    "chat_template": "The model's own way to write a conversation as one text, with marks where each turn begins and "
    "ends. A wrong one spoils every answer, so it is always the model's own.",
    "checkpoint": "The whole state of training at one step, kept so that a stopped run goes on where it stopped.",
    "blind": "Judging two answers without knowing whose they are, so that nobody prefers the one they hope for. Sides "
    "and order are drawn by chance: tunewright compare RUN --blind base.",
    "bleu": "Overlap of runs of one to four words between all answers and all references, 0 to 100.",
    "chrf": "Overlap of character sequences between answer and reference, 0 to 100.",
    "class": "One of the labels that a text can get.",
    "confusion": "What was right against what was answered: the diagonal is right, everything else a mistake.",
    "context": "The most tokens a model can read at once.",
    "continued_pretraining": "Training on plain text of your field, so that the model learns its language. The task "
    "is called text.",
    "cpu": "The processor of every computer. It trains small models well; a GPU is needed for large ones.",
    "decoder": "A model that writes: it predicts the next token from those before. All chat models are decoders.",
    "dropout": "Switching off random parts while training so that the model does not lean on a few of them.",
    "duplicate": "The same row again, case and punctuation aside. Copies are dropped in training, never in the test.",
    "early_stopping": "Ending the training when validation has not become better for a while: see train.patience.",
    "ece": "Expected calibration error: how far the model's probability lies from how often it is right, on average. "
    "Lower is better; chance alone never makes it 0.",
    "encoder": "A model that reads: it turns a text into a vector, for labels and for search. It cannot write.",
    "end_argmax": "The share of rows where, at the reference's true end, the model's first choice is to stop.",
    "epoch": "One pass over all training rows.",
    "exact_match": "The share of answers equal to the reference once case and punctuation are set aside.",
    "export": "Writing the tuned model as standard folders that other tools load, and checking that they answer alike.",
    "exposure": "How likely a planted secret (a canary) is among random ones of its form, in bits: 0 is the least "
    "likely, the logarithm of their number the likeliest of all. Source: Carlini et al. 2019.",
    "f1": "The balance of precision and recall, 0 to 1: high only when both are. f1_macro counts every class the same, "
    "f1_weighted counts each by its rows.",
    "f1_macro": "F1 (the balance of precision and recall) of each class, averaged so that every class counts the same.",
    "f1_weighted": "F1 of each class, averaged by how many rows the class has.",
    "f1_micro": "F1 over all labels of all rows together, so that common labels count most (rows with several labels).",
    "few_shot": "The untuned model with a few training examples in its prompt.",
    "fine_tuning": "Training a finished model a little further on your own examples, so that it does your task.",
    "finding": "Something about your data that a person should know, with what to do about it.",
    "fingerprint": "A short code made from content: equal codes mean equal inputs.",
    "forgetting": "What tuning cost: text that has nothing to do with the task is read worse than before. A lower "
    "learning rate, fewer trained layers or a smaller weight of the adapter help.",
    "gpu": "A graphics processor: it multiplies large matrices ten to a hundred times faster than a CPU.",
    "gradient": "For every weight, in which direction to move it so that the loss falls.",
    "gradient_accumulation": "Adding up the gradients of several batches before one step: the effect of a large batch "
    "in the memory of a small one.",
    "group": "Rows that belong together, as those of one customer. They stay on one side of every split, else the test "
    "would reward recognising the customer.",
    "hamming_loss": "The share of all labels of all rows that are wrong, there or not there. Lower is better.",
    "head": "The last layer: it turns the text's vector into one score for each label, or into a number.",
    "holm": "A correction for looking at many comparisons at once, where one would look real by chance. The p values "
    "become larger, the claims fewer. Source: Holm 1979.",
    "hyperparameter": "A setting of the training that you choose and the model does not learn, as the learning rate.",
    "inference": "Using a finished model: asking it for answers.",
    "interval": "The 95 % interval: the range in which the true value plausibly lies, given how many rows were tested. "
    "A wide one means that more test rows are needed.",
    "json_f1": "Of the fields of a JSON answer and its reference, each a name with its value, the share both have.",
    "json_valid": "The share of answers that a program can read as JSON, where the reference is JSON.",
    "judge": "A model that is shown two answers to one row, in both orders, and says which is better (evaluate.judge). "
    "Its opinion is shown apart from what was measured.",
    "kl_divergence": "How far two models' probabilities lie apart, in nats; 0 means that they are the same.",
    "label": "The right answer of a row when the answers are a fixed list.",
    "layer": "One of the equal blocks a model is built of, also called block. The first read words, the last decide.",
    "leakage": "The same or nearly the same row in training and in test: the score would reward memory.",
    "learning_rate": "How far the weights move at each step. It rises during warm-up, then falls.",
    "ledger": "The account of your rows: read, kept, dropped and why. It always adds up.",
    "length_ratio": "Words of all answers per word of their references: 1 is as long, 2 twice as long.",
    "linear_probe": "A linear model (logistic regression for labels, ridge for numbers) on the vectors of the "
    "untuned model: shows what tuning adds to them.",
    "log_loss": "How surprised the model is by the right label; lower is better, and confident mistakes cost most.",
    "lora": "Low-rank adaptation: small matrices are trained beside the frozen weights. It needs a tenth of the memory "
    "of training everything.",
    "loss": "What training makes smaller: how surprised the model is by the right answer, in nats.",
    "majority": "Always answers the most common training label. A model that does not beat it has learned nothing.",
    "mae": "Mean absolute error: how far the answers are off on average, in the unit of the numbers. Lower is better.",
    "mask": "Which tokens the model learns to write. In a chat these are the answers, not the questions.",
    "max_length": "Rows longer than this many tokens are cut, and the cut is counted.",
    "mean": "Always answers the mean of the training numbers. A model that does not beat it has learned nothing.",
    "mcnemar": "A test for two systems on the same rows: it counts only rows where exactly one of them is right.",
    "memorisation": "Learning single training answers word for word, instead of how to answer. It matters most where "
    "rows hold personal data.",
    "merged": "An adapter calculated into the base model's weights: one folder that needs nothing beside it.",
    "multilabel": "Each row may have several labels at once, or none. Every label is answered by itself, yes or no.",
    "nats": "The unit of loss (natural logarithm); 1 nat is 1.44 bits.",
    "number_match": "The share of answers whose last number is the reference's, as in sums.",
    "occlusion": "Taking words out of a text and watching the answer: the words whose absence changes it carried it.",
    "optimizer": "The rule that turns gradients into new weights; AdamW here.",
    "overfitting": "Learning the training rows by heart instead of the task: training loss falls while validation loss "
    "rises. More rows, fewer epochs or a smaller part of the model help.",
    "p_value": "How often a difference at least this large would appear by chance if both systems were equally good.",
    "padding": "Filling short rows of a batch up to the longest. It costs time and teaches nothing, so rows of like "
    "length go together.",
    "paired": "Both systems answer the same rows, so easy and hard rows cancel out of the difference.",
    "parameter": "One number inside the model, also called weight. 22.7 M parameters are 22.7 million such numbers.",
    "peak_memory": "The most memory the training process held at any time, libraries included.",
    "perplexity": "Among how many equally likely tokens the model chooses: e to the loss in nats. It depends on "
    "the tokenizer, so bits per byte is reported instead.",
    "plan": "A small file that says what to do: data, model, training, measuring. What it leaves out is chosen.",
    "precision": "Of the rows that were given a label, the share where it is right.",
    "pr_auc": "Area under the precision-recall curve (average precision): how few wrong rows stand among those with "
    "the highest probability of a label. 1 is perfect; chance is the share of rows that have the label.",
    "precision_macro": "Of the rows given a label, the share where it is right, averaged over classes.",
    "pretrained": "Already trained by somebody on very much text. Fine-tuning starts from there.",
    "prompt": "What the model is given; the answer, also called completion, is what it should write.",
    "quantisation": "Storing weights in fewer bits: smaller and sometimes faster, a little less exact.",
    "r2": "R², the share of the numbers' differences that the answers explain: 1 is perfect, 0 is as good as always "
    "the mean of the test rows, below 0 is worse.",
    "rank": "The width of LoRA's added matrices, lora_r: more can learn more and takes more memory.",
    "recall": "Of the rows that have a label, the share that is found.",
    "recall_macro": "Of the rows of a class, the share that is found, averaged over classes.",
    "regression": "Learning a number from a text, as a price or a score. The task is called regress.",
    "reference": "The right answer in your file, against which the model's answer is measured.",
    "repetition": "The share of repeated four-word sequences in an answer; lower is better.",
    "rival": "A cheap way to do the same job. A tuned model that does not beat its rivals is not worth its cost.",
    "rmse": "Root mean square error: as the mean absolute error, but large errors count more. Lower is better.",
    "roc_auc": "Area under the ROC curve: how often a row of a label gets a higher probability of it than a row of "
    "another label. 1 is perfect, .5 is chance.",
    "rouge1": "Shared single words between answer and reference.",
    "rouge2": "Shared word pairs between answer and reference.",
    "rougeL": "The longest common word sequence of answer and reference.",
    "rougeLsum": "ROUGE-L line by line: for each line of the reference, what any line of the answer has of it.",
    "row": "One example of your file: a text with its label, a question with its answer, a document.",
    "run": "One try of a plan, in a folder of its own: everything that was decided, made and measured.",
    "safetensors": "A file of weights that cannot contain a program; the only kind that is opened without asking.",
    "scheduler": "How the learning rate changes over the steps: up during warm-up, then down to zero (cosine, linear) "
    "or level (constant).",
    "scratch": "The same architecture, trained from random weights on the same rows: shows what pre-training adds.",
    "scorer": "Your own metric: the mean of what the function of evaluate.scorer gives each answer. Higher is better.",
    "seed": "The start of the random numbers: the same seed draws the same rows and order again.",
    "sign_test": "How often would as many people prefer one side if each had thrown a coin? Ties are left out.",
    "signature": "How a number was made, so that two reports can be compared.",
    "spearman": "Rank correlation: whether larger numbers get larger answers, from -1 to 1. The size of an error does "
    "not count.",
    "split": "The division of your rows: train to learn from, validation to choose by, test to measure with.",
    "starter_model": "A small pre-trained model that comes from the package index: starter:NAME in a plan.",
    "step": "One change of the weights, after one batch (or several, when gradients are accumulated).",
    "stops": "The share of answers that the model ended by itself before the length cap.",
    "stratified": "Split so that every label has the same share on each side.",
    "subset_accuracy": "The share of test rows whose labels are all right and none too many.",
    "test_set": "Rows the model never saw, used once, at the end. Each time it is used to choose by, it flatters "
    "a little more: the report counts the times.",
    "tfidf": "A linear model on word counts (logistic regression for labels, ridge regression for numbers): the honest "
    "classical rival. It trains in seconds.",
    "token": "A piece of text as the model reads it: about four letters of English.",
    "token_f1": "Shared words between answer and reference, balanced for length.",
    "tokenizer": "What cuts text into tokens. It belongs to the model and cannot be exchanged.",
    "tuned": "The model after training on your rows: the one the verdict is about.",
    "validation": "Rows kept out of training to choose the best checkpoint. The test rows are used for neither.",
    "vector": "A text as a list of numbers, also called embedding; texts that mean the same lie close together.",
    "verdict": "One sentence about whether the tuned model is really better, as far as the tests support it.",
    "warmup": "The first steps, in which the learning rate rises from zero, so that fresh weights do no harm.",
    "weight_decay": "Pulling all weights a little towards zero at each step, against overfitting.",
}

TERMS: dict[str, str] = {
    "cpu": "CPU",
    "f1": "F1",
    "gpu": "GPU",
    "holm": "Holm's correction",
    "interval": "95 % interval",
    "kl_divergence": "KL divergence",
    "lora": "LoRA",
    "max_length": "max_length",
    "mcnemar": "McNemar's test",
    "p_value": "p value",
    "paired": "Paired comparison",
    "confusion": "Confusion matrix",
    "continued_pretraining": "Continued pre-training",
    "fine_tuning": "Fine-tuning",
    "pretrained": "Pre-trained",
    "warmup": "Warm-up",
}
"""Headings that the word itself does not give."""

ALSO: dict[str, str] = {
    "answer": "prompt",
    "bf16": "bfloat16",
    "block": "layer",
    "bpb": "bits_per_byte",
    "ci": "interval",
    "canary": "exposure",
    "catastrophic forgetting": "forgetting",
    "completion": "prompt",
    "confidence interval": "interval",
    "cross entropy": "loss",
    "domain adaptation": "continued_pretraining",
    "embedding": "vector",
    "frozen": "adapter",
    "keyword model": "tfidf",
    "leak": "leakage",
    "lr": "learning_rate",
    "p": "p_value",
    "ppl": "perplexity",
    "quantization": "quantisation",
    "rouge": "rougeL",
    "significance": "p_value",
    "training": "fine_tuning",
    "truncation": "max_length",
    "weight": "parameter",
}
"""Other words for the same."""


def term(word: str) -> str:
    """The glossary word as a heading.

    >>> term("lora"), term("f1_macro"), term("test_set")
    ('LoRA', 'F1, macro', 'Test set')
    """
    return TERMS.get(word) or METRICS.get(word) or SYSTEMS.get(word) or word.replace("_", " ").capitalize()


def glossary(words: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """(heading, meaning) of the words that have one, by the alphabet."""
    return tuple(
        sorted(((term(w), GLOSSARY[w]) for w in set(words) if w in GLOSSARY), key=lambda pair: pair[0].lower())
    )


def glossary_word(text: str) -> str:
    """The glossary's own word for what a person wrote, whatever its case, dashes and spaces; empty for none.

    >>> glossary_word("Bits per byte"), glossary_word("warm-up"), glossary_word("Embeddings"), glossary_word("banana")
    ('bits_per_byte', 'warmup', 'vector', '')
    """
    key = _bare(text)
    spellings = {_bare(term(word)): word for word in GLOSSARY}
    spellings |= {_bare(other): word for other, word in ALSO.items()}
    spellings |= {_bare(word): word for word in GLOSSARY}
    return spellings.get(key) or spellings.get(key.removesuffix("s")) or ""


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
