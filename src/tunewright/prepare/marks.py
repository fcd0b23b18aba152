"""Which words of a row matter to the finding that names it.

In: a check, rows that belong together. Out: the stretches to mark in the text of each. Its own file because a mark says
"this is why": the shared stretch of a leak, the differing words of near copies, the address in a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from tunewright.core.values import Row
from tunewright.text.marked import Span, different, is_hidden, private_spans, shared, stretch
from tunewright.text.names import ENTITIES
from tunewright.text.private import KINDS

READ_CHARACTERS = 20_000
"""Of a text; what stands later is not shown anyway."""
END_CHARACTERS = 30
"""Of an answer that may be cut off, as its finding says it."""


def said(row: Row) -> str:
    """The text, or every turn with who says it."""
    return row.text or "\n".join(f"{message.role}: {message.content}" for message in row.messages)


def row_marks(check: str, rows: Sequence[Row], *, kind: str, words: str) -> list[list[Span]]:
    """One list for each row; empty where nothing stands out.

    kind: as in evidence. words: the stretch that they share, normalised; empty when there is none.
    """
    texts = [said(row)[:READ_CHARACTERS] for row in rows]
    found = [stretch(text, words) for text in texts] if words else []
    if any(found):
        return [[one] if one else [] for one in found]
    if kind in ("near", "reworded") and len(texts) > 1:
        left, right = shared(texts[0], texts[1])
        return [left, right, *([] for _ in texts[2:])]
    if kind == "cluster" and len(texts) > 1:
        pairs = [different(texts[0], text) for text in texts[1:]]
        return [pairs[0][0], *(theirs for _, theirs in pairs)]
    own = _OWN.get(check)
    return [own(row, text) if own else [] for row, text in zip(rows, texts, strict=True)]


_MASKS = re.compile("|".join(re.escape(f"[{kind}]") for kind in (*KINDS, *ENTITIES.values())))
_TAGS = re.compile(r"</?[a-zA-Z][^<>]{0,300}>|&(?:[a-zA-Z]{2,8}|#\d{2,5}|#[xX][0-9a-fA-F]{2,5});")


_LOOP = re.compile(r"(?<!\S)(\S{1,40}(?:\s+\S{1,40}){0,7}?)(?:\s+\1(?!\S)){3,}")
"""A phrase of at most 8 words that comes 4 times in a row, as the check repetition looks for it."""


def _loops(row: Row, text: str) -> list[Span]:
    return [match.span() for match in _LOOP.finditer(text)]


def _private(row: Row, text: str) -> list[Span]:
    """As it stands there, or masked already."""
    return private_spans(text) or [match.span() for match in _MASKS.finditer(text)]


def _markup(row: Row, text: str) -> list[Span]:
    return [match.span() for match in _TAGS.finditer(text)]


def _hidden(row: Row, text: str) -> list[Span]:
    return [(i, i + 1) for i, c in enumerate(text) if is_hidden(c)]


def _answers(row: Row, text: str) -> list[Span]:
    answer = next((message.content for message in row.messages if message.is_trained), "")
    at = text.find(answer) if answer else -1
    return [(at, at + len(answer))] if at >= 0 else []


def _ends(row: Row, text: str) -> list[Span]:
    return [(max(start, end - END_CHARACTERS), end) for start, end in _answers(row, text)]


_OWN: Mapping[str, Callable[[Row, str], list[Span]]] = {
    "personal_data": _private,
    "secrets": _private,
    "names": _private,
    "markup": _markup,
    "invisible": _hidden,
    "repetition": _loops,
    "filler_answers": _answers,
    "cut_off": _ends,
    "boilerplate": _answers,
}
"""What to mark in a row that stands alone."""
