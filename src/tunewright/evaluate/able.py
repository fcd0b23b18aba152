"""Which system has an answer to which task, and why another one has none.

In: a system's word, the task, the subject. Out: a reason, or nothing. Its own file because a system that does not run
is named with its reason, and the reasons are words that people read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewright.core.evaluate_plan import API, OUTSIDE
from tunewright.core.systems import outside_name
from tunewright.core.values import Row, Subject, Task
from tunewright.evaluate.rivals.few_shot import can_be_shown

ONLY_OF: Mapping[str, tuple[Task, ...]] = {
    "base": ("classify", "generate", "text"),
    "majority": ("classify", "multilabel"),
    "mean": ("regress",),
    "tfidf": ("classify", "multilabel", "regress"),
    "linear_probe": ("classify", "multilabel", "regress"),
    "few_shot": ("classify", "generate"),
}
"""The tasks that a system has an answer to."""
OVER_API: tuple[Task, ...] = ("classify", "generate")
"""The tasks that a model behind an address can be asked for."""


def unknown(system: str, *, known: Sequence[str]) -> str:
    """Why a word that is none of the known ones is not run."""
    if system.startswith(API):
        return f"evaluate.apis has no {system.removeprefix(API)}"
    return f"unknown system; known: {', '.join(known)}"


def why_not(system: str, *, task: Task, subject: Subject, train: Sequence[Row]) -> str:
    """Empty when the system can run."""
    if system.startswith(OUTSIDE):
        return ""
    if system.startswith(API):
        return "" if task in OVER_API else f"over an address it gives labels and words, and the task is {task}"
    if task not in ONLY_OF.get(system, (task,)):
        return _no_answer(system, task)
    if system == "linear_probe" and len({row.label for row in train}) < 2:
        return "train has a single label, so there is nothing to tell apart"
    if system == "few_shot" and subject.card.architecture == "encoder":
        return "an encoder reads and does not write: it can be shown no examples"
    if system == "few_shot" and not any(can_be_shown(row, subject.labels) for row in train):
        return "no train row can be shown: none has an answer, or their turns do not alternate"
    if system in ("base", "linear_probe", "few_shot") and subject.card.path == subject.folder:
        return f"what {outside_name(subject.name)} was made from is not known; name it: model.name=BASE"
    is_asked = system in ("base", "few_shot") and task != "text" and subject.card.architecture == "decoder"
    if is_asked and not subject.card.has_chat_template:
        return "the base model has no chat template, so it cannot be asked"
    return ""


def _no_answer(system: str, task: Task) -> str:
    if system == "base" and task == "multilabel":
        return "before tuning it can only be asked for one label, and not how many a row has"
    if system == "few_shot":
        return f"examples show how a label or an answer is written, and the task is {task}"
    if system == "base":
        return "before tuning it has no layer that says a number, and a fresh one would answer by chance"
    gives = {"majority": "labels", "mean": "numbers"}.get(system, "labels and numbers")
    return f"it gives {gives}, and the task is {task}"
