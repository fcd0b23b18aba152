"""Which texts are nearly the same.

In: normalised texts. Out: pairs with their Jaccard similarity, and clusters of them. Its own file because it is the one
place that compares every row with every other: MinHash signatures, cut into bands that must agree, propose pairs, and
each pair is then counted exactly, so that nothing is called similar by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

GRAM = 5
"""Characters of a shingle. Ours: words are too few in a ticket, and CJK has none; 5 as in most MinHash tools."""
LEAST = 0.8
"""Jaccard similarity from which two texts are nearly the same. Source: REFERENCES B, datatrove and text-dedup use .75
to .8; planted copies are to be found from .85."""
BANDS, BAND_ROWS = 18, 7
"""A pair of similarity s is proposed with probability 1 - (1 - s^7)^18: .985 at .8, .999 at .85, .004 at .3."""
WIDEST = 24
"""Texts of one band bucket that are all compared with each other; in a wider bucket each is compared with the next."""
_CHUNK = 1 << 20
"""Shingles that are handled at once: 8 MB an array."""
_BITS = np.uint64(48)
_VALUE = np.uint64((1 << 48) - 1)
"""A shingle's hash; the 16 bits above it tell whose it is, so that one plain sort does for both."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts by position, left before right."""

    left: int
    right: int
    jaccard: float


@dataclass(frozen=True, slots=True)
class Shingles:
    """The set of character 5-grams of every text, as hashes. Text i owns values[starts[i]:starts[i + 1]], sorted."""

    values: Hashes
    starts: Ints

    def __len__(self) -> int:
        return len(self.starts) - 1


def similar_pairs(texts: Sequence[str], *, least: float = LEAST, sides: Sequence[int] | None = None) -> list[Pair]:
    """Pairs of texts with a Jaccard similarity of at least `least`, most similar first; equal texts are 1.

    sides: a number for each text; only pairs from different sides count. None: all pairs.
    Pairs below about .7 are found only by luck, since the bands are cut for .8.
    """
    first, of_unique = _unique(texts)
    pairs = _pairs_of([texts[i] for i in first], least=least)
    if sides is None:
        found = [Pair(first[a], first[b], s) for a, b, s in pairs]
        found += [Pair(first[u], i, 1.0) for i, u in enumerate(of_unique) if first[u] != i]
    else:
        found = list(_across(pairs, first=first, of_unique=of_unique, sides=sides))
    return sorted(found, key=lambda pair: (-pair.jaccard, pair.left, pair.right))


def clusters(pairs: Sequence[Pair]) -> list[tuple[int, ...]]:
    """Positions that are linked by pairs, in chains too; by first position."""
    parent: dict[int, int] = {}

    def root(i: int) -> int:
        while parent.setdefault(i, i) != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for pair in pairs:
        a, b = root(pair.left), root(pair.right)
        parent[max(a, b)] = min(a, b)
    found: dict[int, list[int]] = {}
    for i in sorted(parent):
        found.setdefault(root(i), []).append(i)
    return [tuple(members) for members in found.values()]


def shingles(texts: Sequence[str]) -> Shingles:
    """The sets of character 5-grams; a shorter text is one shingle, an empty one has none."""
    sizes = np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))
    parts = [_sets(texts[part], sizes[part]) for part in _slices(sizes)]
    counts = np.concatenate([counts for _, counts in parts] or [np.zeros(0, dtype=np.int64)])
    values = np.concatenate([values for values, _ in parts] or [np.zeros(0, dtype=np.uint64)])
    return Shingles(values, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def jaccard(sets: Shingles, pairs: Ints) -> npt.NDArray[np.float64]:
    """The exact similarity of each pair of positions [n, 2]; nan where both are empty."""
    sizes = np.diff(sets.starts)
    out = np.empty(len(pairs))
    for part in _slices(sizes[pairs].sum(axis=1)):
        some = pairs[part]
        shared = _shared(sets, some)
        whole = sizes[some].sum(axis=1) - shared
        out[part] = np.divide(shared, whole, out=np.full(len(some), np.nan), where=whole > 0)
    return out


def signatures(sets: Shingles) -> npt.NDArray[np.uint32]:
    """[texts, 126] MinHash values. Source: Broder 1997; multiply-shift hashing, Dietzfelbinger et al. 1997."""
    n_hashes = BANDS * BAND_ROWS
    random = np.random.default_rng(0)
    factors = random.integers(0, 1 << 63, n_hashes, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    terms = random.integers(0, 1 << 63, n_hashes, dtype=np.uint64)
    out = np.full((len(sets), n_hashes), np.iinfo(np.uint32).max, dtype=np.uint32)
    for part in _slices(np.diff(sets.starts)):
        low, high = sets.starts[part.start], sets.starts[part.stop]
        starts = sets.starts[part.start : part.stop] - low
        is_some = np.diff(np.append(starts, high - low)) > 0
        if not is_some.any():
            continue
        values = sets.values[low:high]
        rows = np.arange(part.start, part.stop)[is_some]
        for k in range(n_hashes):
            hashed = ((values * factors[k] + terms[k]) >> np.uint64(32)).astype(np.uint32)
            out[rows, k] = np.minimum.reduceat(hashed, starts[is_some])
    return out


def _pairs_of(texts: Sequence[str], *, least: float) -> list[tuple[int, int, float]]:
    if len(texts) < 2:
        return []
    sets = shingles(texts)
    proposed = _proposed(signatures(sets), sizes=np.diff(sets.starts), least=least)
    similarity = jaccard(sets, proposed)
    near = similarity >= least
    return [(int(a), int(b), float(s)) for (a, b), s in zip(proposed[near], similarity[near], strict=True)]


def _proposed(signed: npt.NDArray[np.uint32], *, sizes: Ints, least: float) -> Ints:
    """Pairs [n, 2] that agree in a whole band, and whose sizes allow the similarity."""
    n = len(signed)
    codes: list[Ints] = []
    for band in range(BANDS):
        key = np.zeros(n, dtype=np.uint64)
        for column in signed[:, band * BAND_ROWS : (band + 1) * BAND_ROWS].T:
            key = _mixed(key * _BASE + column)
        order = np.argsort(key, kind="stable")
        sorted_key = key[order]
        for step in range(1, WIDEST):
            same = sorted_key[step:] == sorted_key[:-step]
            if not same.any():
                break
            a, b = order[:-step][same], order[step:][same]
            small, large = np.minimum(sizes[a], sizes[b]), np.maximum(sizes[a], sizes[b])
            can = (small > 0) & (small >= least * large)
            codes.append(np.minimum(a, b)[can] * n + np.maximum(a, b)[can])
    if not codes:
        return np.zeros((0, 2), dtype=np.int64)
    unique = np.unique(np.concatenate(codes))
    return np.stack([unique // n, unique % n], axis=1)


def _unique(texts: Sequence[str]) -> tuple[list[int], list[int]]:
    """The first position of every text, and for each text which of those it is."""
    seen: dict[str, int] = {}
    of_unique = [seen.setdefault(text, len(seen)) for text in texts]
    first = [-1] * len(seen)
    for i in range(len(texts) - 1, -1, -1):
        first[of_unique[i]] = i
    return first, of_unique


def _across(
    pairs: Sequence[tuple[int, int, float]], *, first: Sequence[int], of_unique: Sequence[int], sides: Sequence[int]
) -> Iterator[Pair]:
    """Pairs between sides: for every text the first one of each similar text on every other side."""
    by_unique: list[dict[int, list[int]]] = [{} for _ in first]
    for i, u in enumerate(of_unique):
        by_unique[u].setdefault(sides[i], []).append(i)
    for u in range(len(first)):
        yield from _between(by_unique[u], by_unique[u], 1.0, is_same=True)
    for a, b, s in pairs:
        yield from _between(by_unique[a], by_unique[b], s)


def _between(
    left: dict[int, list[int]], right: dict[int, list[int]], similarity: float, *, is_same: bool = False
) -> Iterator[Pair]:
    for side_a, members_a in left.items():
        for side_b, members_b in right.items():
            if side_a == side_b or (is_same and side_a > side_b):
                continue
            low, high = (members_a, members_b) if side_a < side_b else (members_b, members_a)
            made = {(low[0], j) for j in high} | {(i, high[0]) for i in low}
            yield from (Pair(min(i, j), max(i, j), similarity) for i, j in sorted(made))


_BASE = np.uint64(0x9E3779B97F4A7C15)
"""An odd number without a pattern. Source: 2^64 over the golden ratio, Steele et al. 2014 (SplitMix)."""


def _mixed(values: Hashes) -> Hashes:
    """SplitMix64's finaliser: every bit of the result depends on every bit of the value."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _sets(texts: Sequence[str], sizes: Ints) -> tuple[Hashes, Ints]:
    """Every text's 5-grams as 48-bit hashes, sorted and without repeats, and how many each text has."""
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.uint64)
    owner = np.repeat(np.arange(len(texts)), sizes)
    left = np.repeat(np.cumsum(sizes), sizes) - np.arange(len(points))
    """Characters from here to the end of the text."""
    grams = np.zeros(len(points), dtype=np.uint64)
    for i in range(GRAM):  # past its end a text is zeros: only a text shorter than a gram keeps such
        shifted = np.zeros(len(points), dtype=np.uint64)
        shifted[: max(0, len(points) - i)] = points[i:] + np.uint64(1)
        grams = grams * _BASE + np.where(left > i, shifted, np.uint64(0))
    is_gram = (left >= GRAM) | (left == sizes[owner])
    owner, grams = owner[is_gram], _mixed(grams[is_gram])
    keyed = np.sort((owner.astype(np.uint64) << _BITS) | (grams >> (np.uint64(64) - _BITS)))
    keyed = keyed[np.concatenate([[True], keyed[1:] != keyed[:-1]])] if len(keyed) else keyed
    return keyed & _VALUE, np.bincount((keyed >> _BITS).astype(np.int64), minlength=len(texts))


def _shared(sets: Shingles, pairs: Ints) -> Ints:
    """How many shingles each pair has in common: both sets sorted together, a twin is a shared one."""
    flat = pairs.reshape(-1)
    lengths = np.diff(sets.starts)[flat]
    ends = np.cumsum(lengths)
    at = np.repeat(sets.starts[:-1][flat] - (ends - lengths), lengths) + np.arange(ends[-1])
    of_pair = np.repeat(np.arange(len(flat), dtype=np.uint64) // np.uint64(2), lengths)
    keyed = np.sort((of_pair << _BITS) | sets.values[at])
    twins = keyed[1:][keyed[1:] == keyed[:-1]]
    return np.bincount((twins >> _BITS).astype(np.int64), minlength=len(pairs))


def _slices(sizes: Ints) -> Iterator[slice]:
    """Ranges of positions whose sizes sum up to about a chunk, and that 16 bits can number."""
    edges = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        done = int(edges[start - 1]) if start else 0
        fitting = int(np.searchsorted(edges, done + _CHUNK, side="right"))
        stop = min(max(start + 1, fitting), start + (1 << 16))
        yield slice(start, stop)
        start = stop
