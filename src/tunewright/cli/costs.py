"""Hours, electricity and money of a training, in lines: here, elsewhere, and from random weights.

In: Costs. Out: (word, text). Its own file because an estimate is told with its range, its error and how it is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tunewright.cli.words import duration, table
from tunewright.report.electricity import rounded

if TYPE_CHECKING:
    from tunewright.core.energy import Energy
    from tunewright.verbs.costs import Cost, Costs

YEAR_SECONDS = 365.25 * 24 * 3600.0


def cost_lines(costs: Costs, *, is_timed: bool) -> Iterator[tuple[str, str]]:
    """is_timed: steps were measured, and the time that they tell stands in a line of its own."""
    if not is_timed:
        yield "estimate", f"{_time_words(costs.here)}, by {costs.here.how}; a guess, until steps are measured"
    yield "cost", energy_words(costs.here.energy)
    scratch = costs.scratch_here
    yield (
        "from zero",
        f"such a model from random weights, at 20 tokens a weight (Hoffmann et al. 2022): "
        f"{_time_words(scratch)} here, {_kwh_words(scratch.energy)}",
    )
    yield "", ""
    yield "", elsewhere_table(costs.elsewhere)


def energy_words(spent: Energy) -> str:
    """Electricity with its range, what it was told by, CO2 and price where they are known."""
    off = "estimators err up to 40 %" if spent.power.is_measured else "a guess: even meters err up to 40 %"
    parts = [f"{_kwh_words(spent)}; {spent.power.source}; {off}"]
    if spent.grams_co2 is not None:
        parts.append(f"{rounded(spent.grams_co2, 1)} g CO2")
    if spent.price is not None:
        parts.append(f"price about {rounded(spent.price, 2)} in your plan's money")
    missing = [
        *(["run.carbon_intensity=GRAMS"] if spent.grams_co2 is None else []),
        *(["run.price_per_kwh=PRICE or run.price_per_hour=PRICE"] if spent.price is None else []),
    ]
    return "; ".join(parts) + (f"; for CO2 and price: {', '.join(missing)}" if missing else "")


def elsewhere_table(elsewhere: tuple[Cost, ...]) -> str:
    """Other machines by their published figures."""
    rows = [("elsewhere", "time", "electricity", "price", "memory")]
    for one in elsewhere:
        price = "" if one.energy.price is None else f"about {rounded(one.energy.price, 1)}"
        fits = "fits" if one.fits else "too small"
        rows.append((one.machine, _time_words(one), f"about {_kwh(one.energy.kwh)}", price, fits))
    note = "(by operations, at a quarter of their makers' rates; half to twice as long)"
    return table(rows) + f"\n{note}"


def _time_words(cost: Cost) -> str:
    return f"about {_long(cost.seconds)} ({_long(cost.low_seconds)} to {_long(cost.high_seconds)})"


def _long(seconds: float) -> str:
    """Days and years too, with one digit.

    >>> _long(90.0), _long(3 * 86400.0), _long(2e9)
    ('1 min 30 s', '3 days', '60 years')
    """
    if seconds < 48 * 3600:
        return duration(max(1.0, round(seconds) if seconds < 120 else round(seconds / 60) * 60))
    if seconds < YEAR_SECONDS:
        return f"{rounded(seconds / 86400, 1)} days"
    return f"{rounded(seconds / YEAR_SECONDS, 1)} years"


def _kwh_words(spent: Energy) -> str:
    return f"about {_kwh(spent.kwh)} ({_kwh(spent.kwh_low)} to {_kwh(spent.kwh_high)})"


def _kwh(kwh: float) -> str:
    return f"{rounded(1000 * kwh, 1)} Wh" if kwh < 1 else f"{rounded(kwh, 1)} kWh"
