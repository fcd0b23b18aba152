"""Near copies: found when they are there, never when they are not, and counted exactly."""

from __future__ import annotations

import secrets
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.prepare.similar import GRAM, LEAST, Pair, clusters, jaccard, shingles, similar_pairs

TEXTS = st.lists(st.text("abc ", max_size=12), max_size=8)


def naive(left: str, right: str) -> float:
    """Jaccard of the sets of 5-grams, written as it is defined."""
    a, b = (
        {text[i : i + GRAM] for i in range(max(1, len(text) - GRAM + 1))} if text else set() for text in (left, right)
    )
    return len(a & b) / len(a | b) if a | b else float("nan")


@given(TEXTS)
def test_jaccard_equals_its_definition(texts: list[str]) -> None:
    pairs = np.array([(i, j) for i in range(len(texts)) for j in range(i + 1, len(texts))], dtype=int)
    pairs = pairs.reshape(-1, 2)
    expected = [naive(texts[i], texts[j]) for i, j in pairs]
    assert np.allclose(jaccard(shingles(texts), pairs), expected, equal_nan=True)


@given(TEXTS)
def test_similar_pairs_never_names_a_pair_below_the_limit_and_none_twice(texts: list[str]) -> None:
    found = similar_pairs(texts)
    assert all(
        pair.left < pair.right and naive(texts[pair.left], texts[pair.right]) >= LEAST
        for pair in found
        if texts[pair.left]
    )
    assert len({(pair.left, pair.right) for pair in found}) == len(found)


def words_of(rng: np.random.Generator, n: int) -> str:
    return " ".join("".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), rng.integers(2, 9))) for _ in range(n))


def test_similar_pairs_finds_98_of_100_planted_copies_from_jaccard_85_on() -> None:
    seed = secrets.randbits(32)
    rng = np.random.default_rng(seed)
    originals = [words_of(rng, int(rng.integers(8, 40))) for _ in range(3_000)]
    copies = []
    for text in originals:
        letters = list(text)
        for place in rng.integers(0, len(letters), max(1, len(letters) // 70)):
            letters[place] = "#"
        copies.append("".join(letters))
    planted = {i for i, (a, b) in enumerate(zip(originals, copies, strict=True)) if naive(a, b) >= 0.85}
    found = {(pair.left, pair.right) for pair in similar_pairs(originals + copies)}
    hits = {i for i in planted if (i, i + len(originals)) in found}
    wrong = {pair for pair in found if pair[1] - pair[0] != len(originals)}
    sys.stdout.write(f"seed {seed}: {len(hits)} of {len(planted)} planted copies found, {len(wrong)} wrong pairs\n")
    assert len(planted) > 1_000, seed
    assert len(hits) >= 0.98 * len(planted), (seed, len(hits), len(planted))
    assert len(wrong) <= 0.005 * len(found), (seed, wrong)


def test_similar_pairs_across_sides_leaves_pairs_of_one_side_out() -> None:
    text = "please send my new card to the other address"
    found = similar_pairs([text, text + "s", text, "something else", text], sides=[0, 0, 1, 1, 1])
    assert {(pair.left, pair.right) for pair in found} == {(0, 2), (0, 4), (1, 2), (1, 4)}


def test_similar_pairs_compares_every_neighbour_in_a_bucket_of_many() -> None:
    """Two hundred copies that differ in one word are one cluster, without 20,000 comparisons."""
    texts = [f"your order number {i:04d} left our house this morning and will be with you tomorrow" for i in range(200)]
    (cluster,) = clusters(similar_pairs(texts))
    assert len(cluster) == 200


def test_clusters_follows_chains() -> None:
    assert clusters([Pair(0, 3, 1.0), Pair(3, 5, 0.9), Pair(1, 2, 0.8)]) == [(0, 3, 5), (1, 2)]


@pytest.mark.parametrize("texts", [[], ["a"], ["", ""], ["\ud800", "\ud800"]])
def test_similar_pairs_takes_what_is_hardly_a_text(texts: list[str]) -> None:
    assert [(pair.left, pair.right) for pair in similar_pairs(texts)] == ([(0, 1)] if len(texts) == 2 else [])
