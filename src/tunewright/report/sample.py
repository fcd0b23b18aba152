"""One training row as the model reads it, token by token.

In: token_sample.json. Out: a frozen view; None when there is none. Its own file because it is the one picture of what
the model is trained on, and not of the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tunewright.report import numbers
from tunewright.report.read import Record, as_list, as_record

MARKS = ("trained", "context", "cut")
"""Classes of style.css, too."""


@dataclass(frozen=True, slots=True)
class SampleToken:
    text: str
    """Line breaks and blanks made visible where they are all of it."""
    mark: str
    is_line_end: bool


@dataclass(frozen=True, slots=True)
class Sample:
    row_id: str
    sentence: str
    label: str
    is_masked: bool
    first: tuple[SampleToken, ...]
    n_hidden: str
    """Empty when all are shown."""
    last: tuple[SampleToken, ...]
    marks: tuple[str, ...]
    """Those that occur, in the order of the legend."""


def sample_of(found: Record) -> Sample | None:
    first, last = (tuple(_tokens(as_list(found.get(name)))) for name in ("first", "last"))
    if not first:
        return None
    hidden = numbers.number(found.get("n_hidden"))
    return Sample(
        row_id=str(found.get("row_id") or ""),
        sentence=_sentence(found),
        label=str(found.get("label") or ""),
        is_masked=found.get("is_masked") is True,
        first=first,
        n_hidden=numbers.count_text(hidden) if numbers.is_known(hidden) and hidden > 0 else "",
        last=last,
        marks=tuple(mark for mark in MARKS if any(token.mark == mark for token in (*first, *last))),
    )


def _sentence(found: Record) -> str:
    total, trained, cut = (numbers.count_text(found.get(name)) for name in ("n_tokens", "n_trained", "n_cut"))
    said = f"{total} tokens"
    if found.get("n_trained"):
        said += f", {trained} of them trained on: the model learns to write these, and only reads the others"
    if found.get("n_cut"):
        said += f"; {cut} were cut, because the row is longer than prepare.max_length"
    return said


def _tokens(pieces: Iterable[object]) -> Iterator[SampleToken]:
    for piece in map(as_record, pieces):
        text = str(piece.get("text") or "")
        mark = str(piece.get("mark") or "context")
        shown = text.replace("\n", "\N{DOWNWARDS ARROW WITH TIP LEFTWARDS}").replace("\t", "\N{RIGHTWARDS ARROW}")
        shown = "\N{OPEN BOX}" * len(shown) if shown.isspace() else shown
        yield SampleToken(shown, mark if mark in MARKS else "context", text.endswith("\n"))
