"""The words of the report: names of systems, metrics and methods.

In: the short words of plans and files. Out: plain words. Its own file because words are edited by people who do not
edit code.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunewright.core.systems import SCRATCH, TUNED, is_scratch, outside_name
from tunewright.core.tasks import TASKS as TASK_FACTS

SYSTEMS: dict[str, str] = {
    "tuned": "Tuned model",
    "base": "Before tuning",
    "few_shot": "Before tuning, with examples in the prompt",
    "majority": "Always the most common answer",
    "mean": "Always the mean",
    "tfidf": "Keyword model",
    "linear_probe": "Linear model on untuned vectors",
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
    "brier": "Brier score",
    "ece": "Calibration error",
    "roc_auc": "Area under ROC",
    "pr_auc": "Area under precision-recall",
    "f1_micro": "F1, micro",
    "subset_accuracy": "All labels right",
    "hamming_loss": "Hamming loss",
    "mae": "Mean absolute error",
    "rmse": "Root mean square error",
    "r2": "R²",
    "spearman": "Rank correlation",
    "bits_per_byte": "Bits per byte",
    "exact_match": "Exact match",
    "token_f1": "Token F1",
    "rouge1": "ROUGE-1",
    "rouge2": "ROUGE-2",
    "rougeL": "ROUGE-L",
    "rougeLsum": "ROUGE-Lsum",
    "bleu": "BLEU",
    "length_ratio": "Length beside the reference",
    "number_match": "Right number",
    "json_valid": "Valid JSON",
    "json_f1": "JSON fields F1",
    "scorer": "Your own metric",
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
    "multilabel": "text to any of several labels",
    "regress": "text to number",
    "generate": "prompt to answer",
    "text": "raw domain text",
}


def few_bits(quantization: object) -> str:
    """What a method's words say of a base in few bits; empty for others."""
    return f", whose matrices are kept in {quantization}" if quantization else ""


LANGUAGES: dict[str, str] = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "ms": "Malay", "nl": "Dutch",
    "no": "Norwegian", "nb": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil",
    "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
    "zh": "Chinese", "zxx": "no language",
}  # fmt: skip
"""ISO 639 codes that people may not know; the others stay codes."""


def language_name(code: str) -> str:
    return LANGUAGES.get(code, code)


def unexplained(task: str) -> str:
    """Why answers of the task are not explained; empty where they can be."""
    return next((facts.why_unexplained for name, facts in TASK_FACTS.items() if name == task), "")


def same_answer(task: str) -> str:
    """What two models agree in when they answer a row of the task alike."""
    return next((facts.same_answer for name, facts in TASK_FACTS.items() if name == task), "the same answer")


def system_name(word: str) -> str:
    if is_scratch(word):
        return SYSTEMS[SCRATCH] + _more_training(word.partition(":")[2])
    return SYSTEMS.get(word) or outside_name(word)


def _more_training(size: str) -> str:
    """10x, max; empty for as many operations as the tuned model's training took."""
    if not size:
        return ""
    return ", as long as it helps" if size == "max" else f", {size.removesuffix('x')} times the operations"


def subject_name(word: str) -> str:
    """The model that the verdict is about, inside a sentence."""
    return "the tuned model" if word == TUNED else f"the model {outside_name(word)}"


def metric_name(word: str) -> str:
    return METRICS.get(word, word)


_REMARK = re.compile(r" \([^()]{24,}\)")
"""So long that it is a rule; a share or a place is shorter."""


def said_once(messages: Sequence[str]) -> list[str]:
    """A rule that a message before has given in brackets is not given again."""
    known: set[str] = set()
    shorter = []
    for message in messages:
        remarks = set(_REMARK.findall(message))
        for remark in remarks & known:
            message = message.replace(remark, "")
        known |= remarks
        shorter.append(message)
    return shorter
