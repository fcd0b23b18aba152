"""The evaluate stage: every system on the same test rows, measured, compared, and said in one sentence.

In: the resolved plan, the card, the prepare and train folders. Out: predictions.parquet and metrics.json.
Its own file because it is the one that touches files.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import EvalError
from tunewright.core.events import PreviewEvent, Tracker, null_tracker
from tunewright.core.files import write_json
from tunewright.core.plan import Plan
from tunewright.core.values import Comparison, DataFacts, Metric, ModelCard, Prediction, Row
from tunewright.evaluate.classes import confusion, per_class
from tunewright.evaluate.compare import compare
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.rivals import tfidf_predictions
from tunewright.evaluate.systems import Contest, Results, run_systems
from tunewright.evaluate.verdict import verdict
from tunewright.evaluate.write import write_predictions
from tunewright.text.render import prompt_of
from tunewright.text.rows import read_rows


@dataclass(frozen=True, slots=True)
class EvaluateInputs:
    """What the stage is given."""

    plan: Plan
    """Resolved."""
    card: ModelCard
    facts: DataFacts
    prepared: Path
    trained: Path
    test_set_uses: int
    """How often this test set has been scored from this runs folder, this time included."""


def evaluate(inputs: EvaluateInputs, *, work: Path, tell: Tracker = null_tracker) -> dict[str, Any]:
    """Write the stage's files into `work` and return metrics.json as values.

    Raises EvalError when there is no test row or the tuned model cannot run.
    """
    contest = _contest(inputs, tell)
    if not contest.test:
        raise EvalError("there is no test row", where=str(inputs.prepared), fix="prepare.test_fraction=0.2")
    results = run_systems(contest)
    flat = [p for answers in results.predictions.values() for p in answers]
    texts = {row.row_id: shown_text(row) for row in contest.test}
    write_predictions(work / "predictions.parquet", flat, texts)
    found = _metrics_json(inputs, contest, results)
    write_json(work / "metrics.json", found)
    return found


def preview(plan: Plan, *, facts: DataFacts, prepared: Path, tell: Tracker) -> None:
    """The keyword model's score on the test rows, told before training starts: the number to beat."""
    if plan.task != "classify" or "tfidf" not in plan.evaluate.systems:
        return
    started = time.perf_counter()
    train, test = read_rows(prepared, "train"), read_rows(prepared, "test")
    answers = tfidf_predictions(train, test, labels=facts.labels, seed=plan.run.seed)
    name = plan.evaluate.primary_metric
    metric = metrics(answers, task=plan.task, labels=facts.labels, seed=plan.run.seed, wanted=(name,))[name]
    tell(PreviewEvent("tfidf", name, metric.value, metric.ci95, metric.n, time.perf_counter() - started))


def shown_text(row: Row) -> str:
    """What a person sees of a row beside an answer: its text, or the last turn before the answer."""
    prompt = prompt_of(row.messages)
    return row.text or (prompt[-1].content if prompt else "")


def _contest(inputs: EvaluateInputs, tell: Tracker) -> Contest:
    train, validation, test = (read_rows(inputs.prepared, split) for split in ("train", "validation", "test"))
    return Contest(
        plan=inputs.plan,
        card=inputs.card,
        facts=inputs.facts,
        train=train,
        validation=validation,
        test=test,
        trained=inputs.trained,
        tell=tell,
    )


def _metrics_json(inputs: EvaluateInputs, contest: Contest, results: Results) -> dict[str, Any]:
    plan, labels = inputs.plan, inputs.facts.labels
    measured = {
        name: metrics(answers, task=plan.task, labels=labels, seed=plan.run.seed, wanted=plan.evaluate.metrics)
        for name, answers in results.predictions.items()
    }
    comparisons = _comparisons(inputs, results.predictions, measured)
    sentence = verdict(
        comparisons,
        primary_metric=plan.evaluate.primary_metric,
        metrics_by_system=measured,
        rows=len(contest.test),
        test_set_uses=inputs.test_set_uses,
    )
    is_classify = plan.task == "classify"
    tuned = results.predictions["tuned"]
    names, matrix = confusion(tuned, labels) if is_classify else ((), ())
    return {
        "task": plan.task,
        "primary_metric": plan.evaluate.primary_metric,
        "split": "test",
        "rows": len(contest.test),
        "labels": labels,
        "systems": {name: {key: asdict(m) for key, m in found.items()} for name, found in measured.items()},
        "comparisons": [asdict(c) for c in comparisons],
        "verdict": asdict(sentence),
        "not_run": results.not_run,
        "confusion": {"labels": names, "matrix": matrix} if is_classify else None,
        "per_class": per_class(tuned, labels) if is_classify else None,
        "cost": {name: {"seconds": round(seconds, 3)} for name, seconds in results.seconds.items()},
        "generation": _generation(plan, tuned),
        "test_set_uses": inputs.test_set_uses,
    }


def _comparisons(
    inputs: EvaluateInputs, predictions: dict[str, tuple[Prediction, ...]], measured: dict[str, dict[str, Metric]]
) -> tuple[Comparison, ...]:
    """The tuned model against every other system, on the primary metric where both have it."""
    plan = inputs.plan
    name = plan.evaluate.primary_metric
    rivals = [system for system in predictions if system != "tuned" and measured[system].get(name, _NONE).n]
    return tuple(
        compare(
            predictions["tuned"],
            predictions[rival],
            metric=name,
            task=plan.task,
            labels=inputs.facts.labels,
            seed=plan.run.seed,
        )
        for rival in rivals
        if measured["tuned"].get(name, _NONE).n
    )


_NONE = Metric(float("nan"), 0, "", "")


def _generation(plan: Plan, tuned: tuple[Prediction, ...]) -> dict[str, int] | None:
    if plan.task != "generate":
        return None
    return {
        "rows": sum(p.is_stopped is not None for p in tuned),
        "max_new_tokens": plan.evaluate.max_new_tokens,
    }
