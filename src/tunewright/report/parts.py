"""Where the model is weak: its score on parts of the test rows, the parts that clearly differ from the rest first.

In: metrics.json's `slices`. Out: a frozen view; None where no part was large enough. Its own file because it answers
one question of its own: for whom does the model work less well than the one number says?
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from tunewright.report import charts, numbers, words
from tunewright.report.read import Record, RunFiles, as_list, as_record
from tunewright.text.private import masked

SHOWN = 60
MOST_CHARACTERS = 60
_ORDER = ("weaker", "", "stronger")


@dataclass(frozen=True, slots=True)
class PartLine:
    """Rows that have something in common."""

    feature: str
    value: str
    n: str
    score: str
    interval: str
    picture: Markup
    rival: str
    p: str
    word: str
    """weaker, stronger, or nothing where chance explains it."""
    kind: str
    """Class of style.css."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Finished text."""

    sentence: str
    metric: str
    lines: tuple[PartLine, ...]
    ticks: Markup
    rival: str
    """Name of the rival beside it; empty for none."""
    left_out: int
    """Parts that are only in metrics.json."""


def parts_of(run: RunFiles) -> Parts | None:
    """None for a run of an older version, or where no part has enough rows."""
    found = [as_record(one) for one in as_list(run.metrics.get("slices"))]
    found = [one for one in found if numbers.is_known(as_record(one.get("subject")).get("value"))]
    if not found:
        return None
    rival = str(found[0].get("rival_system") or "")
    metric = str(run.metrics.get("primary_metric") or "")
    found.sort(key=lambda one: _ORDER.index(str(one.get("word") or "")))
    shown = found[:SHOWN]
    scores = [as_record(one["subject"]) for one in shown]
    values = [x for of in scores for x in (*numbers.interval(of.get("ci95")), numbers.number(of.get("value")))]
    is_share = scores[0].get("unit") == "share"
    on = charts.axis(values, floor=0, top=1.0) if is_share else charts.axis(values, floor=0)
    is_percent = metric in numbers.PERCENT_METRICS
    lines = tuple(_line(one, metric=metric, on=on) for one in shown)
    return Parts(
        sentence=_sentence(found),
        metric=words.metric_name(metric),
        lines=lines,
        ticks=charts.tick_line(on, labels=[f"{100 * t:.6g} %" if is_percent else f"{t:.6g}" for t in on.ticks]),
        rival=words.system_name(rival) if rival else "",
        left_out=len(found) - len(shown),
    )


def _sentence(found: list[Record]) -> str:
    weaker = sum(one.get("word") == "weaker" for one in found)
    n = len(found)
    of = "1 part" if n == 1 else f"{n:,} parts"
    if not weaker:
        return f"Looked at in {of}: none is clearly weaker than the rest."
    return f"Looked at in {of}: {weaker:,} {'is' if weaker == 1 else 'are'} clearly weaker than the rest."


def _name(feature: str, value: str) -> str:
    """A label or a cell may hold what must not be shown; a long one is cut."""
    text = words.language_name(value) if feature == "language" else masked(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]} …"


def _line(one: Record, *, metric: str, on: charts.Axis) -> PartLine:
    subject, rival, word = as_record(one["subject"]), as_record(one.get("rival")), str(one.get("word") or "")
    value, ends = numbers.number(subject.get("value")), numbers.interval(subject.get("ci95"))
    score, between = numbers.metric_text(value, metric=metric), numbers.interval_text(ends, metric=metric)
    name = _name(str(one.get("feature") or ""), str(one.get("value") or ""))
    return PartLine(
        feature=str(one.get("feature") or ""),
        value=name,
        n=numbers.count_text(one.get("n")),
        score=score,
        interval=between,
        picture=charts.dot_and_whisker(
            value, ends, on=on, title=f"{name}: {score}, {between}", kind="worse" if word == "weaker" else "ours"
        ),
        rival=numbers.metric_text(rival.get("value"), metric=metric) if rival else "",
        p=numbers.p_text(one.get("p_value")),
        word=word,
        kind={"weaker": "worse", "stronger": "better"}.get(word, "unclear"),
    )
