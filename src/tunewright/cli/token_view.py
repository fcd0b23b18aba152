"""Tokens on the screen: trained ones in colour, context dim, cut ones struck out; plain marks where there is no colour.

In: Tokens. Out: lines, printed. Its own file because `check` and `trace` show rows alike.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from tunewright.cli.console import Console, is_terminal
from tunewright.cli.words import columns
from tunewright.text.token_view import Mark, Piece, Tokens

SIGNS: dict[Mark, str] = {"trained": "*", "context": " ", "cut": "x"}
STYLES: dict[Mark, str] = {"trained": "bold green", "context": "dim", "cut": "red strike"}
WIDTH = 80
"""Where nobody says how wide the screen is."""
FEW = 20
"""So few tokens more are shown too: hiding them would save no line."""
_INDENT = 10


@dataclass(frozen=True, slots=True)
class TokenLine:
    """Tokens with one mark that fit on a line."""

    start: int
    """Position of the first one in the row; -1: the line goes on from the one above."""
    mark: Mark
    text: str


def show_tokens(console: Console, tokens: Tokens, *, trained_word: str, most: int | None = None) -> None:
    """The tokens and, below them, what the marks mean.

    most: tokens shown of each stretch with one mark; None: all.
    """
    watched = is_terminal(console.people)
    width = shutil.get_terminal_size((WIDTH, 24)).columns if watched else WIDTH
    for line in token_lines(tokens.pieces, width=width, most=most):
        start = f"{line.start:>6}" if line.start >= 0 else " " * 6
        console.result(f"{start} {SIGNS[line.mark]}  {line.text}", style=STYLES[line.mark])
    marks = {piece.mark for piece in tokens.pieces}
    legend = [f"* = {trained_word}"] if "trained" in marks else []
    legend += ["x = cut, not seen"] if "cut" in marks else []
    console.result(f"{' ' * _INDENT}({'; '.join([*legend, '| stands between tokens'])})")


def token_lines(pieces: Sequence[Piece], *, width: int, most: int | None = None) -> Iterator[TokenLine]:
    """Stretches of tokens with one mark, broken between tokens so that they fit.

    most: of a longer stretch the beginning and the end are shown.
    """
    start = 0
    for mark, group in groupby(pieces, key=lambda piece: piece.mark):
        words = [_visible(piece.text) for piece in group]
        n = len(words)
        if most is not None and n > most + FEW:
            hidden = n - most
            words = [*words[: most // 2], f" ... {hidden:,} tokens ... ", *words[n - (most - most // 2) :]]
        for i, text in enumerate(_filled(words, width=max(20, width - _INDENT - 1))):
            yield TokenLine(start if i == 0 else -1, mark, text)
        start += n


def _filled(words: Sequence[str], *, width: int) -> Iterator[str]:
    """The words with | between them, as many on a line as fit; a longer word has a line of its own."""
    line = words[0]
    for word in words[1:]:
        if columns(line) + columns(word) + 2 > width:
            yield line + "|"
            line = word
        else:
            line += "|" + word
    yield line


def _visible(text: str) -> str:
    r"""Line breaks as \\n; what a terminal would act on is not printed."""
    return "".join(c if c.isprintable() else "?" for c in text.replace("\n", "\\n").replace("\t", "\\t"))
