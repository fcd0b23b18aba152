"""What the page says about the training: curves, speed, memory.

In: steps.jsonl and summary.json as values. Out: a frozen view. Its own file because curves come from events, not from
metrics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from tunewright.report import charts, numbers, words
from tunewright.report.blocks import FoundBlocks, found_blocks_of
from tunewright.report.electricity import electricity
from tunewright.report.memory import MemoryBars, memory_bars_of
from tunewright.report.reached import Reached, reached_of
from tunewright.report.read import Record, RunFiles, as_record


@dataclass(frozen=True, slots=True)
class Training:
    """Finished text and drawings."""

    method: str
    facts: tuple[tuple[str, str, str], ...]
    """(what, value, a few words on it)."""
    loss: Markup
    loss_unit: str
    rate: Markup
    peak_rate: str
    search: Markup
    """The losses at the rates that were tried; empty when none were."""
    search_words: str
    blocks: FoundBlocks | None
    caption: str
    validations: tuple[tuple[str, str, str, bool], ...]
    """(step, loss, score, is the kept one)."""
    memory: MemoryBars | None
    reached: Reached | None
    is_unfinished: bool
    """Steps were logged but no summary was written."""


def training_of(run: RunFiles) -> Training | None:
    """None when no step was logged and no summary written."""
    steps = [s for s in run.steps if s.get("event") == "StepEvent"]
    validations = [s for s in run.steps if s.get("event") == "ValidationEvent"]
    if not steps and not run.summary:
        return None
    losses = charts.averaged(_points(steps, "loss_nats"))
    group = math.ceil(len(steps) / len(losses)) if losses else 1
    held = tuple(_points(validations, "loss_nats"))
    method, unit = str(run.summary.get("method") or ""), _unit(run.summary)
    averages = "Each step is drawn" if group == 1 else f"Each point of the training line is the mean of {group} steps"
    return Training(
        method=words.METHODS.get(method, method) + words.few_bits(run.summary.get("quantization")),
        facts=_facts(run.summary),
        loss=_loss_chart(losses, held, unit=unit),
        loss_unit=unit,
        rate=_rate_chart(steps, peak=_peak_rate(steps)),
        peak_rate=_peak_rate(steps),
        search=_search_chart(as_record(run.summary.get("learning_rate_search"))),
        search_words=str(as_record(run.summary.get("learning_rate_search")).get("reason") or ""),
        blocks=found_blocks_of(run.summary),
        caption=f"{averages}. Loss in {unit} for each target; lower is better.",
        validations=tuple(_validation(v, run.summary) for v in validations),
        memory=memory_bars_of(run),
        reached=reached_of(run.summary),
        is_unfinished=not run.summary,
    )


def minutes_of(run: RunFiles) -> tuple[str, str]:
    """Time of all stages, and of the training steps alone."""
    stages = [run.status(stage).get("seconds") for stage in ("prepare", "select", "train", "evaluate")]
    known = [numbers.number(seconds) for seconds in stages if numbers.is_known(seconds)]
    return numbers.seconds_text(sum(known) if known else None), numbers.seconds_text(run.summary.get("seconds"))


def memory_words(summary: Record) -> str:
    """Peak against prediction; empty when either is unknown."""
    peak, predicted = (numbers.number(summary.get(k)) for k in ("peak_memory_bytes", "predicted_peak_memory_bytes"))
    if not (math.isfinite(peak) and math.isfinite(predicted) and predicted > 0):
        return ""
    return f"predicted {numbers.bytes_text(predicted)} ({100 * (peak - predicted) / predicted:+.0f} %)".replace(
        "-", "−"
    )


def _facts(summary: Record) -> tuple[tuple[str, str, str], ...]:
    if not summary:
        return ()
    trained, total = (
        numbers.number(summary.get("trainable_parameters")),
        numbers.number(summary.get("total_parameters")),
    )
    share = f"of {numbers.rounded_count_text(total)} ({100 * trained / total:.3g} %)" if total > 0 else ""
    planned, steps = summary.get("n_steps_planned"), summary.get("steps")
    early = f"stopped early, {numbers.count_text(planned)} were planned" if summary.get("stopped_early") else ""
    epochs = numbers.number(summary.get("epochs"))
    kept, cost, unit = summary.get("best_step"), electricity(summary), _unit(summary)
    return (
        ("Steps", numbers.count_text(steps), early or (f"{epochs:.3g} epochs" if math.isfinite(epochs) else "")),
        ("Trained weights", numbers.rounded_count_text(trained), share),
        ("Tokens", numbers.rounded_count_text(summary.get("tokens_seen")), "seen, padding not counted"),
        ("Speed", numbers.count_text(summary.get("tokens_per_second")), "tokens a second"),
        ("Use of the processor", numbers.percent_text(summary.get("utilisation")), "of its measured matrix rate"),
        ("Peak memory", numbers.bytes_text(summary.get("peak_memory_bytes")), memory_words(summary)),
        ("Training loss", numbers.significant_text(summary.get("train_loss_nats")), f"{unit}, last step"),
        (
            "Validation loss",
            numbers.significant_text(summary.get("validation_loss_nats")),
            f"{unit}, best: step {numbers.count_text(kept)}" if kept else unit,
        ),
        *((cost,) if cost else ()),
    )


def _unit(summary: Record) -> str:
    return str(summary.get("loss_unit") or "nats")


def _loss_chart(losses: tuple[tuple[float, float], ...], held: tuple[tuple[float, float], ...], *, unit: str) -> Markup:
    series = []
    if losses:
        series.append(charts.Series("train", losses, "other", f"training {_last(losses)}"))
    if held:
        series.append(charts.Series("validation", held, "ours", f"validation {_last(held)}", has_dots=True))
    known = [y for _, y in losses if math.isfinite(y)]
    description = f"Training loss from {_short(known[0])} to {_short(known[-1])} {unit}." if known else ""
    if held:
        description += f" Validation loss ends at {_last(held)} {unit}."
    return charts.line_chart(series, title="Loss while training", description=description, x_label="optimizer step")


def _rate_chart(steps: list[Record], *, peak: str) -> Markup:
    rates = charts.averaged(_points(steps, "learning_rate"))
    return charts.line_chart(
        [charts.Series("learning rate", rates, "ours", "")],
        title="Learning rate",
        description=f"The learning rate peaks at {peak}.",
        x_label="optimizer step",
        height=170,
    )


def _search_chart(search: Record) -> Markup:
    """The smoothed loss over the tried rates, evenly in their logarithm; a dot where the rate is that was taken."""
    tried = [
        (numbers.number(p.get("rate")), numbers.number(p.get("smoothed_nats"))) for p in search.get("points") or ()
    ]
    if not tried:
        return Markup("")
    curve = tuple((float(i), loss) for i, (_, loss) in enumerate(tried, start=1))
    rate = numbers.number(search.get("rate"))
    at = min(range(len(tried)), key=lambda i: abs(math.log(tried[i][0] / rate)))
    first, last = (numbers.significant_text(tried[i][0]) for i in (0, -1))
    return charts.line_chart(
        [
            charts.Series("loss", curve, "other", ""),
            charts.Series("taken", (curve[at],), "ours", f"taken: {numbers.significant_text(rate)}", has_dots=True),
        ],
        title="Loss at the rates that were tried",
        description=f"The rate rises from {first} to {last}; {numbers.significant_text(rate)} was taken.",
        x_label="step of the test, at a higher rate each",
        height=170,
    )


def _peak_rate(steps: list[Record]) -> str:
    known = [y for _, y in _points(steps, "learning_rate") if math.isfinite(y)]
    return numbers.significant_text(max(known)) if known else ""


def _validation(event: Record, summary: Record) -> tuple[str, str, str, bool]:
    score = numbers.percent_text(event.get("score")) if numbers.is_known(event.get("score")) else ""
    is_kept = bool(summary.get("best_step")) and event.get("step") == summary.get("best_step")
    return numbers.count_text(event.get("step")), numbers.significant_text(event.get("loss_nats")), score, is_kept


def _points(events: list[Record], field: str) -> list[tuple[float, float]]:
    known = [(numbers.number(e.get("step")), numbers.number(e.get(field))) for e in events]
    return [(x, y) for x, y in known if math.isfinite(x)]


def _last(points: tuple[tuple[float, float], ...]) -> str:
    return _short(next((y for _, y in reversed(points) if math.isfinite(y)), math.nan))


def _short(value: float) -> str:
    return numbers.significant_text(value)
