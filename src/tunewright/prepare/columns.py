"""What each column of a table holds: the facts that detection stands on.

In: a table. Out: Facts, one Column each. Its own file because counting is one thing and judging another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunewright.core.label_sets import listed
from tunewright.tables.table import Record, Table, cell_text
from tunewright.tables.turns import turns_of

MAX_LABELS = 200
MIN_PER_LABEL = 5
"""A column is a label when it has at most 200 values, each seen 5 times or more on average. Source: DESIGN 5."""
LEAST_NUMBERS = 20
"""Different numbers below which a column may be a scale of marks (1.0, 1.5 ...), which can be labels too. Ours."""
_LONGEST_LABEL = 100
"""Characters, on average; longer values are texts that repeat."""
_LETTERS_SHARE = 0.5
"""Share of cells with a letter below which a column holds numbers or codes, not text."""
_TURN_SHARE = 0.5
"""Share of cells that must be conversations before the column counts as one."""


@dataclass(frozen=True, slots=True)
class LabelSets:
    """What lists of labels hold."""

    n_distinct: int
    per_label: float
    """How often a label is seen on average."""
    mean_characters: float
    """Of a label."""

    @property
    def is_few(self) -> bool:
        """They could be labels by their numbers."""
        is_short = self.mean_characters <= _LONGEST_LABEL
        return 0 < self.n_distinct <= MAX_LABELS and self.per_label >= MIN_PER_LABEL and is_short


@dataclass(frozen=True, slots=True)
class Column:
    """One column, counted over every record."""

    name: str
    n_filled: int
    n_distinct: int
    mean_characters: float
    is_numeric: bool
    """Every filled cell is a number; whole ones can still be labels."""
    is_whole: bool
    has_letters: bool
    is_turns: bool
    """Cells are conversations: lists of turns, or JSON of such."""

    sets: LabelSets | None = None
    """Cells are lists of labels, some of them of several; None: they are not."""

    @property
    def per_value(self) -> float:
        """How often a value is seen on average."""
        return self.n_filled / self.n_distinct if self.n_distinct else 0.0

    @property
    def is_few(self) -> bool:
        """It could be a label by its numbers."""
        return (
            0 < self.n_distinct <= MAX_LABELS
            and self.per_value >= MIN_PER_LABEL
            and self.mean_characters <= _LONGEST_LABEL
            and (not self.is_numeric or self.is_whole)
            and not self.is_turns
            and self.sets is None
        )

    @property
    def is_measured(self) -> bool:
        """Numbers between whole ones, so many of them that they are no labels: they measure something."""
        return (
            self.is_numeric
            and not self.is_whole
            and self.n_distinct >= LEAST_NUMBERS
            and self.per_value < MIN_PER_LABEL
        )

    @property
    def is_text(self) -> bool:
        """It could be what a model reads: words, and not the same few."""
        is_list = self.is_turns or self.sets is not None
        return self.has_letters and not self.is_numeric and not is_list and self.mean_characters >= 2


def columns_of(table: Table) -> tuple[Column, ...]:
    return tuple(_column(name, table.records) for name in table.columns)


def _column(name: str, records: Sequence[Record]) -> Column:
    raw = [record.values.get(name) for record in records]
    texts = [text for text in (cell_text(cell).strip() for cell in raw) if text]
    n = len(texts)
    n_letters = sum(1 for text in texts if any(map(str.isalpha, text[:200])))
    n_turns = sum(1 for cell in raw if turns_of(cell) is not None) if _may_be_turns(raw) else 0
    numbers = [_number(text) for text in texts] if n_letters < n else [None]
    is_numeric = bool(numbers) and all(number is not None for number in numbers)
    return Column(
        name=name,
        n_filled=n,
        n_distinct=len(set(texts)),
        mean_characters=sum(map(len, texts)) / n if n else 0.0,
        is_numeric=is_numeric,
        is_whole=is_numeric and all(number is not None and number.is_integer() for number in numbers),
        has_letters=n_letters >= _LETTERS_SHARE * n > 0,
        is_turns=n_turns > _TURN_SHARE * n,
        sets=_label_sets(raw) if n_turns == 0 and _may_be_turns(raw) else None,
    )


def _label_sets(raw: Sequence[Any]) -> LabelSets | None:
    """Every filled cell is a list of plain values, and some have more than one."""
    cells = [listed(cell) for cell in raw if cell not in (None, "")]
    if any(cell is None for cell in cells) or not any(len(cell) > 1 for cell in cells if cell is not None):
        return None
    labels = [text for cell in cells for item in cell or () if (text := cell_text(item).strip())]
    if not labels:
        return None
    n = len(set(labels))
    return LabelSets(n, len(labels) / n, sum(map(len, labels)) / len(labels))


def _may_be_turns(raw: Sequence[Any]) -> bool:
    """Whether the first filled cells are lists; spares parsing every text of a table."""
    filled = [cell for cell in raw if cell not in (None, "")][:20]
    return any(isinstance(cell, list) or (isinstance(cell, str) and cell.lstrip()[:1] == "[") for cell in filled)


def _number(text: str) -> float | None:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        return None
    return number if number == number and abs(number) != float("inf") else None
