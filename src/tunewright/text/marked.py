"""A text as a report may show it: private values replaced by their kind, the stretch that matters marked, the rest cut.

In: a raw text, where its marked stretches stand. Out: Marked. Its own file because every text of a row that anybody is
shown goes through here, so that none can show what it must not.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunewright.text.clean import normalised
from tunewright.text.private import KEY_CHARACTERS, private_in

SHOWN_CHARACTERS = 320
"""Of a text: two or three lines of a page, enough to see what is meant."""
_COMPARED_WORDS = 400
"""Of two texts that are held against each other; more costs time and is not shown."""
_LEAST_RUN = 2
"""Words in a row that two texts share before they are called shared: single words are shared by chance."""

Span = tuple[int, int]
"""Characters [start, end) of the raw text."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of what is shown."""

    text: str
    is_marked: bool = False


@dataclass(frozen=True, slots=True)
class Marked:
    """The pieces in their order, and how many characters of the text are not among them."""

    pieces: tuple[Piece, ...]
    more: int = 0

    @property
    def text(self) -> str:
        return "".join(piece.text for piece in self.pieces)


def marked(text: str, spans: Sequence[Span] = (), *, most: int = SHOWN_CHARACTERS) -> Marked:
    """At most `most` characters (and an ellipsis at a cut end), from a little before the first marked stretch.

    >>> [(p.text, p.is_marked) for p in marked("write to ann@example.org today", [(0, 5)]).pieces]
    [('write', True), (' to [email] today', False)]
    """
    first = min((start for start, _ in spans), default=0)
    start = 0 if len(text) <= most or first <= most // 2 else first - most // 4
    low, high = max(0, start - KEY_CHARACTERS), start + most + KEY_CHARACTERS
    signs = list(_signs(text[low:high], [(a - low, b - low) for a, b in spans]))
    inside = [(sign, is_marked) for sign, is_marked, at in signs if low + at >= start]
    shown = inside[:most]
    at_end = len(inside) <= most and high >= len(text)
    ends = (([("…", False)] if start else []), ([] if at_end else [("…", False)]))
    return Marked(_pieces([*ends[0], *shown, *ends[1]]), 0 if at_end and not start else max(0, len(text) - most))


def whole_detail(detail: str) -> str:
    """Of a text whose beginning alone was kept (Dropped.detail): so much that no half of a value stands at its end.

    >>> whole_detail("no answer")
    'no answer'
    """
    if len(detail) < DETAIL_CHARACTERS:
        return detail
    return marked(_OPEN_KEY.sub(r"\1", detail), most=DETAIL_CHARACTERS // 2).text


DETAIL_CHARACTERS = 80
"""What tables/convert keeps of a cell that cannot be used."""
_OPEN_KEY = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?![\s\S]*-----END )[\s\S]*")
"""A key whose end was cut off: all that follows is the key's."""


def private_spans(text: str) -> list[Span]:
    """Where the text holds something private, to be marked."""
    return [(one.start, one.end) for one in private_in(text)]


def stretch(text: str, words: str) -> Span | None:
    """Where the normalised words stand in the raw text; None when they do not stand there in a row.

    >>> stretch("He said: Hello, World!", "hello world")
    (9, 21)
    """
    wanted = [word for word, _, _ in _words(words)]
    if wanted and (quick := re.search(_in_a_row(wanted), text, re.IGNORECASE)):
        return quick.span()
    found = list(_words(text[:SLOW_CHARACTERS]))
    names = [word for word, _, _ in found]
    n = len(wanted)
    place = next((i for i in range(len(names) - n + 1) if names[i : i + n] == wanted), None) if n else None
    return None if place is None else (found[place][1], found[place + n - 1][2])


def shared(left: str, right: str) -> tuple[list[Span], list[Span]]:
    """Runs of words that both texts have, as they stand in each."""
    a, b, blocks = _compared(left, right)
    blocks = [block for block in blocks if block.size >= _LEAST_RUN]
    return (
        [(a[m.a][1], a[m.a + m.size - 1][2]) for m in blocks],
        [(b[m.b][1], b[m.b + m.size - 1][2]) for m in blocks],
    )


def different(left: str, right: str) -> tuple[list[Span], list[Span]]:
    """Words of each text that the other does not have at that place; neighbours are one stretch."""
    a, b, blocks = _compared(left, right)
    ours = {i for m in blocks for i in range(m.a, m.a + m.size)}
    theirs = {i for m in blocks for i in range(m.b, m.b + m.size)}
    return _runs(a, ours), _runs(b, theirs)


def changed(before: str, after: str) -> tuple[list[Span], list[Span]]:
    """Where two forms of a cell differ, by characters, whole words at a time."""
    a, b = list(_blank_words(before)), list(_blank_words(after))
    match = difflib.SequenceMatcher(None, [w for w, _, _ in a], [w for w, _, _ in b], autojunk=False)
    blocks = match.get_matching_blocks()
    return (
        _runs(a, {i for m in blocks for i in range(m.a, m.a + m.size)}),
        _runs(b, {i for m in blocks for i in range(m.b, m.b + m.size)}),
    )


SLOW_CHARACTERS = 50_000
"""Of a text in which a plain search finds nothing: some letters have a small form of two signs (İ)."""
_Word = tuple[str, int, int]
_BLANKLESS = re.compile("[\u2e80-\u9fff\uf900-\ufaff]")
"""Scripts that write no blanks."""
_TOKEN = re.compile("[\u2e80-\u9fff\uf900-\ufaff]|(?:(?![\u2e80-\u9fff\uf900-\ufaff])[^\\s\\W_]|[\u0300-\u036f])+")
"""A word, or one character of a script that writes no blanks, as in spans.py."""


def _words(text: str) -> Iterator[_Word]:
    """(normalised, start, end) of every word."""
    for match in _TOKEN.finditer(text):
        word = normalised(match[0])
        if word:
            yield word, match.start(), match.end()


def _in_a_row(words: Sequence[str]) -> str:
    """The pattern of these words one after the other, with signs between them; a script without blanks needs none.

    Which gap it is, is decided here: as an alternative in the pattern a thousand of them took 10 s to compile.
    """
    escaped = [
        ("" if i == 0 else r"[\W_]*" if _BLANKLESS.search(words[i - 1][-1] + word[0]) else r"[\W_]+") + re.escape(word)
        for i, word in enumerate(words)
    ]
    return rf"(?<![^\W_]){''.join(escaped)}(?![^\W_])"


def _blank_words(text: str) -> Iterator[_Word]:
    for i, match in enumerate(re.finditer(r"\S+\s*", text)):
        if i >= _COMPARED_WORDS:
            return
        yield match[0], match.start(), match.start() + len(match[0].rstrip())


def _compared(left: str, right: str) -> tuple[list[_Word], list[_Word], list[difflib.Match]]:
    a, b = list(_words(left))[:_COMPARED_WORDS], list(_words(right))[:_COMPARED_WORDS]
    match = difflib.SequenceMatcher(None, [w for w, _, _ in a], [w for w, _, _ in b], autojunk=False)
    return a, b, [block for block in match.get_matching_blocks() if block.size]


def _runs(words: Sequence[_Word], known: set[int]) -> list[Span]:
    """Stretches of words that are not among the known ones."""
    spans: list[Span] = []
    last = -2
    for i, (_, start, end) in enumerate(words):
        if i in known:
            continue
        if last == i - 1:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
        last = i
    return spans


def _signs(text: str, spans: Sequence[Span]) -> Iterator[tuple[str, bool, int]]:
    """(what is shown, is it marked, where it stands in the text), a character or a whole private value at a time."""
    is_marked = bytearray(len(text))
    for start, end in spans:
        a, b = max(0, start), min(len(text), end)
        is_marked[a:b] = b"\x01" * max(0, b - a)
    at = 0
    for found in private_in(text):
        yield from ((_seen(c, is_marked[i]), bool(is_marked[i]), i) for i, c in enumerate(text[at : found.start], at))
        yield f"[{found.kind}]", any(is_marked[found.start : found.end]), found.start
        at = found.end
    yield from ((_seen(c, is_marked[i]), bool(is_marked[i]), i) for i, c in enumerate(text[at:], at))


def _seen(c: str, is_marked: int) -> str:
    """A mark on a character that nobody sees would mark nothing: it stands there by its number."""
    return f"‹U+{ord(c):04X}›" if is_marked and is_hidden(c) else c


def is_hidden(c: str) -> bool:
    """Zero-width signs, direction signs, tags, blank fillers.

    >>> is_hidden("\\u200b"), is_hidden("a")
    (True, False)
    """
    return c in _FILLERS or unicodedata.category(c) == "Cf"


_FILLERS = frozenset("\u115f\u1160\u180e\u3164\uffa0")
"""Letters by their category that have no shape. Source: Unicode 16, chapter 23."""


def _pieces(signs: Sequence[tuple[str, bool]]) -> tuple[Piece, ...]:
    pieces: list[list[str]] = []
    kinds: list[bool] = []
    for sign, is_marked in signs:
        if not kinds or kinds[-1] != is_marked:
            pieces.append([])
            kinds.append(is_marked)
        pieces[-1].append(sign)
    return tuple(Piece("".join(part), kind) for part, kind in zip(pieces, kinds, strict=True))
