"""What a training costs in electricity: an estimate, with its error.

In: mean watts and seconds, and what a person says of their electricity. Out: kWh with its range, grams of CO2, money.
Its own file because it is arithmetic with sources, and because such a number is quoted more firmly than it is known.
"""

from __future__ import annotations

from dataclasses import dataclass

ESTIMATE_ERROR = 0.4
"""Estimators that read the machine's own meters err up to 40 % against a wattmeter. Source: arXiv 2509.22092."""
CORE_WATTS = 12.0
"""Of a core at work, where no meter tells. Source: Green Algorithms, data/latest/TDP_cpu.csv, row "Any"."""
CORE_WATTS_RANGE = (1.9, 23.8)
"""From half of the smallest figure of that table, as two hardware threads may share a core, to its largest."""
JOULES_A_KWH = 3.6e6


@dataclass(frozen=True, slots=True)
class Power:
    """Mean watts while it trained."""

    watts: float
    low: float
    high: float
    source: str
    """How it is known, in words."""
    is_measured: bool


@dataclass(frozen=True, slots=True)
class Energy:
    """Of the training steps. What a person has not said a price for has none."""

    kwh: float
    kwh_low: float
    kwh_high: float
    power: Power
    grams_co2: float | None
    """None: run.carbon_intensity is not given."""
    price: float | None
    """In the plan's own money; None: no price is given."""


def measured_power(joules: float, *, seconds: float, source: str) -> Power:
    """From a meter's difference.

    >>> measured_power(600.0, seconds=10.0, source="a meter")
    Power(watts=60.0, low=36.0, high=84.0, source='a meter', is_measured=True)
    """
    watts = joules / seconds
    return Power(watts, watts * (1 - ESTIMATE_ERROR), watts * (1 + ESTIMATE_ERROR), source, is_measured=True)


def assumed_power(n_cores: int, *, why: str) -> Power:
    """From the number of cores alone.

    why: no meter was read.
    """
    low, high = CORE_WATTS_RANGE
    source = f"{n_cores} cores x {CORE_WATTS:g} W, a table's figure (Green Algorithms), as {why}"
    return Power(n_cores * CORE_WATTS, n_cores * low, n_cores * high, source, is_measured=False)


def energy(
    power: Power,
    *,
    seconds: float,
    carbon_intensity: float | None = None,
    price_per_kwh: float | None = None,
    price_per_hour: float | None = None,
) -> Energy:
    """Mean watts times hours.

    carbon_intensity: grams of CO2 a kWh. Both prices are added: the electricity's, and the machine's.
    """
    kwh = power.watts * seconds / JOULES_A_KWH
    prices = [
        price * amount
        for price, amount in ((price_per_kwh, kwh), (price_per_hour, seconds / 3600))
        if price is not None
    ]
    return Energy(
        kwh=kwh,
        kwh_low=power.low * seconds / JOULES_A_KWH,
        kwh_high=power.high * seconds / JOULES_A_KWH,
        power=power,
        grams_co2=None if carbon_intensity is None else kwh * carbon_intensity,
        price=sum(prices) if prices else None,
    )
