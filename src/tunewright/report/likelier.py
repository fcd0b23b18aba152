"""What the page says about words: which of the references' words tuning made likelier, and which less likely.

In: metrics.json's `words`. Out: a frozen view; None where nothing was measured. Its own file because a change in
wording is neither a score nor a cost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.report import numbers
from tunewright.report.read import RunFiles, as_list, as_record


@dataclass(frozen=True, slots=True)
class WordLine:
    """One word."""

    word: str
    factor: str
    """How many times as likely as before, on average."""
    interval: str
    rows: str
    """In how many of its rows it became likelier."""
    is_clear: bool


@dataclass(frozen=True, slots=True)
class LikelierWords:
    """Finished text."""

    sentence: str
    lists: tuple[tuple[str, tuple[WordLine, ...]], ...]
    """Heading and lines; a list without a word is left out."""


def likelier_of(run: RunFiles) -> LikelierWords | None:
    """None for a run of an earlier version, and where no word was in enough rows."""
    found = as_record(run.metrics.get("words"))
    lists = (("More likely than before", _lines(found.get("gained"))), ("Less likely", _lines(found.get("lost"))))
    shown = tuple((heading, lines) for heading, lines in lists if lines)
    if not shown:
        return None
    gained, lost = (numbers.count_text(found.get(name)) for name in ("n_clear_gained", "n_clear_lost"))
    sentence = (
        f"Of {numbers.count_text(found.get('looked_at'))} words that stand in the references of "
        f"{numbers.count_text(found.get('least_rows'))} test rows or more, {gained} became clearly likelier and {lost} "
        f"clearly less likely. Measured on {numbers.count_text(found.get('rows'))} test rows."
    )
    return LikelierWords(sentence, shown)


def _lines(found: object) -> tuple[WordLine, ...]:
    return tuple(
        _line(record) for record in map(as_record, as_list(found)) if numbers.is_known(record.get("gain_nats"))
    )


def _line(record: dict[str, object]) -> WordLine:
    ends = numbers.interval(record.get("ci95"))
    return WordLine(
        word=str(record.get("word") or ""),
        factor=factor_text(numbers.number(record.get("gain_nats"))),
        interval=_between(ends),
        rows=f"{numbers.count_text(record.get('rows_gained'))} of {numbers.count_text(record.get('rows'))}",
        is_clear=record.get("is_clear") is True,
    )


def _between(ends: Sequence[float]) -> str:
    return " to ".join(map(factor_text, ends)) if all(math.isfinite(end) for end in ends) and len(ends) == 2 else ""


LARGEST = 1_000.0
"""Beyond it a factor says only: far more likely."""


def factor_text(gain_nats: float) -> str:
    """The factor by which a probability has grown, two digits.

    >>> factor_text(math.log(3.24)), factor_text(math.log(0.5)), factor_text(20.0)
    ('× 3.2', '× 0.5', '× 1,000 +')
    """
    factor = math.exp(min(gain_nats, 700.0))
    if factor > LARGEST:
        return f"× {LARGEST:,.0f} +"
    digits = max(0, 1 - math.floor(math.log10(factor))) if factor > 0 else 1
    return f"× {factor:,.{min(digits, 6)}f}".rstrip("0").rstrip(".") if digits else f"× {factor:,.0f}"
