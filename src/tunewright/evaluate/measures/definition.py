"""What each metric means: unit, direction, how it is made and which interval it gets.

In: nothing. Out: METRICS (name -> Definition) and TASK_METRICS (task -> names, in the order they are shown).
Its own file because scores, metrics, comparisons and the verdict must read the same table.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import Literal

import sacrebleu

from tunewright.core.errors import EvalError
from tunewright.core.values import Task

Kind = Literal["proportion", "ratio", "classes", "sets", "numbers", "confidence", "ranking", "corpus"]


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric, before any data."""

    name: str
    kind: Kind
    """proportion: right or wrong for each row. ratio: sum over rows divided by a sum over rows, a mean included.
    classes: made from the counts of (reference, answer) pairs, so no row has a value of its own. sets: the same of
    rows with several labels. numbers, confidence, ranking: made from all rows' numbers or probabilities. corpus: from
    counts of each row, summed over rows."""
    unit: str
    options: str
    """Everything that changes the number, `|` between."""
    missing: str
    """Why it is nan when no row has it."""
    is_higher_better: bool | None = True
    """None: neither, closest to 1 is best, so nothing is compared by it."""
    is_of_some: bool = False
    """Only some data have it: left out where no row does."""
    top: float = 1.0
    """Largest possible value where the smallest is 0; inf when there is none."""


_ACCENT_FREE = "words:[a-z0-9]+ lower case|stemmer:no|rows:reference at least half a-z0-9"
_NO_ANSWER = "no row with both an answer and a reference"
MOST_BINS = 15
ROWS_A_BIN = 20
"""At least, so that a bin's share says something: its standard error is .11 at most. Source for 15 bins of equal mass:
Nixon et al. 2019, arXiv 1904.01685."""
_NO_PROBABILITY = "no row has probabilities and a label seen in train"
_NO_LABEL = "no row has a reference label"
_NO_RANKS = "no label has two rows of its own and two of others, with probabilities"
_NO_NUMBER = "no row has both a number and an answer"
UNIT = "unit of the numbers"
"""Of a metric in the unit of what is learned."""
_NO_ROUGE = "no answered row whose reference is mostly in the letters a-z and digits, all that ROUGE counts"
_NO_BLEU = "no answered row whose reference has a word"
_NO_JSON = "no answered row whose reference is a JSON object or list"
_BLEU = f"corpus|nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|sacrebleu:{sacrebleu.__version__}"
_CHRF = f"mean of sentence scores|nc:6|nw:0|beta:2|case:mixed|space:no|eff:yes|sacrebleu:{sacrebleu.__version__}"
_BITS = "sum of nats, end token included / (ln 2 x sum of UTF-8 bytes of the text)"
_CLASSES = "classes:in references or answers|zero_division:0"

_ALL = (
    Definition("accuracy", "proportion", "share", "answer equals label", _NO_LABEL),
    Definition("balanced_accuracy", "classes", "share", "mean recall|classes:in references", _NO_LABEL),
    Definition("precision_macro", "classes", "share", _CLASSES, _NO_LABEL),
    Definition("recall_macro", "classes", "share", _CLASSES, _NO_LABEL),
    Definition("f1_macro", "classes", "share", _CLASSES, _NO_LABEL),
    Definition("f1_weighted", "classes", "share", f"{_CLASSES}|weights:reference rows", _NO_LABEL),
    Definition(
        "log_loss",
        "ratio",
        "nats",
        "-ln p(label)|p at least 2.2e-16|rows:label seen in train",
        _NO_PROBABILITY,
        is_higher_better=False,
        top=math.inf,
    ),
    Definition(
        "brier",
        "ratio",
        "squared distance",
        "sum over labels of (p - 1 for the row's label)^2|rows:label seen in train",
        _NO_PROBABILITY,
        is_higher_better=False,
        top=2.0,
    ),
    Definition(
        "ece",
        "confidence",
        "share",
        f"|said - found| over {MOST_BINS} bins of equal mass, at least {ROWS_A_BIN} rows each|p:largest",
        "no row has probabilities and a reference label",
        is_higher_better=False,
    ),
    Definition(
        "roc_auc",
        "ranking",
        "share",
        "one label against the others|mean over labels with two rows of each kind|rows:label seen in train",
        _NO_RANKS,
    ),
    Definition(
        "pr_auc",
        "ranking",
        "share",
        "average precision, one label against the others|mean over labels with two rows of each kind"
        "|rows:label seen in train",
        _NO_RANKS,
    ),
    Definition("f1_micro", "ratio", "share", "2 x right labels / labels referenced and answered", _NO_LABEL),
    Definition("subset_accuracy", "proportion", "share", "answered labels equal the row's", _NO_LABEL),
    Definition(
        "hamming_loss",
        "ratio",
        "share",
        "wrong labels / labels of train|one unseen in train counts as wrong",
        _NO_LABEL,
        is_higher_better=False,
        top=math.inf,
    ),
    Definition("mae", "ratio", UNIT, "mean of |answer - number|", _NO_NUMBER, is_higher_better=False, top=math.inf),
    Definition(
        "rmse",
        "numbers",
        UNIT,
        "root of the mean of (answer - number) squared",
        _NO_NUMBER,
        is_higher_better=False,
        top=math.inf,
    ),
    Definition(
        "r2",
        "numbers",
        "share",
        "1 - squared errors / squared distances from the test rows' own mean",
        f"{_NO_NUMBER}, or all test rows have the same number",
        top=math.inf,
    ),
    Definition(
        "spearman",
        "numbers",
        "correlation",
        "Pearson correlation of ranks, ties at their mean rank",
        f"{_NO_NUMBER}, or all answers or all numbers are the same, so there is no order",
        top=math.inf,
    ),
    Definition(
        "bits_per_byte",
        "ratio",
        "bits/byte",
        f"{_BITS}|rows:likelihood known",
        "no row has a likelihood of its reference",
        is_higher_better=False,
        top=math.inf,
    ),
    Definition("exact_match", "proportion", "share", "NFC|lower case|non-alphanumerics:one space|trimmed", _NO_ANSWER),
    Definition("token_f1", "ratio", "share", "SQuAD v2 normalisation|words:between spaces", _NO_ANSWER),
    Definition("rouge1", "ratio", "share", f"F|{_ACCENT_FREE}", _NO_ROUGE),
    Definition("rouge2", "ratio", "share", f"F|{_ACCENT_FREE}", _NO_ROUGE),
    Definition("rougeL", "ratio", "share", f"F|{_ACCENT_FREE}", _NO_ROUGE),
    Definition("rougeLsum", "ratio", "share", f"F|lines for sentences|{_ACCENT_FREE}", _NO_ROUGE),
    Definition("bleu", "corpus", "0-100", _BLEU, _NO_BLEU, top=100.0),
    Definition("chrf", "ratio", "0-100", _CHRF, _NO_ANSWER, top=100.0),
    Definition(
        "length_ratio",
        "ratio",
        "times",
        "words of all answers / words of their references|words:letters and digits",
        _NO_BLEU,
        is_higher_better=None,
        top=math.inf,
    ),
    Definition(
        "number_match",
        "proportion",
        "share",
        "last number of both, behind #### where the reference has it|rows:reference with a number",
        "no answered row whose reference has a number",
        is_of_some=True,
    ),
    Definition(
        "json_valid", "proportion", "share", "the answer as it stands|rows:reference is JSON", _NO_JSON, is_of_some=True
    ),
    Definition(
        "json_f1",
        "ratio",
        "share",
        "mean F1 over paths with their values|lists without order|rows:reference is JSON",
        _NO_JSON,
        is_of_some=True,
    ),
    Definition(
        "scorer",
        "ratio",
        "points",
        "mean of what the plan's own function gives",
        "evaluate.scorer is not given, or gave no number",
        is_of_some=True,
        top=math.inf,
    ),
    Definition("stops", "proportion", "share", "answer ended by the model before the cap", "nothing was generated"),
    Definition(
        "end_argmax",
        "proportion",
        "share",
        "end token is the first choice at the reference's true end",
        "no row was checked for its end token",
    ),
    Definition(
        "repetition",
        "ratio",
        "share",
        "1 - distinct/all 4-grams of words|mean over answers of at least 4 words",
        "no answer has four words",
        is_higher_better=False,
    ),
)

METRICS: dict[str, Definition] = {definition.name: definition for definition in _ALL}
_OF_TASK: dict[Task, dict[str, Definition]] = {
    "multilabel": {
        "f1_macro": Definition(
            "f1_macro", "sets", "share", "labels:in references or answers|zero_division:0", _NO_LABEL
        )
    }
}
"""Metrics that are made otherwise for one task."""

COMPARED = tuple(name for name, definition in METRICS.items() if definition.is_higher_better is not None)
"""What a verdict can be about."""
OF_PROBABILITIES = ("log_loss", "brier", "ece", "roc_auc", "pr_auc")
"""Only systems that give the probability of every label have them."""
OF_LIKELIHOOD = (*OF_PROBABILITIES, "bits_per_byte", "end_argmax")
"""Only systems whose weights are here have them."""

TASK_METRICS: dict[Task, tuple[str, ...]] = {
    "classify": (
        "accuracy",
        "balanced_accuracy",
        "precision_macro",
        "recall_macro",
        "f1_macro",
        "f1_weighted",
        "log_loss",
        "brier",
        "ece",
        "roc_auc",
        "pr_auc",
    ),
    "multilabel": ("f1_micro", "f1_macro", "subset_accuracy", "hamming_loss"),
    "regress": ("mae", "rmse", "r2", "spearman"),
    "generate": (
        "bits_per_byte",
        "exact_match",
        "token_f1",
        "rouge1",
        "rouge2",
        "rougeL",
        "rougeLsum",
        "bleu",
        "chrf",
        "length_ratio",
        "number_match",
        "json_valid",
        "json_f1",
        "scorer",
        "stops",
        "end_argmax",
        "repetition",
    ),
    "text": ("bits_per_byte",),
}


def row_metrics(task: Task) -> tuple[str, ...]:
    """Names of the task's metrics that a single row has a value of."""
    return tuple(name for name in TASK_METRICS[task] if definition_of(name, task=task).kind in ("proportion", "ratio"))


def definition_of(name: str, *, task: Task) -> Definition:
    """The metric of that name.

    Raises EvalError when the task has no such metric.
    """
    if name in TASK_METRICS[task]:
        return _OF_TASK.get(task, {}).get(name) or METRICS[name]
    near = difflib.get_close_matches(name, TASK_METRICS[task], n=1)
    raise EvalError(
        f"{name} is not a metric of {task}",
        where="evaluate.metrics",
        why=f"{task} has {', '.join(TASK_METRICS[task])}",
        fix=f"evaluate.primary_metric={near[0] if near else TASK_METRICS[task][0]}",
    )
