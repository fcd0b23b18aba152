"""The electricity of a training on the page: no more digits than it has, no price that nobody gave."""

from __future__ import annotations

from dataclasses import asdict

from tunewright.core.energy import assumed_power, energy, measured_power
from tunewright.report.electricity import electricity, rounded


def test_electricity_measured_has_two_digits_a_range_and_its_error() -> None:
    found = energy(measured_power(617.3, seconds=10.0, source="a meter"), seconds=100.0, carbon_intensity=380.0)

    assert electricity({"energy": asdict(found)}) == (
        "Electricity",
        "about 1.7 Wh",
        "1.0 Wh to 2.4 Wh; about 0.65 g CO2; a meter; estimators err up to 40 % against a wattmeter",
    )


def test_electricity_assumed_has_one_digit_and_says_that_it_is_a_guess() -> None:
    found = energy(assumed_power(2, why="no meter tells"), seconds=36_000_000.0, price_per_kwh=0.3)

    told = electricity({"energy": asdict(found)})

    assert told is not None
    assert told[1] == "about 200 kWh"
    assert told[2].startswith("40 kWh to 500 kWh; price about 70 in your plan's money; 2 cores x 12 W")
    assert told[2].endswith("as no meter tells; a guess, not a measurement")


def test_electricity_of_an_older_run_is_not_shown() -> None:
    assert electricity({}) is None
    assert electricity({"energy": None}) is None


def test_rounded_keeps_the_digits_that_were_asked_for() -> None:
    assert [rounded(v, 2) for v in (0.01234, 9.96, 1234.0, 0.0)] == ["0.012", "10", "1200", "0"]
