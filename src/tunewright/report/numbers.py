"""Numbers as people read them: units, intervals, sizes, times.

In: a value that may be None or nan. Out: text; "not measured" when there is no number. Its own file because the page
and the model card must write the same number the same way.
"""

from __future__ import annotations

import math

NOT_MEASURED = "not measured"
MINUS = "−"
PERCENT_METRICS = frozenset(
    {"accuracy", "subset_accuracy", "exact_match", "number_match", "json_valid", "stops", "end_argmax", "repetition"}
)
"""Shares of rows, which people read as per cent; other scores between 0 and 1 keep their decimals."""

HUNDRED_METRICS = frozenset({"bleu", "chrf"})
"""From 0 to 100."""
UNIT_METRICS = frozenset({"mae", "rmse"})
"""In the unit of the numbers that are learned, which may be millimetres or dollars: digits, not places."""


def number(value: object) -> float:
    """A float; nan for None, text, yes/no, nan and infinities."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return math.nan
    return float(value) if math.isfinite(value) else math.nan


def is_known(value: object) -> bool:
    return math.isfinite(number(value))


def count_text(value: object) -> str:
    """3,080."""
    return f"{number(value):,.0f}" if is_known(value) else NOT_MEASURED


def rounded_count_text(value: object) -> str:
    """22.7 M: parameters, tokens.

    >>> rounded_count_text(22_700_000), rounded_count_text(950)
    ('22.7 M', '950')
    """
    known = number(value)
    if not math.isfinite(known):
        return NOT_MEASURED
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(known) >= size * 0.9995:
            return f"{_three_digits(known / size)} {unit}"
    return f"{known:.0f}"


def bytes_text(value: object) -> str:
    """1.21 GB, decimal units as in the plan's memory_limit."""
    known = number(value)
    if not math.isfinite(known):
        return NOT_MEASURED
    for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if abs(known) >= size * 0.9995:
            return f"{_three_digits(known / size)} {unit}"
    return f"{known:.0f} bytes"


def seconds_text(value: object) -> str:
    """48 s, 4 min 12 s, 1 h 03 min.

    >>> seconds_text(252), seconds_text(3780), seconds_text(None)
    ('4 min 12 s', '1 h 03 min', 'not measured')
    """
    known = number(value)
    if not math.isfinite(known):
        return NOT_MEASURED
    if known < 10:
        return f"{known:.1f} s"
    whole = round(known)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def percent_text(value: object) -> str:
    """93.6 %."""
    return f"{100 * number(value):.1f} %" if is_known(value) else NOT_MEASURED


def significant_text(value: object) -> str:
    """Three significant digits: rates and losses.

    >>> significant_text(0.0002), significant_text(0.001), significant_text(1.2345)
    ('2e-4', '0.001', '1.23')
    """
    known = number(value)
    if not math.isfinite(known):
        return NOT_MEASURED
    if known and abs(known) < 1e-3:
        mantissa, exponent = f"{known:.2e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{known:.3g}" if abs(known) < 1 else _three_digits(known)


def metric_text(value: object, *, metric: str) -> str:
    """A metric's value with the digits it deserves: 93.6 %, 0.936, 1.234, 56.7."""
    known = number(value)
    if not math.isfinite(known):
        return NOT_MEASURED
    if metric in PERCENT_METRICS:
        return f"{100 * known:.1f} %"
    if metric in UNIT_METRICS:
        return f"{known:.4g}"
    return f"{known:.1f}" if metric in HUNDRED_METRICS else f"{known:.3f}"


def interval_text(ci95: object, *, metric: str) -> str:
    """92.7 – 94.4 %; empty when there is no interval."""
    low, high = interval(ci95)
    if not math.isfinite(low):
        return ""
    return f"{metric_text(low, metric=metric).removesuffix(' %')} – {metric_text(high, metric=metric)}"


def interval(ci95: object) -> tuple[float, float]:
    """Both ends; nan, nan unless both are known."""
    if not isinstance(ci95, (list, tuple)) or len(ci95) != 2:
        return math.nan, math.nan
    low, high = number(ci95[0]), number(ci95[1])
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (math.nan, math.nan)


def difference_text(value: object, *, metric: str) -> str:
    """+6.3 points, −0.042; a difference of per cents is in points."""
    known = number(value)
    if not math.isfinite(known):
        return NOT_MEASURED
    sign = "+" if known > 0 else MINUS if known < 0 else "±"
    if metric in PERCENT_METRICS:
        return f"{sign}{100 * abs(known):.1f} points"
    if metric in UNIT_METRICS:
        return f"{sign}{abs(known):.3g}"
    return f"{sign}{abs(known):.1f}" if metric in HUNDRED_METRICS else f"{sign}{abs(known):.3f}"


def difference_interval_text(ci95: object, *, metric: str) -> str:
    """+5.2 to +7.4; empty when there is no interval."""
    low, high = interval(ci95)
    if not math.isfinite(low):
        return ""
    low_text = difference_text(low, metric=metric).removesuffix(" points")
    return f"{low_text} to {difference_text(high, metric=metric).removesuffix(' points')}"


def p_text(value: object) -> str:
    """< .0001, .0312."""
    known = number(value)
    if not math.isfinite(known):
        return NOT_MEASURED
    return "< .0001" if known < 0.0001 else f"{known:.4f}".replace("0.", ".", 1)


def unit_text(unit: object, *, metric: str) -> str:
    """The unit as a table shows it."""
    if metric in PERCENT_METRICS:
        return "% of rows"
    if metric == "r2":
        return "1 is perfect, 0 is the mean"
    return {"share": "0 to 1", "0-100": "0 to 100", "bits/byte": "bits per byte"}.get(str(unit), str(unit or ""))


def _three_digits(value: float) -> str:
    """1.21, 22.7, 134; never in exponents."""
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
