"""Long stretches of words that stand on both sides of a split.

In: normalised texts of two sides. Out: for each right text the longest stretch that a left text has too. Its own file
because a copy that was shortened, or pasted into another text, is not similar as a whole: only the span gives it away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

LEAST_WORDS = 8
"""Of a shared stretch. Ours: lm-eval takes 13 and datatrove 12 for web text; a ticket or a question has hardly more
than 16 words. Of gsm8k's 1,319 test questions one has half its words, 8 or more, in a row in a train question."""
LEAST_SHARE = 0.5
"""Of the right text's words. Source: REFERENCES B."""
_TRIED = 64
"""Left texts that a stretch is looked up in, at most: a phrase that stands in more of them is a formula, not a leak."""
_WORD = re.compile("[\u2e80-\u9fff\uf900-\ufaff]|[^\\s\u2e80-\u9fff\uf900-\ufaff]+")
"""A word, or one character of a script that writes no blanks."""


@dataclass(frozen=True, slots=True)
class Span:
    """The longest stretch that texts `left` and `right` (positions) share."""

    left: int
    right: int
    n_words: int
    share: float
    """Of the right text."""
    words: str
    """The stretch, normalised."""


def shared_spans(left: Sequence[str], right: Sequence[str], *, every: bool = False) -> list[Span]:
    """For each right text that has one: its longest stretch that also stands in a left text; by right position.

    Stretches of fewer than 8 words, or of less than half of the right text, are none.
    every: the longest one with each left text, the longest of all first.
    """
    ids: dict[str, int] = {}
    left_words = _words(left, ids)
    left_grams = _Grams.of(left_words)
    order = np.argsort(left_grams.values, kind="stable")
    known = _Grams(left_grams.values[order], left_grams.texts[order], left_grams.places[order])
    found = []
    for position, text in enumerate(right):
        words = words_in(text)
        if len(words) < LEAST_WORDS or not len(known.values):
            continue
        spans = _longest(position, words, ids, known)
        found += spans if every else spans[:1]
    return found


def words_in(text: str) -> list[str]:
    """The words of a normalised text; of a script without blanks its characters."""
    return _WORD.findall(text)


@dataclass(frozen=True, slots=True)
class _Grams:
    """Every run of 8 words: its hash, whose it is, and where it starts."""

    values: Hashes
    texts: Ints
    places: Ints

    @classmethod
    def of(cls, texts: Sequence[Sequence[int]]) -> _Grams:
        sizes = np.fromiter((len(words) for words in texts), dtype=np.int64, count=len(texts))
        flat = np.fromiter((word for words in texts for word in words), dtype=np.uint64, count=int(sizes.sum()))
        owner = np.repeat(np.arange(len(texts)), sizes)
        place = np.arange(len(flat)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        fits = place + LEAST_WORDS <= sizes[owner]
        return cls(_rolled(flat)[fits], owner[fits], place[fits])


def _words(texts: Sequence[str], ids: dict[str, int]) -> list[list[int]]:
    return [[ids.setdefault(word, len(ids) + 1) for word in words_in(text)] for text in texts]


def _longest(position: int, words: Sequence[str], ids: dict[str, int], known: _Grams) -> list[Span]:
    """Grams of this text that some left text has; consecutive ones on one diagonal make a longer stretch."""
    numbers = np.fromiter((ids.get(word, 0) for word in words), dtype=np.uint64, count=len(words))
    grams = _rolled(numbers)[: len(words) - LEAST_WORDS + 1]
    low = np.searchsorted(known.values, grams, side="left")
    counts = np.minimum(np.searchsorted(known.values, grams, side="right") - low, _TRIED)
    if not counts.any():
        return []
    mine = np.repeat(np.arange(len(grams)), counts)
    at = np.repeat(low - (np.cumsum(counts) - counts), counts) + np.arange(int(counts.sum()))
    texts, places = known.texts[at], known.places[at]
    order = np.lexsort((mine, places - mine, texts))
    mine, texts, places = mine[order], texts[order], places[order]
    goes_on = (mine[1:] == mine[:-1] + 1) & (places[1:] == places[:-1] + 1) & (texts[1:] == texts[:-1])
    starts = np.concatenate([[0], np.flatnonzero(~goes_on) + 1])
    runs = np.diff(np.append(starts, len(mine)))
    best: dict[int, Span] = {}
    for i in np.argsort(-runs, kind="stable").tolist():
        text, n_words, first = int(texts[starts[i]]), int(runs[i]) + LEAST_WORDS - 1, int(mine[starts[i]])
        if n_words < LEAST_SHARE * len(words):
            break
        if text not in best:
            stretch = " ".join(words[first : first + n_words])
            best[text] = Span(text, position, n_words, n_words / len(words), stretch)
    return list(best.values())


_BASE = np.uint64(0x9E3779B97F4A7C15)


def _rolled(numbers: Hashes) -> Hashes:
    """The hash of the 8 numbers from each place on; the last 7 places are not whole."""
    out = np.zeros(len(numbers), dtype=np.uint64)
    for i in range(LEAST_WORDS):
        shifted = np.zeros(len(numbers), dtype=np.uint64)
        shifted[: max(0, len(numbers) - i)] = numbers[i:]
        out = (out ^ (shifted * _BASE)) * np.uint64(0xBF58476D1CE4E5B9)
        out ^= out >> np.uint64(29)
    return out
