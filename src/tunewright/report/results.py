"""What the page says about the systems: the verdict, the chart, the tables.

In: metrics.json as values. Out: frozen views whose fields are finished text and drawings. Its own file because the
results are one story: every number stands beside its interval, its n and how it was made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from tunewright.core.requirements import Checked, Require, checked, conditions
from tunewright.report import charts, numbers, words
from tunewright.report.costs import CostLine, cost_lines
from tunewright.report.read import Record, RunFiles, as_list, as_record
from tunewright.report.secondary import OtherMetrics, other_metrics_of
from tunewright.report.seeds import SeedLine, seed_lines


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person reads first."""

    kind: str
    """Class of style.css: better, worse, unclear, missing."""
    word: str
    sentence: str
    details: tuple[str, ...]
    required: tuple[Checked, ...] = ()
    """What the plan asks, beside what was measured."""


@dataclass(frozen=True, slots=True)
class System:
    """One line of the chart."""

    name: str
    is_subject: bool
    value: str
    interval: str
    n: str
    picture: Markup


@dataclass(frozen=True, slots=True)
class Cell:
    value: str
    interval: str
    n: str
    """Only where it differs from the line's n."""
    reason: str
    mark: str
    """beaten, ahead: a rival whose difference to the subject remains after correction."""


@dataclass(frozen=True, slots=True)
class MetricLine:
    """One metric over all systems."""

    name: str
    key: str
    unit: str
    direction: str
    n: str
    is_primary: bool
    cells: tuple[Cell, ...]
    signature: str


@dataclass(frozen=True, slots=True)
class ComparisonLine:
    """The subject against one rival."""

    rival: str
    metric: str
    difference: str
    interval: str
    picture: Markup
    p: str
    test: str
    verdict: str
    kind: str


@dataclass(frozen=True, slots=True)
class Results:
    """Everything measured on the test rows."""

    primary: str
    """Name of the primary metric."""
    primary_key: str
    direction: str
    systems: tuple[System, ...]
    """Best first."""
    ticks: Markup
    columns: tuple[str, ...]
    """Names of the systems, in the order of every line's cells."""
    lines: tuple[MetricLine, ...]
    costs: tuple[CostLine, ...]
    comparisons: tuple[ComparisonLine, ...]
    others: OtherMetrics | None
    not_run: tuple[tuple[str, str], ...]
    generation: str
    seeds: tuple[SeedLine, ...]
    """Of a plan that was trained several times."""


def verdict_of(run: RunFiles) -> Verdict:
    """The finished verdict, or why there is none."""
    found = as_record(run.metrics.get("verdict"))
    if found.get("sentence"):
        status = str(found.get("status"))
        kind = {"better": "better", "worse": "worse"}.get(status, "unclear")
        details = tuple(str(detail) for detail in as_list(found.get("details")))
        required = checked(conditions(_asked(run)), run.metrics)
        return Verdict(kind, words.HEADLINES.get(status, status), str(found["sentence"]), details, required)
    for stage in ("prepare", "select", "train", "evaluate"):
        record = run.status(stage)
        if record.get("status") not in (None, "done"):
            why = (f"{record['why']}",) if record.get("why") else ()
            return Verdict(
                "missing", "No verdict yet", f"The stage {stage} is {record['status']}, so nothing is proven.", why
            )
    return Verdict("missing", "No verdict yet", "The evaluation was not run, so nothing is proven.", ())


def _asked(run: RunFiles) -> Require:
    """evaluate.require of the resolved plan: lists in YAML are tuples in a plan."""
    asked = as_record(as_record(run.plan.get("evaluate")).get("require"))
    return {name: tuple(value) if isinstance(value, list) else value for name, value in asked.items()}


def results_of(run: RunFiles) -> Results | None:
    """None when evaluate did not run."""
    measured = {str(k): as_record(v) for k, v in as_record(run.metrics.get("systems")).items()}
    if not measured:
        return None
    primary = str(run.metrics.get("primary_metric") or next(iter(next(iter(measured.values()))), ""))
    ranked = _ranked(measured, primary)
    on = _axis([as_record(measured[s].get(primary)) for s in ranked])
    is_percent = primary in numbers.PERCENT_METRICS
    labels = [f"{100 * tick:.6g} %" if is_percent else f"{tick:.6g}" for tick in on.ticks]
    metric_names = list(dict.fromkeys(name for found in measured.values() for name in found))
    metric_names.sort(key=lambda name: name != primary)
    others = other_metrics_of(run)
    marks = others.marks if others else {}
    return Results(
        primary=words.metric_name(primary),
        primary_key=primary,
        direction=_direction(next((as_record(m[primary]) for m in measured.values() if primary in m), {})),
        systems=tuple(
            _system(s, as_record(measured[s].get(primary)), metric=primary, on=on, subject=run.subject) for s in ranked
        ),
        ticks=charts.tick_line(on, labels=labels),
        columns=tuple(words.system_name(s) for s in ranked),
        lines=tuple(
            _line(name, measured, ranked, marks, is_primary=name == primary, subject=run.subject)
            for name in metric_names
        ),
        costs=cost_lines(as_record(run.metrics.get("cost")), ranked),
        comparisons=_comparisons(run.metrics),
        others=others,
        not_run=tuple((words.system_name(str(k)), str(v)) for k, v in as_record(run.metrics.get("not_run")).items()),
        generation=_generation(as_record(run.metrics.get("generation"))),
        seeds=seed_lines(run),
    )


def primary_of(run: RunFiles) -> Record:
    """The subject's primary metric; empty when it was not measured."""
    measured = as_record(as_record(run.metrics.get("systems")).get(run.subject))
    return as_record(measured.get(str(run.metrics.get("primary_metric"))))


def _ranked(measured: dict[str, Record], primary: str) -> list[str]:
    """Best first; the unmeasured last."""

    def key(system: str) -> tuple[bool, float]:
        metric = as_record(measured[system].get(primary))
        value = numbers.number(metric.get("value"))
        sign = -1 if metric.get("is_higher_better", True) else 1
        return (not math.isfinite(value), sign * value if math.isfinite(value) else 0.0)

    return sorted(measured, key=key)


def _axis(found: Sequence[Record]) -> charts.Axis:
    ends = [end for metric in found for end in numbers.interval(metric.get("ci95"))]
    is_share = any(metric.get("unit") == "share" for metric in found)
    values = ends + [numbers.number(metric.get("value")) for metric in found]
    return charts.axis(values, floor=0, top=1.0) if is_share else charts.axis(values, floor=0)


def _system(word: str, found: Record, *, metric: str, on: charts.Axis, subject: str) -> System:
    value, ends = numbers.number(found.get("value")), numbers.interval(found.get("ci95"))
    shown, between = numbers.metric_text(value, metric=metric), numbers.interval_text(ends, metric=metric)
    name = words.system_name(word)
    title = f"{name}: {shown}" + (f", 95 % interval {between}" if between else "")
    kind = "ours" if word == subject else "other"
    picture = charts.dot_and_whisker(value, ends, on=on, title=title, kind=kind)
    return System(name, word == subject, shown, between, numbers.count_text(found.get("n")), picture)


def _line(
    name: str,
    measured: dict[str, Record],
    ranked: Sequence[str],
    marks: Mapping[tuple[str, str], str],
    *,
    is_primary: bool,
    subject: str,
) -> MetricLine:
    found = [as_record(measured[system].get(name)) for system in ranked]
    best = next((metric for metric in found if metric.get("n")), found[0] if found else {})
    n = next(
        (metric.get("n") for system, metric in zip(ranked, found, strict=True) if system == subject), best.get("n")
    )
    return MetricLine(
        name=words.metric_name(name),
        key=name,
        unit=numbers.unit_text(best.get("unit"), metric=name),
        direction=_direction(best),
        n=numbers.count_text(n),
        is_primary=is_primary,
        cells=tuple(
            _cell(metric, name, n=n, mark=marks.get((system, name), ""))
            for system, metric in zip(ranked, found, strict=True)
        ),
        signature=str(best.get("signature") or ""),
    )


def _cell(metric: Record, name: str, *, n: object, mark: str) -> Cell:
    is_other_n = bool(metric) and metric.get("n") != n
    return Cell(
        value=numbers.metric_text(metric.get("value"), metric=name),
        interval=numbers.interval_text(metric.get("ci95"), metric=name),
        n=numbers.count_text(metric.get("n")) if is_other_n else "",
        reason=str(metric.get("reason") or ""),
        mark=mark,
    )


def _comparisons(metrics: Record) -> tuple[ComparisonLine, ...]:
    found = [as_record(c) for c in as_list(metrics.get("comparisons"))]
    ends = [e for c in found for e in (*numbers.interval(c.get("ci95")), numbers.number(c.get("difference")))]
    on = charts.axis([*ends, 0.0], n_ticks=3)
    return tuple(_comparison(c, on=on) for c in found)


def _comparison(found: Record, *, on: charts.Axis) -> ComparisonLine:
    metric, rival = str(found.get("metric") or ""), words.system_name(str(found.get("b") or ""))
    difference = numbers.difference_text(found.get("difference"), metric=metric)
    between = numbers.difference_interval_text(found.get("ci95"), metric=metric)
    verdict = str(found.get("verdict") or "not run")
    kind = {"better": "better", "worse": "worse"}.get(verdict, "unclear")
    title = f"Difference to {rival}: {difference}" + (f", 95 % interval {between}" if between else "")
    value, ends = numbers.number(found.get("difference")), numbers.interval(found.get("ci95"))
    picture = charts.dot_and_whisker(value, ends, on=on, title=title, kind=kind, zero=True)
    name, p, test = words.metric_name(metric), numbers.p_text(found.get("p_value")), str(found.get("test") or "")
    return ComparisonLine(rival, name, difference, between, picture, p, test, verdict, kind)


def _direction(metric: Record) -> str:
    is_higher = metric.get("is_higher_better", True)
    if is_higher is None:
        return "closest to 1 is best"
    return "higher is better" if is_higher else "lower is better"


def _generation(found: Record) -> str:
    if not found:
        return ""
    rows, cap = numbers.count_text(found.get("rows")), numbers.count_text(found.get("max_new_tokens"))
    return f"Answers were written for {rows} rows, at most {cap} tokens each; likelihood uses every row."
