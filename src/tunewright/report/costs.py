"""What each system cost, below its numbers: to answer, and to train where it was trained here.

In: metrics.json's `cost`. Out: lines of the table of results, one cell a system. Its own file because a gain is read
beside its price, and energy is told with no more digits than it has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewright.report import numbers
from tunewright.report.electricity import rounded
from tunewright.report.read import Record, as_record


@dataclass(frozen=True, slots=True)
class CostLine:
    name: str
    note: str
    cells: tuple[str, ...]
    """Empty where a system was not trained here."""


def cost_lines(costs: Record, systems: Sequence[str]) -> tuple[CostLine, ...]:
    """In the order of the systems; a line that would be empty is left out."""
    found = [as_record(costs.get(system)) for system in systems]
    has_search = any(one.get("search") for one in found)
    answering = CostLine(
        "Time to answer",
        "training of keyword and linear rivals included",
        tuple(numbers.seconds_text(one.get("seconds")) for one in found),
    )
    lines = (
        _line(
            "Training",
            "+ finding the rate from random weights" if has_search else "",
            found,
            "seconds",
            numbers.seconds_text,
        ),
        _line("Operations of training", "by formula", found, "flops", _operations),
        _line("Electricity of training", "an estimate", found, "kwh", _energy),
        _line("CO2 of training", "an estimate", found, "grams_co2", lambda value: f"about {rounded(value, 1)} g"),
        _line("Price of training", "an estimate", found, "price", lambda value: f"about {rounded(value, 2)}"),
    )
    shown = (answering, *_api_lines(found), *lines)
    return tuple(line for line in shown if any(line.cells)) if costs else ()


def _api_lines(found: Sequence[Record]) -> tuple[CostLine, ...]:
    """Of models behind an address."""
    apis = [as_record(one.get("api")) for one in found]

    def cells(words: Callable[[Record], str]) -> tuple[str, ...]:
        return tuple(words(api) if api else "" for api in apis)

    return (
        CostLine("Tokens", "as the address counts them", cells(_tokens)),
        CostLine("Price of 1,000 answers", "by the plan's prices", cells(_price)),
        CostLine("Rows without an answer", "missing, not wrong", cells(_n_missing)),
    )


def _tokens(api: Record) -> str:
    sent, written = api.get("tokens_in"), api.get("tokens_out")
    if not numbers.is_known(sent) or not numbers.is_known(written):
        return "not told"
    return f"{numbers.count_text(sent)} in, {numbers.count_text(written)} out"


def _price(api: Record) -> str:
    value = api.get("price_per_1000")
    return f"{numbers.number(value):.4g}" if numbers.is_known(value) else "not known"


def _n_missing(api: Record) -> str:
    return numbers.count_text(len(as_record(api.get("missing"))))


def _line(name: str, note: str, found: Sequence[Record], key: str, words: Callable[[float], str]) -> CostLine:
    """The training, and what was spent beside it on its rate."""

    def cell(one: Record) -> str:
        spent = [numbers.number(as_record(one.get(part)).get(key)) for part in ("training", "search")]
        return " + ".join(words(value) for value in spent if numbers.is_known(value))

    return CostLine(name, note, tuple(cell(one) for one in found))


def _operations(value: float) -> str:
    return f"{value:.2g}".replace("e+", "e")


def _energy(kwh: float) -> str:
    return f"about {rounded(1000 * kwh, 1)} Wh" if kwh < 1 else f"about {rounded(kwh, 1)} kWh"
