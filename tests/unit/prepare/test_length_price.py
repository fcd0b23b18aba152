"""The price of a length is what would really be cut and padded at it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.tiny import CHATML, DECODER_SPECIAL, byte_tokenizer
from tests.unit.prepare.fresh_seed import fresh
from tunewright.core.values import Encoded, Example, Message
from tunewright.prepare import length_price
from tunewright.prepare.length_price import length_prices, named_lengths, padded_tokens
from tunewright.text.batch import batch_of, epoch_order
from tunewright.text.encode import cut_at, encode

CHAT = byte_tokenizer(DECODER_SPECIAL, template=CHATML)


def rows_of(lengths: list[int]) -> tuple[Encoded, ...]:
    return tuple(Encoded(str(i), (7,) * n, (False,) * n) for i, n in enumerate(lengths))


def test_prices_are_those_of_encoding_at_that_length() -> None:
    rng = fresh()
    examples = [
        Example(
            str(i),
            messages=(
                Message("user", "q" * rng.randint(1, 150)),
                Message("assistant", "a" * rng.randint(1, 200), is_trained=True),
            ),
        )
        for i in range(60)
    ]
    whole = encode(examples, tokenizer=CHAT, task="generate")
    prices = length_prices(
        whole,
        encode(examples, tokenizer=CHAT, task="generate", max_length=96),
        chosen=96,
        most=4096,
        batch_size=8,
        cut_at=lambda at, lengths: cut_at([examples[i] for i in at], tokenizer=CHAT, max_lengths=lengths),
    )
    assert [price.max_length for price in prices] == sorted({96, *(p.max_length for p in prices)})
    for price in prices:
        cut = encode(examples, tokenizer=CHAT, task="generate", max_length=price.max_length)
        lost = [sum(a.trained) - sum(b.trained) for a, b in zip(whole, cut, strict=True)]
        assert price.rows_cut == sum(e.n_cut > 0 for e in cut)
        assert price.tokens_cut == sum(e.n_cut for e in cut)
        assert price.trained_tokens_lost == sum(lost)
        assert price.answers_cut == sum(n > 0 for n in lost)
    assert [price.cost for price in prices if price.is_chosen] == [1.0]
    assert prices[-1].rows_cut == 0


def test_padded_tokens_are_those_of_the_batches_that_training_makes() -> None:
    rng = fresh()
    rows = rows_of([rng.randint(1, 40) for _ in range(37)])
    batches = epoch_order([len(row) for row in rows], batch_size=4, seed=0, epoch=0)
    made = sum(batch_of([rows[i] for i in batch], pad_id=0).ids_BT.numel() for batch in batches)
    assert padded_tokens([len(row) for row in rows], batch_size=4) == made


def test_rows_without_trained_tokens_have_no_answers_to_lose() -> None:
    prices = length_prices(rows_of([50, 100, 200]), (), chosen=64, most=512, batch_size=2, cut_at=None)
    assert [(p.max_length, p.rows_cut, p.tokens_cut, p.answers_cut) for p in prices] == [
        (64, 2, 172, None),
        (128, 1, 72, None),
        (256, 0, 0, None),
    ]


@pytest.mark.parametrize(
    ("lengths", "chosen", "most", "named"),
    [
        ([10], 64, 512, (64,)),
        ([100, 1000, 5000], 1024, 2048, (512, 1024, 2048)),
        ([64, 64], 64, 512, (64,)),
        ([65], 128, 512, (64, 128)),
    ],
)
def test_named_lengths_stand_around_the_rows_and_within_the_context(
    lengths: list[int], chosen: int, most: int, named: tuple[int, ...]
) -> None:
    assert named_lengths(lengths, chosen=chosen, most=most) == named


def test_many_long_rows_are_sampled_but_not_at_the_chosen_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(length_price, "SAMPLED_ROWS", 10)
    whole = tuple(Encoded(str(i), (7,) * 100, (True,) * 100) for i in range(95))
    cut = tuple(Encoded(str(i), (7,) * 80, (True,) * (80 - i % 2) + (False,) * (i % 2)) for i in range(95))
    looked: list[int] = []

    def shortened(at: Sequence[int], lengths: Sequence[int]) -> list[list[Encoded]]:
        looked.extend(at)
        return [[Encoded("", (7,) * n, (True,) * n) for n in lengths] for _ in at]

    prices = length_prices(whole, cut, chosen=80, most=512, batch_size=8, cut_at=shortened)
    assert [price.max_length for price in prices] == [64, 80, 128]
    assert len(looked) == 10
    assert [(price.answers_cut, price.trained_tokens_lost) for price in prices] == [
        (95, 95 * 36),
        (95, 95 * 20 + 47),
        (0, 0),
    ]
