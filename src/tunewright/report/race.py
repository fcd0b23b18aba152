"""What the page says about the race: every candidate's losses, who won and why, what twice the data would buy.

In: race.json and learning_curve.json as values. Out: a frozen view; None when nothing raced. Its own file because these
losses are of short trainings: none of them may be taken for a result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tunewright.report import charts, numbers
from tunewright.report.read import Record, RunFiles, as_list, as_record

MOST_LINES = 6
"""Candidates that are drawn: more lines than that are a tangle."""
BAND_ROOM = 1.25
"""Times the highest measured loss: a band beyond it would press the curve flat."""


@dataclass(frozen=True, slots=True)
class RaceLine:
    """One candidate in the table."""

    name: str
    losses: str
    told: str
    time: str
    fate: str
    """Won, next, dropped after so many rows, failed because."""
    is_winner: bool


@dataclass(frozen=True, slots=True)
class FrozenLine:
    """One model before tuning."""

    model: str
    parameters: str
    scores: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RaceView:
    """The section."""

    words: tuple[str, ...]
    """Why it won, what would change it, whether tuning is worth it."""
    lines: tuple[RaceLine, ...]
    frozen: tuple[FrozenLine, ...]
    picks: tuple[tuple[str, str], ...]
    """A cheaper way to choose, and what it would have taken."""
    left_out: tuple[tuple[str, str], ...]
    chart: Markup
    curve: Markup
    curve_words: str
    unit: str
    time: str
    """Taken, of the budget."""


def race_of(run: RunFiles) -> RaceView | None:
    """None when nothing raced."""
    record = run.race
    if not record:
        return None
    winner, unit = str(record.get("winner") or ""), str(record.get("unit") or "")
    candidates = [as_record(one) for one in as_list(record.get("candidates"))]
    curve = run.learning_curve or as_record(record.get("learning_curve"))
    said = [str(record[key]) for key in ("reason", "would_change", "worth") if record.get(key)]
    spent, budget = (numbers.seconds_text(record.get(key)) for key in ("spent_seconds", "budget_seconds"))
    return RaceView(
        words=tuple(_sentence(f"{winner} {words}" if i == 0 else words) for i, words in enumerate(said)),
        lines=tuple(_line(one, winner=winner, second=str(record.get("runner_up"))) for one in candidates),
        frozen=tuple(_frozen(as_record(one)) for one in as_list(record.get("frozen"))),
        picks=tuple((how, str(what)) for how, what in as_record(record.get("picks")).items() if what),
        left_out=tuple((name, str(why)) for name, why in as_record(record.get("left_out")).items()),
        chart=_chart(candidates, winner=winner, unit=unit),
        curve=_curve_chart(curve, unit=unit),
        curve_words=_sentence(f"{curve['sentence']} {unit}") if curve.get("sentence") else "",
        unit=unit,
        time=f"{spent} of {budget}",
    )


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _line(one: Record, *, winner: str, second: str) -> RaceLine:
    name, losses = str(one.get("name") or ""), as_record(one.get("losses"))
    seconds = [numbers.number(value) for value in as_record(one.get("seconds")).values()]
    told = numbers.significant_text(one.get("told_loss")) if numbers.is_known(one.get("told_loss")) else ""
    error = numbers.significant_text(one.get("told_error")) if numbers.is_known(one.get("told_error")) else ""
    return RaceLine(
        name=name,
        losses=", ".join(f"{numbers.significant_text(loss)} at {size}" for size, loss in losses.items()),
        told=f"{told} ± {error}" if told and error else told,
        time=numbers.seconds_text(sum(seconds)) if seconds else "",
        fate=_fate(one, is_winner=name == winner, is_second=name == second),
        is_winner=name == winner,
    )


def _fate(one: Record, *, is_winner: bool, is_second: bool) -> str:
    if one.get("failure"):
        return f"failed: {one['failure']}"
    if one.get("dropped_after"):
        return f"dropped after {numbers.count_text(one['dropped_after'])} rows"
    return "won" if is_winner else "next" if is_second else ""


def _frozen(one: Record) -> FrozenLine:
    keys = ("h_score", "logme", "knn_accuracy", "probe_accuracy", "bits_per_byte")
    scores = tuple(numbers.significant_text(one.get(k)) if numbers.is_known(one.get(k)) else "–" for k in keys)
    return FrozenLine(str(one.get("model") or ""), numbers.rounded_count_text(one.get("n_parameters")), scores)


def _chart(candidates: Sequence[Record], *, winner: str, unit: str) -> Markup:
    series = [
        charts.Series(
            str(one.get("name")),
            _points(as_record(one.get("losses")).items()),
            "ours" if one.get("name") == winner else "other",
            str(one.get("name")) if one.get("name") == winner else "",
            has_dots=True,
        )
        for one in candidates
    ]
    drawn = [one for one in series if one.points][:MOST_LINES]
    return charts.line_chart(
        drawn,
        title="Loss of each candidate by rows",
        description=f"Validation loss in {unit} of {len(drawn)} candidates after short trainings; {winner} won.",
        x_label="rows trained on",
    )


def _curve_chart(curve: Record, *, unit: str) -> Markup:
    measured = _points((one[0], one[1]) for one in as_list(curve.get("measured")) if len(as_list(one)) == 2)
    told = [as_record(one) for one in as_list(curve.get("told"))]
    if not measured or not told:
        return Markup("")
    top = BAND_ROOM * max(loss for _, loss in measured)
    band = {
        end: _points((one.get("rows"), min(top, numbers.number(one.get(end)))) for one in told)
        for end in ("low", "high")
    }
    line = _points((one.get("rows"), one.get("loss")) for one in told)
    series = [
        charts.Series("high", band["high"], "other", "95 %" if band["high"] else ""),
        charts.Series("low", band["low"], "other", ""),
        charts.Series("told", line, "ours", "told"),
        charts.Series("measured", measured, "ours", "", has_dots=True),
    ]
    return charts.line_chart(
        [one for one in series if one.points],
        title="Learning curve",
        description=f"Loss in {unit} by rows: dots are measured, the line is told, the outer lines are its 95 % band.",
        x_label="rows trained on",
    )


def _points(pairs: Any) -> tuple[tuple[float, float], ...]:
    """Those that are numbers."""
    known = [(numbers.number(x), numbers.number(y)) for x, y in pairs]
    return tuple((x, y) for x, y in known if math.isfinite(x) and math.isfinite(y))
