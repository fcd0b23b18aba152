"""A row's words, which may be left out one by one or many at a time.

In: Row. Out: Pieces that give the text back when joined, and the row without some of them. Its own file because what
counts as a word decides what an explanation can say. A chat prompt's words are those of its user turns: the template's
markup, the system message and earlier answers stay.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import regex

from tunewright.core.values import Row
from tunewright.text.render import prompt_of

MAX_PIECES = 32
"""Above this, neighbouring words are left out together: the questions to the model stay under 150 however long the
text is. A chunk never spans two turns, so a conversation may have a few more."""

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts that put no blanks between words: their unit is a character with its marks."""
_WORD = regex.compile(
    rf"\s*(?:[\p{{Ps}}\p{{Pi}}]*[{_UNSPACED}]\p{{M}}*|[^\s{_UNSPACED}]+)[\p{{Pe}}\p{{Pf}}\p{{Po}}]*\s*"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A word, or neighbouring words, with the blanks and punctuation around it."""

    text: str
    turn: int = 0
    """Position of its message in the row; 0 when classifying."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """What may be left out of a row, in the order it is read."""

    pieces: tuple[Piece, ...]
    words_a_piece: int
    """1, or how many neighbouring words a piece joins at most."""


def words(text: str) -> tuple[str, ...]:
    """Joined they are the text.

    >>> words("I never got it, why?")
    ('I ', 'never ', 'got ', 'it, ', 'why?')
    >>> words("卡丢了，怎么办")
    ('卡', '丢', '了，', '怎', '么', '办')
    """
    return tuple(_WORD.findall(text)) or ((text,) if text else ())


def pieces_of(row: Row, *, limit: int = MAX_PIECES) -> Pieces:
    """The row's words; chunks of equal size when there are more than `limit`."""
    turns = [(0, row.text)]
    if row.messages:
        turns = [(i, turn.content) for i, turn in enumerate(prompt_of(row.messages)) if turn.role == "user"]
    every = [Piece(word, i) for i, text in turns for word in words(text)]
    size = max(1, -(-len(every) // limit))
    chunks: list[Piece] = []
    for turn, group in groupby(every, key=lambda piece: piece.turn):
        texts = [piece.text for piece in group]
        chunks += [Piece("".join(texts[start : start + size]), turn) for start in range(0, len(texts), size)]
    return Pieces(tuple(chunks), size)


def without(row: Row, pieces: Sequence[Piece], gone: Collection[int]) -> Row:
    """The row as if these pieces had not been written; the row itself when none is gone."""
    if not gone:
        return row
    kept = {piece.turn: "" for piece in pieces}
    for i, piece in enumerate(pieces):
        kept[piece.turn] += "" if i in gone else piece.text
    if not row.messages:
        return replace(row, text=kept[0].strip())
    turns = (replace(turn, content=kept[i].strip()) if i in kept else turn for i, turn in enumerate(row.messages))
    return replace(row, messages=tuple(turns))
