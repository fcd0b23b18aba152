"""Which blocks: the most gradient for their operations, and never fewer without a reason."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.train.layer_choice import centroid_score, chosen_blocks


def once(blocks: tuple[int, ...]) -> float:
    """Four blocks, one pass: 1 for a frozen block below, 2 on the way down, 1 for each trained one."""
    return blocks[0] + 2 * (4 - blocks[0]) + len(blocks)


def often(blocks: tuple[int, ...]) -> float:
    """The same where the frozen blocks below cost nothing."""
    return once(blocks) - blocks[0]


@pytest.mark.parametrize(
    ("pulls", "cost", "blocks"),
    [
        ((1, 2, 3, 4), once, (1, 2, 3)),  # 9 / 10; all: 10 / 12; the last two: 7 / 8
        ((1, 2, 3, 4), often, (3,)),  # 4 / 3; the last two: 7 / 6
        ((0, 5, 0, 5), once, (1, 3)),  # 10 / 9; the last: 5 / 6
        ((9, 0, 0, 1), once, (0, 3)),  # 10 / 10; the first: 9 / 9 is no better; all: 10 / 12
        ((1, 1, 1, 1), len, (0, 1, 2, 3)),
    ],
)
def test_chosen_blocks_hold_the_most_gradient_for_their_operations(
    pulls: tuple[float, ...], cost: object, blocks: tuple[int, ...]
) -> None:
    choice = chosen_blocks(pulls, cost=cost)  # type: ignore[arg-type]

    assert choice.blocks == blocks
    assert choice.held == pytest.approx(sum(pulls[i] for i in blocks) / sum(pulls))
    assert choice.cost == pytest.approx(cost(blocks) / cost((0, 1, 2, 3)))  # type: ignore[operator]
    assert (f"{choice.held:.0%}" in choice.reason) == (len(blocks) < 4)


@given(st.lists(st.floats(min_value=0.01, max_value=1.0), min_size=4, max_size=4), st.sampled_from([once, often]))
def test_no_other_set_holds_more_for_its_operations(pulls: list[float], cost: object) -> None:
    choice = chosen_blocks(pulls, cost=cost)  # type: ignore[arg-type]

    everything = [blocks for n in range(1, 5) for blocks in combinations(range(4), n)]
    ratios = [sum(pulls[i] for i in blocks) / cost(blocks) for blocks in everything]  # type: ignore[operator]
    assert sum(pulls[i] for i in choice.blocks) / cost(choice.blocks) >= max(ratios) * (1 - 1e-6)  # type: ignore[operator]


@pytest.mark.parametrize("pulls", [(0.0, 0.0), (math.nan, 1.0), (math.inf, 1.0)])
def test_chosen_blocks_are_all_where_the_gradient_says_nothing(pulls: tuple[float, ...]) -> None:
    choice = chosen_blocks(pulls, cost=len)

    assert (choice.blocks, choice.cost) == ((0, 1), 1.0)
    assert math.isnan(choice.held)
    assert "says nothing" in choice.reason


@pytest.mark.parametrize(
    ("labels", "score"),
    [
        ([0, 0, 1, 1], 1.0),
        ([0, 1, 0, 1], 0.0),  # 0 is ten from its like, six from the mean of the others
        ([0, 0, 0, 1], 2 / 3),  # the last one is alone, and nearer to 10 than the mean of 0 and 1 is
        ([0, 0, 0, 0], math.nan),
        ([0, 1, 2, 3], math.nan),
    ],
)
def test_centroid_score_leaves_the_row_out_of_its_own_mean(labels: list[int], score: float) -> None:
    states = np.array([[0.0, 7.0], [1.0, 7.0], [10.0, 7.0], [11.0, 7.0]], np.float32)

    assert centroid_score(states, labels) == pytest.approx(score, nan_ok=True)
