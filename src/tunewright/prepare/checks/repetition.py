"""Texts that say the same few words over and over.

In: all rows. Out: a finding that names them. Its own file because such a text teaches a generator to loop.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from tunewright.core.values import Finding, Row
from tunewright.prepare.checks.check import Check, Found, Look, Suspect
from tunewright.prepare.checks.ends import ends, is_long, partly
from tunewright.prepare.checks.private_rows import texts_of
from tunewright.tables.words import few, told
from tunewright.text.private import quoted

NAME = "repetition"
LOOP_TIMES, LOOP_WORDS = 4, 8
"""A phrase of at most 8 words that comes 4 times in a row is a loop. Ours: ha ha ha is said three times."""
LEAST_LOOP_CHARACTERS = 16
N_WORDS, LEAST_WORDS = 4, 100
MOST_SHARE = 0.16
"""Of a long text's characters in its most frequent run of 4 words. Source: Rae et al. 2021 (Gopher), table A1; in
shorter texts three mentions of one thing are that much (4 % of gsm8k's solutions)."""


def look(shown: Look) -> Found:
    found = [(k.row.row_id, why) for part in shown.rows.values() for k in part if (why := repeats(k.row))]
    long = [k.row.row_id for part in shown.rows.values() for k in part if any(map(is_long, texts_of(k.row)))]
    in_part = partly(NAME, long, what="repetition", suggestion="to look at all of it, make several rows of such a text")
    if not found:
        return Found(in_part)
    ids = tuple(row_id for row_id, _ in found)
    message = f"{told(len(ids), 'repeats itself', 'repeat themselves')}, as {ids[0]}: {found[0][1]}"
    return Found(
        (Finding(NAME, "info", message, ids, f"look at them: {few(ids)}"), *in_part),
        suspects=tuple(Suspect(row_id, NAME, why) for row_id, why in found),
    )


CHECK = Check("text that repeats itself", ("given",), look)


def repeats(row: Row) -> str:
    """What a row says over and over, in the ends of a text of megabytes; empty when it does not."""
    pieces = (piece for text in texts_of(row) for piece in ends(text))
    return next((why for piece in pieces if (why := loop_in(piece) or refrain_in(piece))), "")


def loop_in(text: str) -> str:
    """
    >>> loop_in("I am fine. I am fine. I am fine. I am fine. Bye.")
    "'I am fine.' 4 times in a row"
    """
    words = text.split()
    if len(words) < LOOP_TIMES or 2 * len(set(words)) > len(words) + LOOP_WORDS:
        return ""
    ids: dict[str, int] = {}
    numbers = np.array([ids.setdefault(word, len(ids)) for word in words], dtype=np.int64)
    for n in range(1, min(LOOP_WORDS, len(words) - 1) + 1):
        start, times = _longest_loop(numbers, n)
        phrase = " ".join(words[start : start + n])
        if times >= LOOP_TIMES and times * len(phrase) >= LEAST_LOOP_CHARACTERS:
            return f"{quoted(phrase)} {times} times in a row"
    return ""


def refrain_in(text: str) -> str:
    """The run of 4 words that fills too much of a long text; empty when there is none."""
    words = text.split()
    if len(words) < LEAST_WORDS:
        return ""
    runs = Counter(zip(*(words[i:] for i in range(N_WORDS)), strict=False))
    best, n = max(runs.items(), key=lambda item: item[1] * sum(map(len, item[0])))
    share = n * sum(map(len, best)) / sum(map(len, words))
    return f"{quoted(' '.join(best))} is {share:.0%} of it" if n > 1 and share > MOST_SHARE else ""


def _longest_loop(words: NDArray[np.int64], n: int) -> tuple[int, int]:
    """Where n words begin that are followed by themselves, and how often they stand there in a row; the first such.

    words: a number for each word. At once for all places: a text may have a million words.
    """
    is_same = np.concatenate([[False], words[n:] == words[:-n], [False]])
    edges = np.flatnonzero(is_same[1:] != is_same[:-1]).reshape(-1, 2)
    if not len(edges):
        return 0, 1
    start, end = edges[np.argmax(edges[:, 1] - edges[:, 0])].tolist()
    return start, (end - start) // n + 1
