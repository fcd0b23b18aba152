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
from itertools import groupby

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
    pieces = [("…", False)] if start else []
    n_signs = 0
    for text_of, is_marked, at, is_one in _runs_of(text[low:high], [(a - low, b - low) for a, b in spans]):
        n_before = max(0, start - low - at)
        said = ("" if n_before else text_of) if is_one else text_of[n_before:]
        pieces += [(said if is_one else said[: most - n_signs], is_marked)] if said and n_signs < most else []
        n_signs += min(1, len(said)) if is_one else len(said)
    at_end = n_signs <= most and high >= len(text)
    pieces += [] if at_end else [("…", False)]
    return Marked(_pieces(pieces), 0 if at_end and not start else max(0, len(text) - most))


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
_Run = tuple[str, bool, int, bool]
"""What is shown, is it marked, where it begins in the text, is it one sign whatever its length."""
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


def _runs_of(text: str, spans: Sequence[Span]) -> Iterator[_Run]:
    """The whole text: what lies between private values and marks in one piece, each private value as one sign."""
    is_marked = bytearray(len(text))
    for start, end in spans:
        a, b = max(0, start), min(len(text), end)
        is_marked[a:b] = b"\x01" * max(0, b - a)
    at = 0
    for found in private_in(text):
        yield from _plain(text, at, found.start, is_marked)
        yield f"[{found.kind}]", any(is_marked[found.start : found.end]), found.start, True
        at = found.end
    yield from _plain(text, at, len(text), is_marked)


def _plain(text: str, start: int, end: int, is_marked: bytearray) -> Iterator[_Run]:
    """Stretches with and without a mark. A mark on a sign that nobody sees would mark nothing: it stands there by its
    number."""
    while start < end:
        mark = is_marked[start]
        change = is_marked.find(1 - mark, start, end)
        stop = end if change < 0 else change
        if mark and not text[start:stop].isascii():
            for i in range(start, stop):
                yield f"‹U+{ord(text[i]):04X}›" if is_hidden(text[i]) else text[i], True, i, True
        else:
            yield text[start:stop], bool(mark), start, False
        start = stop


def is_hidden(c: str) -> bool:
    """Zero-width signs, direction signs, tags, blank fillers.

    >>> is_hidden("\\u200b"), is_hidden("a")
    (True, False)
    """
    return c in _FILLERS or unicodedata.category(c) == "Cf"


_FILLERS = frozenset("\u115f\u1160\u180e\u3164\uffa0")
"""Letters by their category that have no shape. Source: Unicode 16, chapter 23."""


def _pieces(runs: Sequence[tuple[str, bool]]) -> tuple[Piece, ...]:
    """Neighbours of one kind are one piece."""
    kinds = groupby(runs, key=lambda run: run[1])
    return tuple(Piece("".join(text for text, _ in some), kind) for kind, some in kinds)
