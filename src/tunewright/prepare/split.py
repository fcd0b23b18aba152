"""Which row trains, which chooses the checkpoint, which measures.

In: keyed rows and how many to hold out. Out: one split for each row. Its own file because it is the promise that no
row, group or repeated text stands on both sides.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewright.core.label_sets import labels_of
from tunewright.core.values import Row, Split, Task
from tunewright.prepare.keys import Keyed


@dataclass(frozen=True, slots=True)
class Share:
    """How many rows to hold out."""

    fraction: float
    at_most: int | None = None

    def of(self, n_rows: int) -> int:
        """At least one row, so that tiny data is tested too."""
        wanted = max(1, math.floor(self.fraction * n_rows + 0.5))
        return min(wanted, self.at_most or wanted)


MOST_KINDS, LEAST_ROWS = 10, 5
"""Kinds of a number: tenths of the rows by size, so that small and large ones stand in every split; fewer and larger
parts where a tenth would have less than five rows, which could not be divided. Ours."""


def strata(rows: Sequence[Row], *, task: Task) -> tuple[str, ...]:
    """The kind of each row, which keeps its share in every split: its label; of several the rarest, so that rare
    ones are divided too; of a number the tenth that it is in.

    >>> "".join(strata([Row(str(i), label=str(i / 2)) for i in range(10)], task="regress"))
    '0000011111'
    """
    if task == "multilabel":
        return _rarest_labels(rows)
    if task != "regress":
        return tuple(row.label or "" for row in rows)
    order = sorted(range(len(rows)), key=lambda i: (float(rows[i].label or "nan"), rows[i].row_id))
    place = {i: n for n, i in enumerate(order)}
    n_kinds = max(1, min(MOST_KINDS, len(rows) // LEAST_ROWS))
    return tuple(str(n_kinds * place[i] // len(rows)) for i in range(len(rows)))


def _rarest_labels(rows: Sequence[Row]) -> tuple[str, ...]:
    labels = [labels_of(row.label or "") for row in rows]
    counts = Counter(label for some in labels for label in some)
    return tuple(min(some, key=lambda label: (counts[label], label), default="") for some in labels)


def split_of(
    rows: Sequence[Keyed],
    *,
    test: Share | None,
    validation: Share | None,
    seed: int,
    kinds: Sequence[str] | None = None,
) -> tuple[Split, ...]:
    """The split of each row; None holds nothing out.

    kinds: of each row, as strata has them; left out: its label. They keep their shares (stratified). Rows that share a
    group or ask the same stay together. A kind never leaves train whole, so a kind with one row stays there; without
    kinds one row at least stays. What cannot be held out under these rules is not: test or validation may come out
    smaller, even empty. The order in which rows are taken hangs on what they say, not on where they stand: a row more
    or less in the file leaves the others where they were.
    """
    units = _units(rows)
    kinds = strata([k.row for k in rows], task="classify") if kinds is None else kinds
    labels = [[kinds[i] for i in unit] for unit in units]
    n_rows = len(rows)
    out: list[Split] = ["train"] * n_rows
    free = list(range(len(units)))
    for name, share in (("test", test), ("validation", validation)):
        if share is None:
            continue
        order = [free[i] for i in by_chance([_key(rows, units[unit]) for unit in free], seed=seed, name=name)]
        rng = generator(seed, f"split {name}")
        taken = _held_out(order, labels=labels, n_wanted=share.of(n_rows), rng=rng)
        for unit in taken:
            for i in units[unit]:
                out[i] = "test" if name == "test" else "validation"
        free = [unit for unit in free if unit not in taken]
    return tuple(out)


def limited(rows: Sequence[Keyed], n_wanted: int, *, seed: int, kinds: Sequence[str] | None = None) -> tuple[int, ...]:
    """Positions of at most n_wanted rows, by seed, in order: one row of every kind first, the others by chance.

    kinds: as in split_of.
    """
    kinds = strata([k.row for k in rows], task="classify") if kinds is None else kinds
    order = by_chance([k.whole for k in rows], seed=seed, name="limit")
    first: dict[str, int] = {}
    for i in order:
        first.setdefault(kinds[i], i)
    firsts = set(first.values())
    return tuple(sorted([*first.values(), *(i for i in order if i not in firsts)][:n_wanted]))


def drawn(n_rows: int, n_wanted: int, *, seed: int, name: str) -> tuple[int, ...]:
    """Positions of at most n_wanted of n_rows, by seed, in order."""
    if n_rows <= n_wanted:
        return tuple(range(n_rows))
    return tuple(sorted(generator(seed, name).choice(n_rows, size=n_wanted, replace=False).tolist()))


def by_chance(keys: Sequence[str], *, seed: int, name: str) -> list[int]:
    """Positions in an order that looks drawn and hangs on seed, name and keys alone: without one of them the others
    keep their order. Equal keys stay in theirs.

    >>> words = ["one", "two", "three", "four"]
    >>> order = [words[i] for i in by_chance(words, seed=0, name="x")]
    >>> [word for word in order if word != "two"] == [
    ...     ["one", "three", "four"][i] for i in by_chance(["one", "three", "four"], seed=0, name="x")
    ... ]
    True
    """
    start = hashlib.blake2b(f"{seed} {name} ".encode(), digest_size=8)

    def place(i: int) -> bytes:
        mark = start.copy()
        mark.update(keys[i].encode("utf-8", "surrogatepass"))
        return mark.digest()

    return sorted(range(len(keys)), key=place)


def generator(seed: int, name: str) -> np.random.Generator:
    """Random numbers of one purpose: the same in every process and unmoved by what others draw."""
    return np.random.default_rng([seed, zlib.crc32(name.encode("utf-8"))])


def _units(rows: Sequence[Keyed]) -> list[list[int]]:
    """Positions that must stay together, by first appearance: a group or a question links them, in chains too."""
    parent = list(range(len(rows)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first: dict[tuple[str, str], int] = {}
    for i, k in enumerate(rows):
        links = [("asked", k.asked)] + ([("group", k.row.group)] if k.row.group else [])
        for link in links:
            a, b = root(first.setdefault(link, i)), root(i)
            parent[max(a, b)] = min(a, b)
    units: dict[int, list[int]] = {}
    for i in range(len(rows)):
        units.setdefault(root(i), []).append(i)
    return list(units.values())


def _key(rows: Sequence[Keyed], unit: Sequence[int]) -> str:
    """What a unit is called: its group, or what its rows ask; a row less leaves it as it is."""
    groups = [group for i in unit if (group := rows[i].row.group)]
    return f"group {min(groups)}" if groups else rows[unit[0]].asked


def _held_out(
    order: Sequence[int], *, labels: Sequence[Sequence[str]], n_wanted: int, rng: np.random.Generator
) -> frozenset[int]:
    """Units whose labels come as close as they can to their shares of n_wanted rows, in one pass over them.

    A unit is taken when it lowers the sum over labels of |rows taken - rows wanted|; with units of one row each label
    gets exactly what is wanted. When nothing comes closer (large groups) the smallest unit that may go is taken.
    """
    have = Counter(label for unit in order for label in labels[unit])
    wanted = _wanted(have, n_wanted, rng=rng)
    taken: set[int] = set()
    got: Counter[str] = Counter()

    def may_go(counts: Counter[str]) -> bool:
        return all(have[label] - got[label] > n for label, n in counts.items())

    for unit in order:
        counts = Counter(labels[unit])
        nearer = sum(
            abs(got[label] - wanted[label]) - abs(got[label] + n - wanted[label]) for label, n in counts.items()
        )
        if nearer > 0 and may_go(counts):
            taken.add(unit)
            got += counts
    if not taken:
        can = [unit for unit in order if may_go(Counter(labels[unit]))]
        taken = set(sorted(can, key=lambda unit: len(labels[unit]))[:1])
    return frozenset(taken)


def _wanted(have: Counter[str], n_wanted: int, *, rng: np.random.Generator) -> dict[str, int]:
    """Rows of each label to hold out: its share rounded by largest remainder (ties by seed), one always left."""
    total = sum(have.values())
    names = sorted(have)
    exact = {label: n_wanted * have[label] / total for label in names}
    wanted = {label: min(math.floor(exact[label]), have[label] - 1) for label in names}
    order = [names[i] for i in rng.permutation(len(names))]
    order.sort(key=lambda label: wanted[label] - exact[label])
    for label in order:
        if sum(wanted.values()) >= n_wanted:
            break
        if wanted[label] < have[label] - 1:
            wanted[label] += 1
    return wanted
