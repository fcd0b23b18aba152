"""The label that a language model without a class head answers, by the rule of evaluate.label_scoring.

In: a language model, questions, label names, the rule. Out: LabelAnswers: a label each, probabilities where the rule
has some. Its own file because evaluation and a talk with the untuned model must go by the same rule.
Axes: N questions, L labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewright.core.evaluate_plan import LabelScoring
from tunewright.core.values import Message
from tunewright.model.constrained import constrained_labels
from tunewright.model.label_scores import Questions, label_log_probabilities
from tunewright.model.load import Loaded

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LabelAnswers:
    """One for each question."""

    labels: tuple[str, ...]
    probabilities_NL: Floats | None
    """Each line sums to 1; None where the rule gives no distribution."""


def label_answers(
    loaded: Loaded,
    questions: Questions,
    *,
    labels: Sequence[str],
    rule: LabelScoring,
    blank: Callable[[int], Sequence[Message]],
    progress: Callable[[int], None] = lambda _: None,
) -> LabelAnswers:
    """blank: the question at this place without its text, which pmi compares with; equal ones are asked once."""
    if rule == "constrained":
        places_N = constrained_labels(loaded, questions, labels=labels, progress=progress)
        return LabelAnswers(tuple(labels[i] for i in places_N), None)
    scores_NL = label_log_probabilities(loaded, questions, labels=labels, progress=progress)
    if rule == "pmi":
        blanks = [tuple(blank(i)) for i in range(len(questions))]
        distinct = list(dict.fromkeys(blanks))
        without_NL = label_log_probabilities(loaded, distinct, labels=labels)
        scores_NL = scores_NL - without_NL[[distinct.index(one) for one in blanks]]
    scores_NL = label_scores(scores_NL, labels=labels, rule=rule)
    return LabelAnswers(tuple(labels[i] for i in scores_NL.argmax(1)), probabilities(scores_NL, rule=rule))


def label_scores(log_p_NL: Floats, *, labels: Sequence[str], rule: LabelScoring) -> Floats:
    """The largest is the answer. sum: as it is. bytes: a UTF-8 byte of the name (acc_norm of lm-evaluation-harness).

    pmi: what the text adds to it, subtracted before (Holtzman et al. 2021, arXiv 2104.08315; acc_mutual_info).
    """
    return log_p_NL / np.array([max(1, len(label.encode())) for label in labels]) if rule == "bytes" else log_p_NL


def probabilities(scores_NL: Floats, *, rule: LabelScoring) -> Floats | None:
    """Softmax over the labels, where it is a distribution.

    sum: the model's own, given that its answer begins with a label. pmi: by Bayes' rule the same, had all labels been
    equally likely before the text. A score a byte is the logarithm of no probability, a written label has none.
    """
    if rule not in ("sum", "pmi"):
        return None
    p_NL = np.exp(scores_NL - scores_NL.max(1, keepdims=True))
    return np.asarray(p_NL / p_NL.sum(1, keepdims=True))
