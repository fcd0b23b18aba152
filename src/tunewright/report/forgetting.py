"""What the page says about the other side of a gain: what was forgotten, and what was learned by heart.

In: metrics.json's `forgetting` and `memorisation`. Out: a frozen view; None for a run that has neither. Its own file
because both belong beside the gain and to no system of the results.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from tunewright.report import charts, numbers
from tunewright.report.charts import Series
from tunewright.report.read import Record, RunFiles, as_list, as_record

BITS = "bits_per_byte"


@dataclass(frozen=True, slots=True)
class Line:
    """One number, before and after where there is a before."""

    name: str
    before: str
    after: str
    difference: str
    note: str


@dataclass(frozen=True, slots=True)
class Recital:
    """A training answer that is given word for word, masked."""

    row_id: str
    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Finished text; empty where it was not measured."""

    is_alarmed: bool
    alarm: str
    advice: tuple[str, ...]
    why_not: str
    """Why forgetting was not measured."""
    lines: tuple[Line, ...]
    curve: Markup
    curve_sentence: str
    curve_how: str
    memory: str
    memory_why_not: str
    warning: str
    recitals: tuple[Recital, ...]


def forgetting_of(run: RunFiles) -> Forgetting | None:
    """None for a run of an older version, and for models that write no text."""
    found, memory = as_record(run.metrics.get("forgetting")), as_record(run.metrics.get("memorisation"))
    if not (found or memory) or run.task not in ("generate", "text"):
        return None
    alarm, curve = as_record(found.get("alarm")), as_record(found.get("curve"))
    return Forgetting(
        is_alarmed=alarm.get("is_on") is True,
        alarm=str(alarm.get("sentence") or ""),
        advice=tuple(str(line) for line in as_list(alarm.get("advice"))),
        why_not=str(found.get("reason") or ("" if alarm else numbers.NOT_MEASURED)),
        lines=_lines(run, found),
        curve=_chart(curve),
        curve_sentence=str(curve.get("sentence") or curve.get("reason") or ""),
        curve_how=str(curve.get("how") or ""),
        memory=str(memory.get("sentence") or ""),
        memory_why_not=str(memory.get("reason") or ("" if memory.get("sentence") else numbers.NOT_MEASURED)),
        warning=str(as_record(memory.get("private")).get("warning") or ""),
        recitals=tuple(
            Recital(*(str(as_record(one).get(name) or "") for name in ("row_id", "prompt", "answer")))
            for one in as_list(memory.get("examples"))
        ),
    )


def _lines(run: RunFiles, found: Record) -> tuple[Line, ...]:
    """The task first: what was gained stands beside what it cost."""
    lines = []
    systems = as_record(run.metrics.get("systems"))
    task = {name: as_record(as_record(systems.get(name)).get(BITS)) for name in ("base", run.subject)}
    if all(task.values()):
        compared = next((c for c in map(as_record, as_list(run.metrics.get("comparisons"))) if _is_of_base(c)), {})
        lines.append(_line("The task: references of the test rows", task["base"], task[run.subject], compared))
    general = as_record(found.get("general"))
    if general:
        source = "shipped" if general.get("source") == "shipped" else str(general.get("source") or "")
        name = f"General text: {numbers.count_text(general.get('paragraphs'))} paragraphs ({source})"
        before, after, compared = (as_record(general.get(key)) for key in ("base", "tuned", "comparison"))
        lines.append(_line(name, before, after, compared))
    kl = as_record(found.get("kl"))
    if kl:
        between = numbers.interval_text(kl.get("ci95"), metric=BITS)
        note = f"95 % interval {between}" if between else str(kl.get("reason") or "")
        value = numbers.metric_text(kl.get("value"), metric=BITS)
        lines.append(Line("How far it moved on the task, nats a token", "0", value, "", note))
    return tuple(lines)


def _is_of_base(compared: Record) -> bool:
    return compared.get("b") == "base" and compared.get("metric") == BITS


def _line(name: str, before: Record, after: Record, compared: Record) -> Line:
    between = numbers.difference_interval_text(compared.get("ci95"), metric=BITS)
    p = f", p {numbers.p_text(compared.get('p_value'))}" if numbers.is_known(compared.get("p_value")) else ""
    return Line(
        name=name,
        before=numbers.metric_text(before.get("value"), metric=BITS),
        after=numbers.metric_text(after.get("value"), metric=BITS),
        difference=numbers.difference_text(compared.get("difference"), metric=BITS) if compared else "",
        note=f"95 % interval {between}{p}" if between else "",
    )


def _chart(curve: Record) -> Markup:
    """Bits per byte over the adapter's weight; both lines on one axis, because both are bits per byte."""
    points = [as_record(point) for point in as_list(curve.get("points"))]
    if len(points) < 2 or not all(numbers.is_known(point.get("weight")) for point in points):
        return Markup("")
    series = [
        Series(
            label,
            tuple((numbers.number(p["weight"]), numbers.number(p.get(key))) for p in points),
            kind,
            label,
            has_dots=True,
        )
        for key, label, kind in (("task", "the task", "ours"), ("general", "general text", "other"))
    ]
    return charts.line_chart(
        series,
        title="Bits per byte over the weight of the adapter",
        description="Both lines: lower is better. At 0 the model is as before tuning, at 1 as it was trained.",
        x_label="weight of the adapter",
    )
