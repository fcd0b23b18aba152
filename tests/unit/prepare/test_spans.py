"""Shared stretches: as long as a naive search says, and none where none is planted."""

from __future__ import annotations

import secrets
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tunewright.prepare.spans import LEAST_SHARE, LEAST_WORDS, shared_spans

WORDS = st.lists(st.lists(st.sampled_from("abc"), max_size=24).map(" ".join), max_size=4)


def naive(left: str, right: str) -> int:
    """Words of the longest stretch that both have."""
    a, b = left.split(), right.split()
    stretches = {tuple(a[i:j]) for i in range(len(a)) for j in range(i + 1, len(a) + 1)}
    return max(
        (j - i for i in range(len(b)) for j in range(i + 1, len(b) + 1) if tuple(b[i:j]) in stretches), default=0
    )


@given(WORDS, WORDS)
def test_shared_spans_are_as_long_as_a_naive_search_says(left: list[str], right: list[str]) -> None:
    found = {span.right: span for span in shared_spans(left, right)}
    for j, text in enumerate(right):
        longest = max((naive(other, text) for other in left), default=0)
        is_long = longest >= LEAST_WORDS and longest >= LEAST_SHARE * len(text.split())
        assert (found[j].n_words if j in found else 0) == (longest if is_long else 0)
        if j in found:
            assert found[j].words in left[found[j].left]
            assert found[j].words in text


def test_shared_spans_finds_95_of_100_planted_halves_and_nothing_else() -> None:
    seed = secrets.randbits(32)
    rng = np.random.default_rng(seed)
    vocabulary = ["".join(rng.choice(list("abcdefghij"), 5)) for _ in range(2_000)]

    def text(n: int) -> list[str]:
        return [str(word) for word in rng.choice(vocabulary, n)]

    left = [text(int(rng.integers(30, 80))) for _ in range(1_000)]
    right = [text(int(rng.integers(16, 60))) for _ in range(2_000)]
    planted = range(1_000)
    for i in planted:
        half = -(-len(right[i]) // 2)
        source = left[int(rng.integers(0, 1_000))]
        start = int(rng.integers(0, max(1, len(source) - half + 1)))
        place = int(rng.integers(0, len(right[i]) - half + 1))
        right[i][place : place + half] = (source * 2)[start : start + half]
    found = {
        span.right for span in shared_spans([" ".join(words) for words in left], [" ".join(words) for words in right])
    }
    n_found, n_wrong = len(found & set(planted)), len(found - set(planted))
    sys.stdout.write(f"seed {seed}: {n_found} of 1,000 planted halves found, {n_wrong} of 1,000 others\n")
    assert n_found >= 950, seed
    assert n_wrong <= 0.005 * 1_000, seed


def test_shared_spans_reads_chinese_by_characters() -> None:
    (span,) = shared_spans(["我想知道我的新银行卡什么时候会寄到我家里"], ["请问我的新银行卡什么时候会寄到"])
    assert (span.words, span.n_words) == ("我 的 新 银 行 卡 什 么 时 候 会 寄 到", 13)
