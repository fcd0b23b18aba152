"""Which words tuning made likelier: each word of the test rows' references, before and after.

In: encoded rows, how much likelier each of their tokens became, a tokenizer. Out: a record of metrics.json. Its own
file because tokens are no words: a word's pieces belong together, and a rare word proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import regex
from scipy.stats import t as student

from tunewright.core.values import Encoded
from tunewright.evaluate.statistics.between import holm
from tunewright.evaluate.statistics.compare import ALPHA
from tunewright.evaluate.statistics.intervals import UNKNOWN, Interval
from tunewright.evaluate.statistics.preferences import sign_p
from tunewright.text.chat import Tokenizer, special_ids
from tunewright.text.encode import trained_runs
from tunewright.text.private import private_in

Record = dict[str, Any]

LEAST_ROWS = 5
"""Of a word: it stands in the references of that many rows, so that no single row speaks for it. Ours."""
MOST_SHOWN = 15
"""Words of each list."""
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}ー\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(rf"[{_UNSPACED}]\p{{M}}*|(?:(?![{_UNSPACED}])[\p{{L}}\p{{M}}\p{{N}}])+(?:['’]\p{{L}}+)*")
"""Letters and digits with what belongs to them; scripts without blanks by character."""
_HALF = "\ufffd"
"""What a token decodes to that ends within a character."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word over all rows, lower case."""

    word: str
    n: int
    """Occurrences."""
    rows: int
    rows_gained: int
    """Rows in which it became likelier, over its occurrences there."""
    gain_nats: float
    """Mean over occurrences of the log-probability after tuning less that before."""
    ci95: Interval
    """Rows are the sample: Student's t over rows."""
    p_holm: float
    """Sign test over rows, corrected for all words that were looked at (Holm 1979)."""
    is_clear: bool


def likelier_words(encoded: Sequence[Encoded], gains: Sequence[Sequence[float]], *, tokenizer: Tokenizer) -> Record:
    """Words that gained most and lost most, each list at most MOST_SHOWN long.

    gains: of each row, for each trained token behind the first, in order. Private values are no words.
    """
    by_word: dict[str, dict[str, list[float]]] = {}
    n_words = 0
    special = special_ids(tokenizer)
    for row, of_row in zip(encoded, gains, strict=True):
        for word, gain in row_words(row, of_row, tokenizer=tokenizer, special=special):
            n_words += 1
            by_word.setdefault(word.casefold(), {}).setdefault(row.row_id, []).append(gain)
    found = _words({word: of for word, of in by_word.items() if len(of) >= LEAST_ROWS})
    by_gain = sorted(found, key=lambda one: (-one.gain_nats, one.word))
    return {
        "reason": "" if found else f"no word stands in the references of {LEAST_ROWS} rows",
        "rows": len({row.row_id for row in encoded}),
        "occurrences": n_words,
        "looked_at": len(found),
        "least_rows": LEAST_ROWS,
        "n_clear_gained": sum(one.is_clear and one.gain_nats > 0 for one in found),
        "n_clear_lost": sum(one.is_clear and one.gain_nats < 0 for one in found),
        "gained": [asdict(one) for one in by_gain[:MOST_SHOWN] if one.gain_nats > 0],
        "lost": [asdict(one) for one in by_gain[::-1][:MOST_SHOWN] if one.gain_nats < 0],
    }


def no_words(reason: str) -> Record:
    """The record of what was not measured."""
    unknown = dict.fromkeys(("rows", "occurrences", "looked_at", "n_clear_gained", "n_clear_lost"))
    return {"reason": reason, **unknown, "least_rows": LEAST_ROWS, "gained": [], "lost": []}


def row_words(
    row: Encoded, gains: Sequence[float], *, tokenizer: Tokenizer, special: frozenset[int]
) -> Iterator[tuple[str, float]]:
    """Each word of the trained turns with the gain of all its tokens together: log-probabilities add up.

    A token that two words share counts for the first. A word whose first token has no gain (a document's first) is
    left out.
    """
    places = [i for i, is_trained in enumerate(row.trained) if is_trained and i > 0]
    gain_of = dict(zip(places, gains, strict=True))
    for start, end in trained_runs(row.trained):
        begin = 0 if start == 1 else start  # a document's first token is read, not predicted: part of its first word
        kept = [i for i in range(begin, end) if row.ids[i] not in special]
        text, spans = _spans([row.ids[i] for i in kept], tokenizer=tokenizer)
        private = [(one.start, one.end) for one in private_in(text)]
        at = 0
        for match in _WORD.finditer(text):
            tokens = []
            while at < len(kept) and spans[at][0] < match.end():
                if spans[at][1] > match.start():
                    tokens.append(kept[at])
                at += 1
            is_private = any(a < match.end() and match.start() < b for a, b in private)
            if tokens and not is_private and all(i in gain_of and math.isfinite(gain_of[i]) for i in tokens):
                yield match.group(), sum(gain_of[i] for i in tokens)


def _spans(ids: Sequence[int], *, tokenizer: Tokenizer) -> tuple[str, list[tuple[int, int]]]:
    """The text of the tokens, and the characters that each of them has a part in.

    Read off what the first 1, 2, 3 ... tokens say: that holds for every kind of tokenizer, and a turn is short.
    """
    text = str(tokenizer.decode(list(ids), skip_special_tokens=True))
    spans, start = [], 0
    for n in range(1, len(ids) + 1):
        begun = str(tokenizer.decode(list(ids[:n]), skip_special_tokens=True)) if n < len(ids) else text
        whole = begun.rstrip(_HALF) if n < len(ids) else begun
        spans.append((start, len(whole) + (len(whole) < len(begun))))
        start = len(whole)
    return text, spans


def _words(by_word: dict[str, dict[str, list[float]]]) -> list[Word]:
    p_values = []
    for of in by_word.values():
        sums = [sum(gains) for gains in of.values()]
        p_values.append(sign_p(sum(one > 0 for one in sums), sum(one < 0 for one in sums)))
    return [_word(word, of, p_holm=p) for (word, of), p in zip(by_word.items(), holm(p_values), strict=True)]


def _word(word: str, of: dict[str, list[float]], *, p_holm: float) -> Word:
    sums_R, counts_R = (np.array([count(gains) for gains in of.values()], dtype=np.float64) for count in (sum, len))
    n, n_rows = int(counts_R.sum()), len(of)
    mean = float(sums_R.sum() / n)
    return Word(
        word=word,
        n=n,
        rows=n_rows,
        rows_gained=int((sums_R > 0).sum()),
        gain_nats=mean,
        ci95=_interval(mean, sums_R - mean * counts_R, n=n),
        p_holm=p_holm,
        is_clear=p_holm < ALPHA,
    )


def _interval(mean: float, left_R: np.ndarray[Any, np.dtype[np.float64]], *, n: int) -> Interval:
    """Of a ratio of sums, rows resampled in thought. Source: Cochran 1977, Sampling Techniques, section 6.4."""
    n_rows = len(left_R)
    if n_rows < 2:
        return UNKNOWN
    error = math.sqrt(n_rows / (n_rows - 1) * float((left_R**2).sum())) / n
    half = float(student.ppf(0.975, n_rows - 1)) * error
    return mean - half, mean + half
