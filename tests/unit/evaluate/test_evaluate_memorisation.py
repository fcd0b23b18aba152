"""What was learned by heart: answers that a model trained until it knows them gives, and what is said of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny import save_tiny_decoder, tiny_card
from tunewright.core.plan import Plan
from tunewright.core.values import Message, Row
from tunewright.evaluate.side_effects.memorisation import LEAST_TOKENS, Recited, memorisation_of, own_private, share
from tunewright.evaluate.task_rows import bounded, drawn, encoded_rows
from tunewright.model.load import Loaded, load_model
from tunewright.model.pair import Pair
from tunewright.text.batch import batch_of
from tunewright.train.objective import OBJECTIVES

SECRETS = ("write to kim@example.org", "the colour is a deep blue", "call +49 30 901820, please")
PLAN = Plan.model_validate({"task": "generate", "prepare": {"max_length": 128}, "run": {"device": "cpu"}})


def _asked(row_id: str, question: str, answer: str) -> Row:
    return Row(row_id, messages=(Message("user", question), Message("assistant", answer, is_trained=True)))


TRAIN = tuple(_asked(f"train:{i}", f"question {i}", answer) for i, answer in enumerate(SECRETS, start=2))
TEST = tuple(_asked(f"test:{i}", f"another {i}", f"answer number {i} of ten") for i in range(2, 5))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """A tiny model that has seen three rows until it knows them, and the same one before."""
    folder = save_tiny_decoder(tmp_path_factory.mktemp("decoder"), seed=3, tied=False)
    base, tuned = (load_model(tiny_card(folder, "decoder"), task="generate") for _ in range(2))
    _learn(tuned, TRAIN)
    return Pair(tuned, base)


def _learn(loaded: Loaded, rows: tuple[Row, ...]) -> None:
    torch.manual_seed(0)
    batch = batch_of(encoded_rows(rows, plan=PLAN, loaded=loaded), pad_id=loaded.pad_id)
    optimizer = torch.optim.AdamW(loaded.model.parameters(), lr=1e-2)
    for _ in range(150):
        loss = OBJECTIVES["generate"](loaded.model, batch).nats
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    loaded.model.eval()


def test_answers_that_were_learned_by_heart_are_counted_beside_base_and_unseen_rows(pair: Pair) -> None:
    found = memorisation_of(pair, plan=PLAN, train=TRAIN, test=TEST)
    values = {name: (found[name]["value"], found[name]["n"]) for name in ("train", "train_before", "test")}
    assert values == {"train": (1.0, 3), "train_before": (0.0, 3), "test": (0.0, 3)}
    assert found["rows"] == ["train:2", "train:3", "train:4"]
    assert found["p_value"] == pytest.approx(1 / 20)  # 3 of 3 against 0 of 3: one of the 20 ways to choose
    assert found["sentence"].startswith("The model gives 3 of 3 training answers word for word; before tuning 0 of")


def test_personal_data_that_comes_word_for_word_is_warned_about_and_masked(pair: Pair) -> None:
    found = memorisation_of(pair, plan=PLAN, train=TRAIN, test=TEST)
    assert (found["private"]["rows"], found["private"]["kinds"]) == (["train:2", "train:4"], ["email", "phone"])
    assert "prepare.actions.personal_data=fix" in found["private"]["warning"]
    text = str(found)
    assert "[email]" in text
    assert "kim@" not in text
    assert "901820" not in text


def test_what_the_base_gives_too_was_not_learned_here(pair: Pair) -> None:
    found = memorisation_of(Pair(pair.tuned, pair.tuned), plan=PLAN, train=TRAIN, test=TEST)
    assert found["train_before"]["value"] == 1.0
    assert (found["rows"], found["private"]["warning"]) == ([], "")


def test_short_and_cut_answers_are_not_asked_for(pair: Pair) -> None:
    short = _asked("train:9", "yes or no", "y" * (LEAST_TOKENS - 1))
    long = _asked("train:10", "say much", "word " * 100)
    found = memorisation_of(pair, plan=PLAN, train=(short, long), test=TEST)
    assert found["train"] is None
    assert found["reason"] == f"no answer that was drawn from train has {LEAST_TOKENS} tokens and is whole"
    assert memorisation_of(pair, plan=PLAN, train=(short, *TRAIN), test=())["train"]["n"] == 3


def test_only_the_last_answer_of_a_conversation_is_asked_for(pair: Pair) -> None:
    """Both are trained on; the last is too short, and the first, which was learned, does not stand in for it."""
    turns = (*TRAIN[0].messages, *_asked("x", "sure?", "yes").messages)
    found = memorisation_of(pair, plan=PLAN, train=(Row("train:7", messages=turns), TRAIN[1]), test=())
    assert (found["train"]["n"], found["rows"]) == (1, ["train:3"])


def test_a_documents_continuation_is_asked_for_after_its_first_tokens(tmp_path: Path) -> None:
    plan = PLAN.with_(task="text")
    loaded = load_model(tiny_card(save_tiny_decoder(tmp_path, seed=3, tied=False), "decoder"), task="text")
    long, short = Row("train:1", text="0123456789" * 7), Row("train:2", text="too short")
    found = memorisation_of(Pair(loaded, loaded), plan=plan, train=(long, short), test=(short,))
    assert (found["train"]["n"], found["test"]["n"]) == (1, 0)
    assert math.isnan(found["test"]["value"])
    assert math.isnan(found["p_value"])
    nothing = memorisation_of(Pair(loaded, loaded), plan=plan, train=(short,), test=(short,))
    assert nothing["reason"] == "no document that was drawn from train has more than 64 tokens"


def test_data_that_the_prompt_says_itself_is_no_memory() -> None:
    assert own_private(Recited("a", "mail kim@example.org", "kim@example.org it is", True)) == ()
    assert own_private(Recited("a", "mail somebody", "kim@example.org it is", True)) == ("email",)


def test_share_of_nothing_is_nan_with_a_reason() -> None:
    found = share(())
    assert (math.isnan(found.value), found.n, found.reason) == (True, 0, "no row could be asked")


@pytest.mark.parametrize(("device", "most"), [("cpu", 64), ("cuda", 200)])
def test_rows_are_drawn_by_seed_in_their_order(device: str, most: int) -> None:
    rows = tuple(Row(f"train:{i:03}") for i in range(300))
    plan = PLAN.with_(run=PLAN.run.with_(device=device))
    found = drawn(rows, plan=plan, name="a")
    assert len(found) == most
    assert list(found) == sorted(found, key=lambda row: row.row_id)
    assert found == drawn(rows, plan=plan, name="a") != drawn(rows, plan=plan, name="b")
    assert drawn(rows[:5], plan=plan, name="a") == rows[:5]


def test_long_documents_are_bounded_by_tokens_and_one_piece_stays(pair: Pair) -> None:
    pieces: tuple[Any, ...] = encoded_rows(
        [Row("test:1", text="x" * 2000)], plan=PLAN.with_(task="text"), loaded=pair.tuned
    )
    assert sum(map(len, pieces)) == 2001
    assert sum(map(len, bounded(pieces, n_rows=1))) == 256
    assert bounded(pieces[:1], n_rows=0) == pieces[:1]
