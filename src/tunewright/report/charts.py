"""Charts as inline SVG that stretch with the page: positions across are in per cent, heights and text in pixels.

In: plain numbers. Out: Markup of one <svg> with a title and a description, coloured by classes of style.css.
Its own file because these are pure drawing functions: no data format of ours, no page around them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

MAX_POINTS = 160
"""Points of a line: more than a phone has room for; noisy losses are averaged in equal groups of steps."""

NEAR_ZERO = 0.4
"""Lines whose lowest point is under this share of the highest start at 0; others use the height for their shape."""

ALIKE = 1e-6
"""Values this close, as a share of their size, are one value to the eye."""

MOST_NAMED = 12
"""Columns that have room for a number each on a phone."""

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
"""Distances of ticks that people read easily, times a power of ten."""

_LEFT, _PLOT = 9.0, 91.0
"""Per cent of the width: room for the numbers of the upright axis, and the rest."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A range with round ends and the ticks between them."""

    low: float
    high: float
    ticks: tuple[float, ...]

    def percent(self, value: float) -> float:
        """Where a value stands, 0 to 100; values outside stick to the edge."""
        return 100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


@dataclass(frozen=True, slots=True)
class Series:
    """One line."""

    name: str
    points: tuple[tuple[float, float], ...]
    kind: str
    """Class of style.css: ours or other."""
    label: str
    """Written above its last point; empty for a single line that the caption names."""
    has_dots: bool = False


def axis(values: Sequence[float], *, n_ticks: int = 4, floor: float = -math.inf, top: float = math.inf) -> Axis:
    """Round ends around the finite values, never below `floor` or above `top` unless a value is; 0 to 1 without values.

    >>> axis([0.13, 0.94], floor=0, top=1).ticks
    (0.0, 0.25, 0.5, 0.75, 1.0)
    """
    known = [value for value in values if math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    floor, top = floor if floor <= low else -math.inf, top if top >= high else math.inf
    if high - low <= ALIKE * max(abs(low), abs(high), ALIKE):
        spread = abs(low) / 10 if abs(low) > ALIKE else 0.5
        low, high = max(floor, low - spread), min(top, high + spread)
    step = _step((high - low) / n_ticks)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(float(f"{i * step:.10g}") for i in range(first, last + 1))
    ticks = tuple(tick for tick in ticks if floor - 1e-9 <= tick <= top + 1e-9)
    return Axis(ticks[0], ticks[-1], ticks) if len(ticks) > 1 else Axis(low, high, (low, high))


def dot_and_whisker(
    value: float, interval: tuple[float, float], *, on: Axis, title: str, kind: str = "other", zero: bool = False
) -> Markup:
    """One value with its interval on a shared axis; draws no whisker when the interval is unknown.

    zero: a firm line at 0 instead of the grid, for differences.
    """
    grid = Markup('<line class="grid" x1="{0}%" x2="{0}%" y1="0" y2="34"/>')
    parts = [] if zero else [grid.format(_r(on.percent(tick))) for tick in on.ticks]
    if zero:
        parts.append(Markup('<line class="zero" x1="{0}%" x2="{0}%" y1="0" y2="34"/>').format(_r(on.percent(0.0))))
    if all(math.isfinite(end) for end in interval):
        low, high = (_r(on.percent(end)) for end in interval)
        parts.append(Markup('<line class="whisker" x1="{}%" x2="{}%" y1="17" y2="17"/>').format(low, high))
        parts += [Markup('<line class="whisker" x1="{0}%" x2="{0}%" y1="12" y2="22"/>').format(x) for x in (low, high)]
    if math.isfinite(value):
        parts.append(Markup('<circle class="dot" cx="{}%" cy="17" r="5.5"/>').format(_r(on.percent(value))))
    return _svg(parts, title=title, kind=f"dot-row {kind}", height=34)


def tick_line(on: Axis, *, labels: Sequence[str]) -> Markup:
    """The axis below rows of dot_and_whisker."""
    parts = []
    for i, (tick, label) in enumerate(zip(on.ticks, labels, strict=True)):
        anchor = "start" if i == 0 else "end" if i == len(on.ticks) - 1 else "middle"
        parts.append(_text(f"{_r(on.percent(tick))}%", 14, label, kind="tick", anchor=anchor))
    return _svg(parts, title="", kind="ticks", height=20)


def line_chart(series: Sequence[Series], *, title: str, description: str, x_label: str, height: int = 240) -> Markup:
    """Lines over a shared axis, each named at its end; nan leaves a gap. Empty when there is no point."""
    shown = [s for s in series if any(math.isfinite(y) for _, y in s.points)]
    if not shown:
        return Markup("")
    ys = [y for s in shown for _, y in s.points if math.isfinite(y)]
    up = axis([*ys, 0.0] if 0 <= min(ys) < NEAR_ZERO * max(ys) else ys, n_ticks=4)
    last = max(x for s in shown for x, _ in s.points)
    plot = height - 34
    parts = [_upright_axis(tick, on=up, plot=plot) for tick in up.ticks]
    across = axis([0.0, last], n_ticks=5, floor=0)
    across = Axis(0.0, last or 1.0, tuple(tick for tick in across.ticks if tick <= last))
    for i, tick in enumerate(across.ticks):
        left = _r(_LEFT + _PLOT * across.percent(tick) / 100)
        anchor = "start" if i == 0 else "end" if across.percent(tick) > 96 else "middle"
        parts.append(_text(f"{left}%", plot + 24, _plain(tick), kind="tick", anchor=anchor))
    lines = [_path(s, across=across, up=up, plot=plot) for s in shown]
    parts.append(
        Markup(
            '<svg x="{}%" y="8" width="{}%" height="{}" viewBox="0 0 1000 {}" preserveAspectRatio="none" '
            'overflow="visible">{}</svg>'
        ).format(_LEFT, _PLOT, plot, plot, Markup("").join(lines))
    )
    for s in shown:
        parts += [
            _dot(x, y, s, across=across, up=up, plot=plot) for x, y in s.points if s.has_dots and math.isfinite(y)
        ]
    parts += _end_labels(shown, up=up, plot=plot)
    text = f"{description} Across: {x_label}."
    return _svg(parts, title=title, description=text, kind="lines", height=height)


def histogram(
    edges: Sequence[float], counts: Sequence[float], *, marker: float, marker_label: str, title: str, description: str
) -> Markup:
    """Bars over equal bins with one named upright line; empty when nothing was counted."""
    if len(edges) != len(counts) + 1 or not counts or max(counts) <= 0:
        return Markup("")
    top, plot = max(counts), 150
    high = max(float(edges[-1]), marker if math.isfinite(marker) else 0.0)
    across = Axis(0.0, high, tuple(tick for tick in axis([0.0, high], n_ticks=5, floor=0).ticks if tick <= high))
    parts = []
    for (left, right), n in zip(pairwise(edges), counts, strict=True):
        size = max(1.5, plot * n / top) if n else 0.0
        x, width = across.percent(left), across.percent(right) - across.percent(left)
        mark = Markup('<rect class="bar" x="{}%" y="{}" width="{}%" height="{}"><title>{}</title></rect>')
        hint = f"{left:g} to {right - 1:g} tokens: {n:,} rows"
        parts.append(mark.format(_r(x), _r(plot + 26 - size), _r(width * 0.9), _r(size), hint))
    parts.append(Markup('<line class="base" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(plot + 26))
    for i, tick in enumerate(across.ticks):
        anchor = "start" if i == 0 else "end" if across.percent(tick) > 96 else "middle"
        parts.append(_text(f"{_r(across.percent(tick))}%", plot + 44, _plain(tick), kind="tick", anchor=anchor))
    if math.isfinite(marker):
        at = across.percent(marker)
        parts.append(Markup('<line class="marker" x1="{0}%" x2="{0}%" y1="20" y2="{1}"/>').format(_r(at), plot + 26))
        anchor = "end" if at > 50 else "start"
        parts.append(_text(f"{_r(at)}%", 14, marker_label, kind="marker-label", anchor=anchor))
    return _svg(parts, title=title, description=description, kind="histogram", height=plot + 50)


def columns(values: Sequence[float], *, is_ours: Sequence[bool], title: str, description: str) -> Markup:
    """One upright bar a value, numbered from 0 below and with its share of all above; empty when none is above 0."""
    total, top, plot = sum(values), max(values, default=0.0), 110
    if not top > 0:
        return Markup("")
    width, parts = 100 / len(values), []
    mark = Markup('<rect class="bar{}" x="{}%" y="{}" width="{}%" height="{}"><title>block {}: {}</title></rect>')
    for i, (value, ours) in enumerate(zip(values, is_ours, strict=True)):
        size, share, middle = max(1.5, plot * value / top), f"{100 * value / total:.0f} %", f"{_r((i + 0.5) * width)}%"
        left, wide, kind = _r((i + 0.1) * width), _r(0.8 * width), " ours" if ours else ""
        parts.append(mark.format(kind, left, _r(plot + 18 - size), wide, _r(size), i, share))
        if len(values) <= MOST_NAMED:
            parts.append(_text(middle, _r(plot + 12 - size), share, kind="tick", anchor="middle"))
        if len(values) <= MOST_NAMED or i % 5 == 0:
            parts.append(_text(middle, plot + 34, str(i), kind="tick", anchor="middle"))
    parts.append(Markup('<line class="base" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(plot + 18))
    return _svg(parts, title=title, description=description, kind="columns", height=plot + 40)


def split_bar(parts: Sequence[tuple[str, float]], *, title: str) -> Markup:
    """One bar divided by shares; parts are (class of style.css, amount)."""
    total = sum(amount for _, amount in parts)
    if total <= 0:
        return Markup("")
    drawn, at = [], 0.0
    for kind, amount in parts:
        width = 100 * amount / total
        mark = Markup('<rect class="{}" x="{}%" y="0" width="{}%" height="22"/>')
        drawn.append(mark.format(kind, _r(at), _r(width)))
        at += width
    return _svg(drawn, title=title, kind="split", height=22)


def amount_bar(share: float, *, mark: float, title: str, is_ours: bool = False) -> Markup:
    """One lying bar, 0 to 1 of the width, with an upright line where something must not go beyond; nan: no line."""
    bar = Markup('<rect class="bar{}" x="0" y="4" width="{}%" height="14"/>')
    parts = [bar.format(" ours" if is_ours else "", _r(100 * min(1.0, max(0.0, share))))]
    if math.isfinite(mark):
        parts.append(Markup('<line class="marker" x1="{0}%" x2="{0}%" y1="0" y2="22"/>').format(_r(99.8 * mark)))
    return _svg(parts, title=title, kind="amount", height=22)


def matrix_picture(matrix: Sequence[Sequence[float]], *, title: str, description: str) -> Markup:
    """A square of cells, darker where the share of the line is larger; only cells that hold something are drawn."""
    cells = []
    for i, line in enumerate(matrix):
        total = sum(line) or 1
        for j, n in enumerate(line):
            if n:
                kind, opacity = ("right" if i == j else "wrong"), _r(0.25 + 0.75 * min(1.0, n / total))
                cell = Markup('<rect class="{}" x="{}" y="{}" width="1" height="1" opacity="{}"/>')
                cells.append(cell.format(kind, j, i, opacity))
    k = len(matrix)
    mark = Markup(
        '<svg class="picture" role="img" viewBox="0 0 {0} {0}"><title>{1}</title><desc>{2}</desc>'
        '<rect class="paper" width="{0}" height="{0}"/>{3}</svg>'
    )
    return mark.format(k, title, description, Markup("").join(cells))


def averaged(points: Sequence[tuple[float, float]], *, limit: int = MAX_POINTS) -> tuple[tuple[float, float], ...]:
    """At most `limit` points: means of equal groups, each at its group's last x; nan only where a whole group is.

    >>> averaged([(1, 4.0), (2, 2.0), (3, 1.0)], limit=2)
    ((2, 3.0), (3, 1.0))
    """
    size = math.ceil(len(points) / limit) if points else 1
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return tuple((group[-1][0], _mean([y for _, y in group])) for group in groups)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def _step(rough: float) -> float:
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in _STEPS if step * power >= rough * 0.999)


def _upright_axis(tick: float, *, on: Axis, plot: int) -> Markup:
    y = _y(tick, on=on, plot=plot)
    line = Markup('<line class="grid" x1="{}%" x2="100%" y1="{}" y2="{}"/>').format(_LEFT, y, y)
    return line + _text(f"{_LEFT - 1.5}%", y + 4, _plain(tick), kind="tick", anchor="end")


def _path(series: Series, *, across: Axis, up: Axis, plot: int) -> Markup:
    words, is_open = [], False
    for x, y in series.points:
        if not math.isfinite(y):
            is_open = False
            continue
        words.append(f"{'L' if is_open else 'M'}{_r(10 * across.percent(x))} {_r(_y(y, on=up, plot=plot) - 8)}")
        is_open = True
    return Markup('<path class="line {}" d="{}"/>').format(series.kind, " ".join(words))


def _dot(x: float, y: float, series: Series, *, across: Axis, up: Axis, plot: int) -> Markup:
    left = _r(_LEFT + _PLOT * across.percent(x) / 100)
    return Markup('<circle class="point {}" cx="{}%" cy="{}" r="3.5"/>').format(
        series.kind, left, _y(y, on=up, plot=plot)
    )


def _end_labels(shown: Sequence[Series], *, up: Axis, plot: int) -> list[Markup]:
    """The lines' names at the right, stacked above the highest end, where falling curves leave room."""
    ends = sorted((s for s in shown if s.label), key=lambda s: _last_y(s))
    lowest = min(_y(_last_y(s), on=up, plot=plot) for s in shown) - 14
    lowest = max(lowest, 14.0 + 18 * (len(shown) - 1))
    return [
        _text("99.5%", _r(lowest - 18 * i), s.label, kind=f"name {s.kind}", anchor="end") for i, s in enumerate(ends)
    ]


def _last_y(series: Series) -> float:
    return next(y for _, y in reversed(series.points) if math.isfinite(y))


def _y(value: float, *, on: Axis, plot: int) -> float:
    return _r(8 + plot * (1 - on.percent(value) / 100))


def _text(x: str, y: float, text: str, *, kind: str, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{}" y="{}" text-anchor="{}">{}</text>').format(kind, x, y, anchor, text)


def _svg(parts: Sequence[Markup], *, title: str, kind: str, height: int, description: str = "") -> Markup:
    """An untitled drawing is only decoration, and hidden from screen readers."""
    inner = Markup("").join(parts)
    if not title:
        mark = Markup('<svg class="{}" aria-hidden="true" width="100%" height="{}">{}</svg>')
        return mark.format(kind, height, inner)
    desc = Markup("<desc>{}</desc>").format(description) if description else Markup("")
    mark = Markup('<svg class="{}" role="img" width="100%" height="{}"><title>{}</title>{}{}</svg>')
    return mark.format(kind, height, title, desc, inner)


def _plain(value: float) -> str:
    """10,000; 0.25; 2e-4."""
    if value == 0 or abs(value) >= 1e-3:
        return f"{value:,.10g}"
    mantissa, exponent = f"{value:.2e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def _r(value: float) -> float:
    return round(value, 2)
