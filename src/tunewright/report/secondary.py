"""What the page says about the metrics that do not decide: which of their differences remain among many looks.

In: metrics.json's `secondary`. Out: a frozen view; None for runs of earlier versions. Its own file because the primary
metric's comparisons are the verdict's, and these must not be read as if they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tunewright.report import numbers, words
from tunewright.report.read import Record, RunFiles, as_list, as_record

MARKS = {"better": "beaten", "worse": "ahead"}
"""Of a rival, where the difference remains: the subject is better, or worse."""


@dataclass(frozen=True, slots=True)
class OtherLine:
    """One metric against one rival."""

    rival: str
    metric: str
    difference: str
    interval: str
    p: str
    p_holm: str
    word: str
    kind: str
    """Class of style.css."""


@dataclass(frozen=True, slots=True)
class OtherMetrics:
    """Finished text."""

    sentence: str
    lines: tuple[OtherLine, ...]
    marks: Mapping[tuple[str, str], str]
    """Rival and metric, as words of metrics.json -> beaten or ahead; those that remain only."""


def other_metrics_of(run: RunFiles) -> OtherMetrics | None:
    """None when no other metric was compared."""
    found = [as_record(one) for one in as_list(run.metrics.get("secondary"))]
    found = [one for one in found if numbers.is_known(one.get("p_holm"))]
    if not found:
        return None
    remaining = [one for one in found if str(one.get("verdict")) in MARKS]
    return OtherMetrics(
        sentence=_sentence(found, remaining=len(remaining)),
        lines=tuple(map(_line, found)),
        marks={_place(one): MARKS[str(one["verdict"])] for one in remaining},
    )


def _place(one: Record) -> tuple[str, str]:
    comparison = as_record(one.get("comparison"))
    return str(comparison.get("b")), str(comparison.get("metric"))


def _sentence(found: list[Record], *, remaining: int) -> str:
    alone = sum(str(as_record(one.get("comparison")).get("verdict")) in MARKS for one in found) - remaining
    n, n_rivals = len(found), len({_place(one)[0] for one in found})
    remain = "1 remains" if remaining == 1 else f"{remaining:,} remain"
    each = f"{round(n / n_rivals):,} looks at {'the rival' if n_rivals == 1 else 'each rival'}"
    more = f"; {alone:,} more would look real alone" if alone else ""
    differences = "1 difference" if n == 1 else f"{n:,} differences"
    return f"Of {differences} in other metrics {remain} after Holm's correction for the {each}{more}."


def _line(one: Record) -> OtherLine:
    comparison = as_record(one.get("comparison"))
    rival, metric = _place(one)
    verdict, alone = str(one.get("verdict")), str(comparison.get("verdict"))
    return OtherLine(
        rival=words.system_name(rival),
        metric=words.metric_name(metric),
        difference=numbers.difference_text(comparison.get("difference"), metric=metric),
        interval=numbers.difference_interval_text(comparison.get("ci95"), metric=metric),
        p=numbers.p_text(comparison.get("p_value")),
        p_holm=numbers.p_text(one.get("p_holm")),
        word=verdict if verdict in MARKS or alone not in MARKS else f"{alone} only when looked at alone",
        kind=verdict if verdict in MARKS else "unclear",
    )
