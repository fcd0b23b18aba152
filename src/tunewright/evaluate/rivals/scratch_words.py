"""What a training from random weights came to, in one sentence: score, difference, p, interval, both costs.

In: the comparison, the scores, what both trainings took. Out: the sentence. Its own file because it is said whatever
the answer is, and must hold all that a doubtful reader asks next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tunewright.core.systems import is_scratch, scratch_times
from tunewright.core.values import Comparison, Metric
from tunewright.evaluate.again import Trainer
from tunewright.evaluate.measures.definition import UNIT
from tunewright.evaluate.rivals.scratch import scratch_record
from tunewright.evaluate.verdict import MetricsBySystem, number_words, p_words


def scratch_claims(
    comparisons: Sequence[Comparison], *, metrics_by_system: MetricsBySystem, trainer: Trainer | None
) -> tuple[str, ...]:
    """One sentence for each system that was trained from random weights."""
    if trainer is None:
        return ()
    return tuple(
        scratch_sentence(
            c,
            score=metrics_by_system[c.b][c.metric],
            ours=trainer.summary,
            record=scratch_record(c.b, folder=trainer.folder, summary=trainer.summary),
        )
        for c in comparisons
        if is_scratch(c.b)
    )


def scratch_sentence(
    comparison: Comparison, *, score: Metric, ours: Mapping[str, Any], record: Mapping[str, Any]
) -> str:
    """score: of the system from scratch. ours: summary.json of the tuned model's training. record: `scratch_record`."""
    reached = number_words(score.value, comparison.metric) if score.n else "no score"
    trials = record["trials"]
    trial_seconds = sum(trial.get("seconds") or 0.0 for trial in trials)
    trial_share = sum(trial.get("needed_flops") or 0.0 for trial in trials) / record["budget_flops"]
    return (
        f"From random weights the same model reached {reached} with {_budget(comparison.b, ours=ours, record=record)} "
        f"({record['steps']:,} steps, {record['epochs']:.3g} epochs; the tuned model took {ours['steps']:,}"
        f"{_fewer(ours)}): {_claim(comparison, unit=score.unit)}. Training took {_seconds(ours['seconds'])} for the "
        f"tuned model and {_seconds(record['seconds'])} from random weights; {_seconds(trial_seconds)} more, "
        f"{trial_share:.2g} times its operations, went into {len(trials)} short trials that found its rate of "
        f"{record['learning_rate']:g}, beside that budget."
    )


def _budget(system: str, *, ours: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    flops = f"{record['needed_flops']:.2g} floating-point operations"
    times = scratch_times(system)
    if times == 1:
        return f"as many operations as the tuned model's training, {flops}"
    if math.isinf(times):
        more = record["needed_flops"] / ours["needed_flops"]
        return f"as many operations as helped, {flops}, {more:.3g} times those of the tuned model's training"
    return f"{times:g} times the operations of the tuned model's training, {flops}"


def _fewer(ours: Mapping[str, Any]) -> str:
    """Why equal operations are not equal steps."""
    share = ours["needed_flops"] / ours["full_flops"]
    return f", with {share:.0%} of the operations a step, as not every weight learned" if share < 0.99 else ""


def _claim(comparison: Comparison, *, unit: str) -> str:
    if not math.isfinite(comparison.difference):
        return f"not compared ({comparison.test})"
    in_unit, is_open = "" if unit == UNIT else f" {unit}", comparison.verdict == "not distinguishable"
    by = " from it" if is_open else f" by {abs(comparison.difference):.4g}{in_unit}"
    low, high = comparison.ci95
    interval = f", 95 % interval of the difference {low:+.4g} to {high:+.4g}{in_unit}" if math.isfinite(low) else ""
    return f"the tuned model is {comparison.verdict}{by}{interval}, {p_words(comparison.p_value)}"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 100 else f"{value / 60:.1f} min"
