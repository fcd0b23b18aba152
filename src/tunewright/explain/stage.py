"""The explain stage: which words carried the answers of a sample of test rows, each checked against random words; and,
where the plan asks for it, which train labels are probably wrong.

In: the resolved plan, the subject, the prepare folder. Out: explanations.json, label_errors.csv. Its own file because
`tunewright explain` is one verb, whatever it was asked for.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import EvalError
from tunewright.core.events import ProgressEvent, Tracker, null_tracker
from tunewright.core.files import write_json
from tunewright.core.plan import Plan
from tunewright.core.values import Row, Subject, Task
from tunewright.explain.cost import LABEL_ERRORS, OCCLUSION, refuse_label_errors, refuse_unexplained
from tunewright.explain.explanation import UNIT, Explaining, explained
from tunewright.explain.faithfulness import N_RESAMPLES, SHARES_PERCENT, summary
from tunewright.explain.held_out import Retrain
from tunewright.explain.label_errors import label_errors
from tunewright.model.subject import load_subject
from tunewright.text.render import reference_of
from tunewright.text.rows import read_rows

N_ORDERS = 20
"""Random orders of each row: the fewest with which a picture that beats them all has p < .05 (1/21)."""


@dataclass(frozen=True, slots=True)
class ExplainInputs:
    """What the stage is given."""

    plan: Plan
    """Resolved."""
    subject: Subject
    prepared: Path
    retrain: Retrain | None = None
    """The training verb, for label_errors; None where the plan trains nothing."""


def explain(inputs: ExplainInputs, *, work: Path, tell: Tracker = null_tracker) -> dict[str, Any]:
    """Write explanations.json into `work`, label_errors.csv too where asked, and return the first as values.

    A plan without methods that is asked to explain gets occlusion. What label_errors has finished in `work` is not
    done again.
    Raises PlanError for raw text and numbers, and for label_errors without labels or training; EvalError when
    there is no test row.
    """
    plan, subject = inputs.plan, inputs.subject
    refuse_unexplained(subject.task)
    methods = plan.explain.methods or (OCCLUSION,)
    found: dict[str, Any] = {"task": subject.task, "system": subject.name, "rows": []}
    if LABEL_ERRORS in methods:
        found["label_errors"] = _label_errors(inputs, work=work, tell=tell)
    if OCCLUSION in methods:
        found |= _occlusion(inputs, tell=tell)
    write_json(work / "explanations.json", found)
    return found


def _label_errors(inputs: ExplainInputs, *, work: Path, tell: Tracker) -> dict[str, Any]:
    refuse_label_errors(inputs.plan)
    assert inputs.retrain is not None
    return label_errors(
        read_rows(inputs.prepared, "train"),
        labels=inputs.subject.labels,
        seed=inputs.plan.run.seed,
        retrain=inputs.retrain,
        prepared=inputs.prepared,
        work=work,
        tell=tell,
    )


def _occlusion(inputs: ExplainInputs, *, tell: Tracker) -> dict[str, Any]:
    plan, subject = inputs.plan, inputs.subject
    test = read_rows(inputs.prepared, "test")
    if not test:
        raise EvalError("there is no test row", where=str(inputs.prepared), fix="prepare.test_fraction=0.2")
    rows = sampled(test, n_rows=plan.explain.rows, seed=plan.run.seed)
    explaining = Explaining(
        loaded=load_subject(subject),
        max_length=subject.max_length,
        max_new_tokens=plan.evaluate.max_new_tokens,
        n_orders=N_ORDERS,
        seed=plan.run.seed,
    )
    explanations, checks = [], []
    for n, row in enumerate(rows, start=1):
        explanation, checked = explained(row, explaining=explaining)
        explanations.append({**asdict(explanation), "reference": row.label or reference_of(row.messages)})
        checks.append(checked)
        tell(ProgressEvent("explaining answers", n, len(rows)))
    return {
        "method": OCCLUSION,
        "unit": UNIT,
        "signature": signature(subject.task, seed=plan.run.seed),
        "rows_in_test": len(test),
        "summary": asdict(summary(checks, seed=plan.run.seed)),
        "rows": explanations,
    }


def sampled(rows: Sequence[Row], *, n_rows: int, seed: int) -> tuple[Row, ...]:
    """A seeded draw, in the file's order."""
    drawn = random.Random(f"explain:{seed}").sample(range(len(rows)), min(n_rows, len(rows)))
    return tuple(rows[i] for i in sorted(drawn))


def signature(task: Task, *, seed: int) -> str:
    """How the numbers were made, so that two reports can be compared."""
    of = "the predicted label" if task == "classify" else "the model's own greedy answer (probability: mean per token)"
    shares = "/".join(str(share) for share in SHARES_PERCENT)
    return (
        f"occlusion: fall of the log-probability of {of} when a word is deleted, nats; comprehensiveness (ERASER): "
        f"fall of its probability when the top {shares} % of the words are deleted, averaged; random: {N_ORDERS} "
        f"random orders a row, seed {seed}; difference and p-values on sets of two or more words (rank of the row, "
        f"sign permutation of the sample), BCa interval, {N_RESAMPLES} resamples"
    )
