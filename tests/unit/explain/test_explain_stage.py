"""The stage on real tiny models: the file's shape, the same again, and a planted word that is found."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny import tiny_card
from tunewright.core.errors import EvalError, PlanError
from tunewright.core.events import Event, ProgressEvent
from tunewright.core.plan import Plan
from tunewright.core.values import Message, Row, Subject, Task
from tunewright.explain.confidence import confidences, own_answer
from tunewright.explain.explanation import Explaining, explained
from tunewright.explain.occlusion import by_importance
from tunewright.explain.stage import ExplainInputs, explain, sampled
from tunewright.explain.words import pieces_of, without
from tunewright.model.load import Loaded, load_model
from tunewright.model.trained import save_trained
from tunewright.text.encode import encode
from tunewright.text.render import render
from tunewright.text.rows import write_rows
from tunewright.train.loop import Training, adamw, train_steps
from tunewright.train.objective import OBJECTIVES

LABELS = ("plain", "triggered")
TRIGGER = "qqqq"
"""The one word that decides; no other word has its letter."""
WORDS = ("red", "tall", "north", "seven", "hinge", "mild", "lemon", "cart", "dune", "folk", "grip", "stool")


def planted(n: int, *, seed: int) -> tuple[Row, ...]:
    """Rows of five words in any order; every second one has the trigger somewhere."""
    draw = random.Random(seed)
    rows = []
    for i in range(n):
        words = draw.sample(WORDS, 5)
        if i % 2:
            words.insert(draw.randrange(6), TRIGGER)
        rows.append(Row(f"test:{i + 2}", text=" ".join(words), label=LABELS[i % 2]))
    return tuple(rows)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(tiny_encoder: Path) -> Loaded:
    """A tiny encoder that has learned the trigger."""
    torch.manual_seed(0)
    loaded = load_model(tiny_card(tiny_encoder, "encoder"), task="classify", labels=LABELS)
    examples = [render(row, task="classify", labels=LABELS) for row in planted(256, seed=1)]
    training = Training(
        model=loaded.model.train(),
        optimizer=adamw(loaded.model, learning_rate=3e-3, weight_decay=0.0),
        objective=OBJECTIVES["classify"],
        rows=encode(examples, tokenizer=loaded.tokenizer, task="classify", max_length=64),
        pad_id=loaded.pad_id,
        device="cpu",
        dtype=torch.float32,
        batch_size=32,
        gradient_accumulation_steps=1,
        n_steps=120,
        learning_rate=3e-3,
        warmup_ratio=0.1,
        lr_scheduler_type="linear",
        max_grad_norm=1.0,
        seed=0,
    )
    for _ in train_steps(training):
        pass
    loaded.model.eval()
    return loaded


@pytest.fixture(scope="module")
def inputs(trained: Loaded, tmp_path_factory: pytest.TempPathFactory) -> ExplainInputs:
    folder = tmp_path_factory.mktemp("classify")
    save_trained(folder / "train", trained, max_length=64)
    (folder / "prepare").mkdir()
    write_rows(folder / "prepare/test.parquet", planted(40, seed=2))
    return inputs_of(folder, task="classify", path=trained.card.path, rows=12)


def inputs_of(folder: Path, *, task: Task, path: str, rows: int) -> ExplainInputs:
    plan = Plan.model_validate(
        {
            "task": task,
            "evaluate": {"max_new_tokens": 5},
            "explain": {"methods": ["occlusion"], "rows": rows},
            "run": {"seed": 3},
        }
    )
    subject = Subject(
        name="tuned",
        folder=str(folder / "train"),
        card=tiny_card(Path(path), "encoder" if task == "classify" else "decoder"),
        task=task,
        labels=LABELS if task == "classify" else (),
        max_length=64 if task == "classify" else 256,
        device="cpu",
        dtype="float32",
        threads=1,
    )
    return ExplainInputs(plan=plan, subject=subject, prepared=folder / "prepare")


def test_a_planted_word_is_ranked_first_and_its_removal_flips_the_answer(trained: Loaded) -> None:
    """DESIGN's bar: first in 95 % of triggered rows, flipped in 90 %."""
    rows = [row for row in planted(200, seed=4) if row.label == "triggered"]
    explaining = Explaining(trained, max_length=64, max_new_tokens=1, n_orders=1, seed=0)
    n_first = n_flipped = 0
    for row in rows:
        found, _ = explained(row, explaining=explaining)
        first = by_importance([piece.importance_nats for piece in found.pieces])[0]
        n_first += found.pieces[first].text.strip() == TRIGGER
        left = without(row, pieces_of(row).pieces, {first})
        n_flipped += own_answer(trained, left, max_length=64, max_new_tokens=1).text != found.answer
    assert n_first >= 0.95 * len(rows)
    assert n_flipped >= 0.9 * len(rows)


def test_importance_is_what_the_answer_loses_without_the_word(trained: Loaded) -> None:
    row = planted(2, seed=5)[1]
    explaining = Explaining(trained, max_length=64, max_new_tokens=1, n_orders=1, seed=0)
    found, _ = explained(row, explaining=explaining)
    answer = own_answer(trained, row, max_length=64, max_new_tokens=1)
    words = row.text.split(" ")
    for i, piece in enumerate(found.pieces):
        rest = Row("a:1", text=" ".join(words[:i] + words[i + 1 :]))
        whole, left = confidences(trained, [row, rest], answer=answer, max_length=64)
        assert piece.importance_nats == pytest.approx(whole.log_p_nats - left.log_p_nats, abs=1e-4)


def test_explanations_json_has_the_public_shape(inputs: ExplainInputs, tmp_path: Path) -> None:
    heard: list[Event] = []
    explain(inputs, work=tmp_path, tell=heard.append)
    found = json.loads((tmp_path / "explanations.json").read_text())
    assert found.keys() == {
        *("method", "task", "system", "unit", "signature", "rows_in_test", "summary", "rows"),
    }
    assert (found["method"], found["unit"], found["system"], found["rows_in_test"]) == (
        "occlusion",
        "nats",
        "tuned",
        40,
    )
    texts = {row.row_id: row for row in planted(40, seed=2)}
    assert len(found["rows"]) == 12
    for row in found["rows"]:
        assert "".join(piece["text"] for piece in row["pieces"]) == texts[row["row_id"]].text
        assert row["reference"] == texts[row["row_id"]].label
        assert row["is_better_than_random"] == (row["p_value"] < 0.05)
        assert row["sentence"]
    summary = found["summary"]
    assert summary["n"] == 12
    for name in ("comprehensiveness", "random"):
        assert summary[name] == pytest.approx(sum(row[name] for row in found["rows"]) / 12)
    assert [(e.done, e.total) for e in heard if isinstance(e, ProgressEvent)] == [(n, 12) for n in range(1, 13)]


def test_explain_finds_the_same_again(inputs: ExplainInputs, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    explain(inputs, work=tmp_path / "one")
    explain(inputs, work=tmp_path / "two")
    one, two = ((tmp_path / name / "explanations.json").read_bytes() for name in ("one", "two"))
    assert one == two


def test_explain_reads_no_further_than_the_model_was_trained_to_read(inputs: ExplainInputs, tmp_path: Path) -> None:
    """16 tokens are a byte each here: what stands behind them cannot weigh anything."""
    short = replace(inputs, subject=replace(inputs.subject, max_length=16))
    found = explain(short, work=tmp_path)
    behind = [
        piece["importance_nats"]
        for row in found["rows"]
        for i, piece in enumerate(row["pieces"])
        if sum(len(one["text"]) for one in row["pieces"][:i]) >= 16
    ]
    assert len(behind) >= 12
    assert behind == pytest.approx([0.0] * len(behind), abs=1e-5)  # batched with other lengths it rounds otherwise


def test_explain_weighs_words_of_the_prompt_when_the_task_is_generate(tiny_decoder: Path, tmp_path: Path) -> None:
    loaded = load_model(tiny_card(tiny_decoder, "decoder"), task="generate")
    save_trained(tmp_path / "train", loaded, max_length=256)
    (tmp_path / "prepare").mkdir()
    turns = (
        Message("system", "Be kind."),
        Message("user", "Say it one more time"),
        Message("assistant", "it", is_trained=True),
    )
    write_rows(tmp_path / "prepare/test.parquet", [Row("test:2", messages=turns)])
    found = explain(inputs_of(tmp_path, task="generate", path=str(tiny_decoder), rows=5), work=tmp_path)
    [row] = found["rows"]
    assert "".join(piece["text"] for piece in row["pieces"]) == "Say it one more time"
    assert {piece["turn"] for piece in row["pieces"]} == {1}
    assert 0 < row["probability"] < 1
    assert row["reference"] == "it"
    assert "greedy answer" in found["signature"]


def test_explain_refuses_raw_text_and_an_empty_test_split(inputs: ExplainInputs, tmp_path: Path) -> None:
    raw = inputs_of(tmp_path, task="text", path=inputs.subject.card.path, rows=5)
    with pytest.raises(PlanError, match="gives no answer"):
        explain(raw, work=tmp_path)
    (tmp_path / "prepare").mkdir()
    write_rows(tmp_path / "prepare/test.parquet", [])
    empty = inputs_of(tmp_path, task="classify", path=inputs.subject.card.path, rows=5)
    with pytest.raises(EvalError, match="no test row"):
        explain(empty, work=tmp_path)


def test_sampled_rows_keep_the_files_order_and_are_all_when_there_are_few() -> None:
    rows = planted(30, seed=0)
    drawn = sampled(rows, n_rows=10, seed=1)
    positions = [rows.index(row) for row in drawn]
    assert positions == sorted(positions)
    assert len(set(positions)) == 10
    assert drawn == sampled(rows, n_rows=10, seed=1) != sampled(rows, n_rows=10, seed=2)
    assert sampled(rows, n_rows=99, seed=1) == rows


@pytest.mark.parametrize(("text", "word"), [("refund", "1 word"), ("refund soon", "2 words")])
def test_a_text_too_short_to_check_is_never_called_better(trained: Loaded, text: str, word: str) -> None:
    explaining = Explaining(trained, max_length=64, max_new_tokens=1, n_orders=20, seed=0)
    found: Any = explained(Row("a:1", text=text), explaining=explaining)[0]
    assert not found.is_better_than_random
    assert f"too short to check ({word})" in found.sentence


def test_label_errors_is_refused_before_anything_is_loaded_where_the_task_has_no_labels(tmp_path: Path) -> None:
    inputs = inputs_of(tmp_path, task="generate", path=str(tmp_path), rows=1)
    plan = inputs.plan.with_(explain=inputs.plan.explain.with_(methods=("label_errors",)))
    with pytest.raises(PlanError, match="the task is generate"):
        explain(replace(inputs, plan=plan), work=tmp_path)
