from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.unit.prepare.some_rows import asked, labelled
from tunewright.core.values import Row
from tunewright.prepare.keys import keyed
from tunewright.prepare.split import Share, drawn, limited, split_of

HALF = {"test": Share(0.15), "validation": Share(0.15)}

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "A", "b!", "b", "c", "d", "e", "f", "g", "h", "i", "j"]),
        st.sampled_from("xyz"),
        st.sampled_from([None, None, "p", "q", "r"]),
    ),
    min_size=1,
    max_size=40,
).map(lambda cells: [Row(f"train:{i}", text=t, label=la, group=g) for i, (t, la, g) in enumerate(cells)])
SEEDS = st.integers(0, 5)


@given(ROWS, SEEDS)
def test_split_gives_every_row_one_place_and_train_at_least_one(rows: list[Row], seed: int) -> None:
    places = split_of(keyed(rows), **HALF, seed=seed)
    assert len(places) == len(rows)
    assert "train" in places


@given(ROWS, SEEDS)
def test_split_keeps_groups_and_repeated_texts_on_one_side(rows: list[Row], seed: int) -> None:
    items = keyed(rows)
    places = split_of(items, **HALF, seed=seed)
    for key_of in (lambda k: k.asked, lambda k: k.row.group):
        sides: dict[str, set[str]] = {}
        for k, place in zip(items, places, strict=True):
            if key_of(k) is not None:
                sides.setdefault(key_of(k), set()).add(place)
        assert all(len(side) == 1 for side in sides.values())


@given(ROWS, SEEDS)
def test_split_leaves_every_label_in_train(rows: list[Row], seed: int) -> None:
    places = split_of(keyed(rows), **HALF, seed=seed)
    assert {r.label for r, p in zip(rows, places, strict=True) if p == "train"} == {r.label for r in rows}


@given(ROWS, SEEDS)
def test_split_is_the_same_for_the_same_seed(rows: list[Row], seed: int) -> None:
    assert split_of(keyed(rows), **HALF, seed=seed) == split_of(keyed(rows), **HALF, seed=seed)


@example(labels=list("aaabcde"), seed=0, fraction=0.3)
@given(st.lists(st.sampled_from("aabbbbccdef"), min_size=2, max_size=80), SEEDS, st.sampled_from([0.1, 0.15, 0.3]))
def test_split_gives_each_label_its_share_to_within_one_row_when_rows_are_independent(
    labels: list[str], seed: int, fraction: float
) -> None:
    rows = labelled([(f"text {i}", label) for i, label in enumerate(labels)])
    places = split_of(keyed(rows), test=Share(fraction), validation=None, seed=seed)
    have = Counter(labels)
    got = Counter(r.label for r, p in zip(rows, places, strict=True) if p == "test")
    n = Share(fraction).of(len(rows))
    exact = {label: n * have[label] / len(rows) for label in have}
    most = {label: min(int(exact[label]) + 1, have[label] - 1) for label in have}
    for label in have:
        assert min(int(exact[label]), have[label] - 1) <= got[label] <= most[label]
    assert sum(got.values()) == min(n, sum(most.values())), (
        "what single-row labels cannot give, others do not give twice"
    )


def test_split_holds_out_exactly_what_is_asked_when_rows_are_many() -> None:
    rows = labelled([(f"text {i}", "abc"[i % 3]) for i in range(1000)])
    places = Counter(split_of(keyed(rows), **HALF, seed=0))
    assert places == {"train": 700, "test": 150, "validation": 150}


def test_split_stays_within_the_upper_limit() -> None:
    rows = labelled([(f"text {i}", "a") for i in range(100)])
    places = Counter(split_of(keyed(rows), test=Share(0.15, 10), validation=Share(0.15, 5), seed=0))
    assert places == {"train": 85, "test": 10, "validation": 5}


@pytest.mark.parametrize(("n", "sizes"), [(1, (1, 0, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (4, (2, 1, 1))])
def test_split_trains_and_tests_on_tiny_data(n: int, sizes: tuple[int, int, int]) -> None:
    places = Counter(split_of(keyed(asked([(f"q{i}", "a") for i in range(n)])), **HALF, seed=0))
    assert (places["train"], places["validation"], places["test"]) == sizes


def test_split_leaves_the_only_row_of_a_label_in_train_for_every_seed() -> None:
    rows = labelled([("one of its kind", "rare")] + [(f"text {i}", "common") for i in range(20)])
    for seed in range(30):
        assert split_of(keyed(rows), **HALF, seed=seed)[0] == "train"


def test_split_holds_out_a_whole_group_when_groups_are_few_and_large() -> None:
    rows = [Row(f"train:{i}", text=f"t{i}", label="ab"[i % 2], group=f"patient {i % 3}") for i in range(60)]
    places = split_of(keyed(rows), **HALF, seed=0)
    assert Counter(places) == {"train": 20, "test": 20, "validation": 20}


def test_split_differs_between_seeds() -> None:
    rows = keyed(labelled([(f"text {i}", "a") for i in range(50)]))
    assert split_of(rows, **HALF, seed=0) != split_of(rows, **HALF, seed=1)


def test_split_is_the_same_in_every_process() -> None:
    """Sets and dicts of strings are ordered by a hash that differs between processes; the split must not be."""
    code = (
        "from tests.unit.prepare.some_rows import labelled\n"
        "from tunewright.prepare.keys import keyed\n"
        "from tunewright.prepare.split import Share, split_of\n"
        "rows = keyed(labelled([(f'text {i}', 'abcdefg'[i * i % 7]) for i in range(60)]))\n"
        "print(split_of(rows, test=Share(.15), validation=Share(.15), seed=3))"
    )
    outs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outs) == 1
    assert "'test'" in outs.pop()


def test_drawn_takes_the_wanted_number_in_order() -> None:
    picked = drawn(100, 10, seed=0, name="x")
    assert len(set(picked)) == 10
    assert list(picked) == sorted(picked)
    assert drawn(5, 10, seed=0, name="x") == (0, 1, 2, 3, 4)


def test_a_row_more_or_less_leaves_the_others_where_they_were() -> None:
    rows = labelled([(f"text {i}", "abcde"[i % 5]) for i in range(600)])
    fewer = (Row("train:1", text="new", label="a"), *rows[:100], *rows[103:])
    places, after = (
        {row.text: place for row, place in zip(some, split_of(keyed(some), **HALF, seed=4), strict=True)}
        for some in (rows, fewer)
    )
    moved = [text for text in after if text in places and after[text] != places[text]]
    assert len(moved) <= 6, "at most a row a label and part"
    assert Counter(after.values())["test"] == 90

    picked, again = ({some[i].text for i in limited(keyed(some), 200, seed=4)} for some in (rows, fewer))
    assert len(picked - again) <= 4


def test_limited_takes_a_row_of_every_label_first() -> None:
    rows = keyed(labelled([(f"text {i}", "a") for i in range(98)] + [("rare", "b"), ("rarer", "c")]))
    assert [i for i in limited(rows, 3, seed=0) if i >= 98] == [98, 99]
    assert len(limited(rows, 3, seed=0)) == 3


def test_a_row_less_in_a_group_leaves_the_other_groups_where_they_were() -> None:
    rows = [Row(f"train:{i}", text=f"text {i}", label="ab"[i % 2], group=f"patient {i // 4}") for i in range(240)]
    places, after = (
        {row.text: place for row, place in zip(some, split_of(keyed(some), **HALF, seed=1), strict=True)}
        for some in (rows, rows[1:])
    )
    assert sum(after[text] != places[text] for text in after) <= 4
