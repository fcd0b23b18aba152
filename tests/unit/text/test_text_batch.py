"""Batch: padding that trains nothing, and an order in which no row is lost or seen twice."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.values import IGNORE, Encoded
from tunewright.text.batch import BUCKET_BATCHES, batch_of, by_length, epoch_order

LENGTHS = st.lists(st.integers(1, 200), max_size=120)
PAD = 9


def _rows(lengths: list[int]) -> list[Encoded]:
    return [Encoded(f"train:{i}", tuple(range(n)), (False,) * n) for i, n in enumerate(lengths)]


def test_batch_pads_on_the_right_and_shifts_targets_by_one() -> None:
    batch = batch_of(
        [
            Encoded("a", (1, 2, 3, 4), (False, False, True, True), label_index=1),
            Encoded("b", (5, 6), (False, True)),
        ],
        pad_id=PAD,
    )

    assert batch.ids_BT.tolist() == [[1, 2, 3, 4], [5, 6, PAD, PAD]]
    assert batch.mask_BT.tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert batch.targets_BT.tolist() == [[IGNORE, 3, 4, IGNORE], [6, IGNORE, IGNORE, IGNORE]]
    assert batch.labels_B.tolist() == [1, IGNORE]
    assert (batch.row_ids, batch.n_tokens) == (("a", "b"), 6)


def test_batch_masks_padding_by_place_when_the_pad_token_is_the_end_token() -> None:
    batch = batch_of([Encoded("a", (1, PAD), (False, True)), Encoded("b", (1, 2, 3), (False,) * 3)], pad_id=PAD)

    assert batch.mask_BT.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert batch.targets_BT.tolist() == [[PAD, IGNORE, IGNORE], [IGNORE] * 3]


def test_batch_takes_rows_of_one_token_and_of_none() -> None:
    batch = batch_of(
        [Encoded("a", (1,), (False,)), Encoded("b", (), ()), Encoded("c", (1, 2), (False, True))], pad_id=PAD
    )

    assert batch.mask_BT.sum(dim=1).tolist() == [1, 0, 2]
    assert batch.targets_BT.tolist() == [[IGNORE, IGNORE], [IGNORE, IGNORE], [2, IGNORE]]


@given(st.lists(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=6), min_size=1, max_size=5))
def test_batch_counts_every_target_once(rows: list[list[tuple[int, bool]]]) -> None:
    encoded = [Encoded(str(i), tuple(t for t, _ in row), tuple(m for _, m in row)) for i, row in enumerate(rows)]
    batch = batch_of(encoded, pad_id=PAD)

    assert int((batch.targets_BT != IGNORE).sum()) == sum(sum(e.trained[1:]) for e in encoded)
    for b, row in enumerate(encoded):
        assert batch.ids_BT[b][batch.mask_BT[b] == 1].tolist() == list(row.ids)
    assert batch.ids_BT.dtype == batch.targets_BT.dtype == torch.long


@given(lengths=LENGTHS, batch_size=st.integers(1, 9), epoch=st.integers(0, 3))
def test_epoch_order_sees_every_row_once(lengths: list[int], batch_size: int, epoch: int) -> None:
    order = epoch_order(lengths, batch_size=batch_size, seed=0, epoch=epoch)

    assert sorted(i for batch in order for i in batch) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= batch_size for batch in order)
    n_buckets = -(-len(lengths) // (batch_size * BUCKET_BATCHES))
    assert sum(len(batch) < batch_size for batch in order) <= n_buckets


@given(lengths=LENGTHS.filter(bool), batch_size=st.integers(1, 9), seed=st.integers(0, 99))
def test_epoch_order_starts_with_the_largest_batch(lengths: list[int], batch_size: int, seed: int) -> None:
    order = epoch_order(lengths, batch_size=batch_size, seed=seed, epoch=0)
    sizes = [max(lengths[i] for i in batch) * len(batch) for batch in order]

    assert sizes[0] == max(sizes)


def test_epoch_order_differs_between_epochs_and_seeds() -> None:
    orders = {epoch_order([5] * 100, batch_size=4, seed=s, epoch=e) for s in range(3) for e in range(3)}

    assert len(orders) == 9


def test_epoch_order_puts_rows_of_like_length_together() -> None:
    lengths = [10, 100] * 50
    order = epoch_order(lengths, batch_size=10, seed=0, epoch=1)

    assert all(len({lengths[i] for i in batch}) == 1 for batch in order)


def test_epoch_order_is_the_same_in_every_process() -> None:
    call = "epoch_order([3, 1, 4, 1, 5, 9], batch_size=2, seed=7, epoch=2)"
    code = f"from tunewright.text.batch import epoch_order; print({call})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == str(epoch_order([3, 1, 4, 1, 5, 9], batch_size=2, seed=7, epoch=2))


@given(lengths=LENGTHS, max_tokens=st.integers(1, 500), extra=st.integers(0, 50))
def test_by_length_covers_all_once_within_the_budget(lengths: list[int], max_tokens: int, extra: int) -> None:
    groups = by_length(_rows(lengths), max_tokens=max_tokens, extra=extra)

    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * (max(lengths[i] for i in group) + extra) <= max_tokens
    assert [lengths[i] for group in groups for i in group] == sorted(lengths, reverse=True)


@pytest.mark.parametrize(
    ("max_tokens", "expected"), [(12, ((2,), (0, 1))), (24, ((2, 0), (1,))), (1, ((2,), (0,), (1,)))]
)
def test_by_length_fills_groups_by_their_longest_row(max_tokens: int, expected: tuple[tuple[int, ...], ...]) -> None:
    assert by_length(_rows([6, 5, 12]), max_tokens=max_tokens) == expected
