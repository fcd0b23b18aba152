"""What the page says about the model's confidence: said against found, and what putting unsure answers aside buys.

In: metrics.json's `calibration`. Out: a frozen view; None where no probabilities were measured. Its own file because it
answers one question of its own: which answers may go out without a person looking at them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from tunewright.report import charts, numbers
from tunewright.report.read import Record, RunFiles, as_list, as_record

_SHARE = "accuracy"
"""Both columns are shares of rows and read as per cent."""


@dataclass(frozen=True, slots=True)
class BinLine:
    """Rows that are about equally sure."""

    said: str
    found: str
    interval: str
    n: str
    picture: Markup


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """The surest rows alone."""

    coverage: str
    threshold: str
    accuracy: str
    interval: str
    n: str


@dataclass(frozen=True, slots=True)
class ThresholdLine:
    """What keeps a promise."""

    wished: str
    threshold: str
    coverage: str
    accuracy: str
    interval: str
    n: str


@dataclass(frozen=True, slots=True)
class BelievedConfidence:
    """Finished text."""

    sentence: str
    bins: tuple[BinLine, ...]
    ticks: Markup
    coverages: tuple[CoverageLine, ...]
    thresholds: tuple[ThresholdLine, ...]
    unpromised: str
    """What validation has too few right answers for; empty where every wish can be promised."""
    temperature: str


def confidence_of(run: RunFiles) -> BelievedConfidence | None:
    """None for a run of an older version, or a model without probabilities."""
    found = as_record(run.metrics.get("calibration"))
    bins = [as_record(one) for one in as_list(found.get("bins"))]
    bins = [one for one in bins if all(numbers.is_known(one.get(name)) for name in ("n", "confidence", "accuracy"))]
    if not bins:
        return None
    on = charts.axis(
        [number for one in bins for number in (*numbers.interval(one.get("ci95")), numbers.number(one["confidence"]))],
        floor=0,
        top=1.0,
    )
    wishes = [as_record(one) for one in as_list(found.get("thresholds"))]
    error = as_record(as_record(as_record(run.metrics.get("systems")).get(run.subject)).get("ece"))
    return BelievedConfidence(
        sentence=_sentence(bins, error=error.get("value"), by_chance=found.get("error_by_chance")),
        bins=tuple(_bin(one, on=on) for one in bins),
        ticks=charts.tick_line(on, labels=[f"{100 * tick:.6g} %" for tick in on.ticks]),
        coverages=tuple(_coverage(as_record(one)) for one in as_list(found.get("coverages"))),
        thresholds=tuple(_threshold(one) for one in wishes if one.get("threshold") is not None),
        unpromised=_unpromised([one for one in wishes if one.get("threshold") is None]),
        temperature=_temperature(as_record(found.get("temperature"))),
    )


def _sentence(bins: list[Record], *, error: object, by_chance: object) -> str:
    n = sum(numbers.number(one["n"]) for one in bins)
    said, found = (
        sum(numbers.number(one["n"]) * numbers.number(one[name]) for one in bins) / n
        for name in ("confidence", "accuracy")
    )
    told = f"On average it is {numbers.percent_text(said)} sure and right in {numbers.percent_text(found)}"
    if not numbers.is_known(error):
        return f"{told}."
    return (
        f"{told}; said and found lie {_points(error)} apart in the bins below. A model whose confidence is exactly "
        f"true would show {_points(by_chance)} on so many rows, by chance alone."
    )


def _temperature(found: Record) -> str:
    """Empty where it was not fitted."""
    value, before_after = numbers.number(found.get("value")), numbers.interval(found.get("ece"))
    if not math.isfinite(value) or not math.isfinite(before_after[0]):
        return ""
    if not found.get("is_clear"):
        n = numbers.count_text(found.get("n"))
        return f"On {n} validation rows its confidence is neither too high nor too low, as far as these rows can tell."
    is_too = "too sure" if value > 1 else "not sure enough"
    return (
        f"On {numbers.count_text(found.get('n'))} validation rows it is {is_too}: its log-probabilities, divided by a "
        f"temperature of {value:.2f}, fit best there. On the test rows said and found would then lie "
        f"{_points(before_after[1])} apart instead of {_points(before_after[0])}. The answers stay the same."
    )


def _unpromised(wishes: list[Record]) -> str:
    if not wishes:
        return ""
    ends = [numbers.percent_text(one.get("wished")) for one in (wishes[0], wishes[-1])]
    between = ends[0] if len(wishes) == 1 else " to ".join(ends)
    return f"Too few validation rows, or too few of them right, to promise {between} of right answers."


def _threshold(one: Record) -> ThresholdLine:
    return ThresholdLine(
        wished=numbers.percent_text(one.get("wished")),
        threshold=numbers.metric_text(one.get("threshold"), metric=_SHARE),
        coverage=numbers.percent_text(one.get("coverage")),
        accuracy=numbers.metric_text(one.get("accuracy"), metric=_SHARE),
        interval=numbers.interval_text(one.get("ci95"), metric=_SHARE),
        n=numbers.count_text(one.get("n")),
    )


def _points(value: object) -> str:
    return f"{100 * numbers.number(value):.1f} points"


def _bin(one: Record, *, on: charts.Axis) -> BinLine:
    said, found = (numbers.metric_text(one[name], metric=_SHARE) for name in ("confidence", "accuracy"))
    ends = numbers.interval(one.get("ci95"))
    between = numbers.interval_text(ends, metric=_SHARE)
    is_true = ends[0] <= numbers.number(one["confidence"]) <= ends[1]
    picture = charts.dot_and_whisker(
        numbers.number(one["accuracy"]),
        ends,
        on=on,
        title=f"Says {said}, is right in {found}, 95 % interval {between}",
        kind="ours" if is_true else "worse",
    )
    return BinLine(said, found, between, numbers.count_text(round(numbers.number(one["n"]))), picture)


def _coverage(one: Record) -> CoverageLine:
    return CoverageLine(
        coverage=numbers.percent_text(one["coverage"]),
        threshold=numbers.metric_text(one["threshold"], metric=_SHARE),
        accuracy=numbers.metric_text(one["accuracy"], metric=_SHARE),
        interval=numbers.interval_text(one.get("ci95"), metric=_SHARE),
        n=numbers.count_text(one["n"]),
    )
