"""What the page says about the electricity of a training, with no more digits than it has.

In: summary.json's `energy`. Out: one line of facts. Its own file because what it leaves out matters.
"""

from __future__ import annotations

import math

from tunewright.report import numbers
from tunewright.report.read import Record, as_record


def electricity(summary: Record) -> tuple[str, str, str] | None:
    """(what, value, a few words on it); None for a run that does not tell."""
    found = as_record(summary.get("energy"))
    power = as_record(found.get("power"))
    kwh, low, high = (numbers.number(found.get(name)) for name in ("kwh", "kwh_low", "kwh_high"))
    if not (math.isfinite(kwh) and kwh > 0):
        return None
    is_measured = bool(power.get("is_measured"))
    digits = 2 if is_measured else 1
    value = f"about {_kwh(kwh, digits)}"
    error = "estimators err up to 40 % against a wattmeter" if is_measured else "a guess, not a measurement"
    more = [f"{_kwh(low, digits)} to {_kwh(high, digits)}"]
    if numbers.is_known(found.get("grams_co2")):
        more.append(f"about {rounded(numbers.number(found.get('grams_co2')), digits)} g CO2")
    if numbers.is_known(found.get("price")):
        more.append(f"price about {rounded(numbers.number(found.get('price')), digits)} in your plan's money")
    return "Electricity", value, "; ".join([*more, f"{power.get('source')}; {error}"])


def rounded(value: float, digits: int) -> str:
    """
    >>> rounded(0.01234, 2), rounded(1234.0, 1), rounded(0.0, 1)
    ('0.012', '1000', '0')
    """
    if not value:
        return "0"
    kept = float(f"{value:.{digits - 1}e}")
    return f"{kept:.{max(0, digits - 1 - math.floor(math.log10(abs(kept))))}f}"


def _kwh(value: float, digits: int) -> str:
    return f"{rounded(1000 * value, digits)} Wh" if value < 1 else f"{rounded(value, digits)} kWh"
