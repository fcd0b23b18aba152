"""The whole stage on a dozen rows with real tiny models: files, systems, comparisons, and rows in their order."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from statsmodels.stats.multitest import multipletests

from tests.tiny import save_tiny_decoder, tiny_card
from tunewright.core.errors import EvalError
from tunewright.core.events import Event, PreviewEvent
from tunewright.core.plan import Plan
from tunewright.core.values import DataFacts, Message, ModelCard, Row, Subject, Task
from tunewright.evaluate import model_answers
from tunewright.evaluate.asking import answered_rows
from tunewright.evaluate.contest import Contest
from tunewright.evaluate.measures.definition import COMPARED
from tunewright.evaluate.model_answers import in_label_order
from tunewright.evaluate.provenance import provenance
from tunewright.evaluate.side_effects.before_after import NO_TEXT, not_forgetting
from tunewright.evaluate.stage import EvaluateInputs, evaluate, preview
from tunewright.evaluate.systems import base, run_systems
from tunewright.model.classifier import EncoderClassifier
from tunewright.model.load import Loaded, load_model
from tunewright.model.trained import save_trained
from tunewright.text.render import label_question
from tunewright.text.rows import read_rows, write_rows

LABELS = ("card_lost", "fee")
TEXTS = ("my card is lost", "why is there a fee", "card", "what does it cost and is the fee high", "lost!", "a fee?")
CLASSIFY_ROWS = tuple(
    Row(f"test:{i + 2}", text=f"{text} {i}", label="unseen" if i == 11 else LABELS["fee" in text])
    for i, text in enumerate(TEXTS * 2)
)
GENERATE_ROWS = tuple(
    Row(f"test:{i + 2}", messages=(Message("user", f"Say {i}"), Message("assistant", "é" * (i + 1), is_trained=True)))
    for i in range(12)
)
CLASSIFY_SYSTEMS = ("tuned", "base", "majority", "tfidf", "linear_probe", "few_shot")
KEYS = {
    "slices",
    "judge",
    *(
        "task",
        "primary_metric",
        "split",
        "rows",
        "subject",
        "labels",
        "systems",
        "comparisons",
        "secondary",
        "verdict",
        "not_run",
        "calibration",
        "confusion",
    ),
    *("per_class", "cost", "generation", "test_set_uses", "without_leaked", "forgetting", "memorisation", "seeds"),
    "words",
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Two threads that wait for each other on busy cores make a tiny matrix product 300 times slower."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def classified(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[EvaluateInputs, Path]:
    inputs = _inputs(tmp_path_factory.mktemp("classify"), tiny_card(tiny_encoder, "encoder"), task="classify")
    leak = {"check": "leakage", "kind": "exact", "row_ids": ["test:2", "test:3"], "value": 1.0, "words": ""}
    (inputs.prepared / "evidence.json").write_text(json.dumps({"evidence": [leak]}), encoding="utf-8")
    work = tmp_path_factory.mktemp("evaluate-classify")
    evaluate(inputs, work=work)
    return inputs, work


@pytest.fixture(scope="module")
def generated(tiny_decoder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[EvaluateInputs, Path]:
    inputs = _inputs(tmp_path_factory.mktemp("generate"), tiny_card(tiny_decoder, "decoder"), task="generate")
    work = tmp_path_factory.mktemp("evaluate-generate")
    evaluate(inputs, work=work)
    return inputs, work


def test_metrics_json_has_the_public_shape_when_classifying(classified: tuple[EvaluateInputs, Path]) -> None:
    found = _metrics(classified)
    assert found.keys() == KEYS
    assert (found["split"], found["rows"], found["test_set_uses"], found["generation"]) == ("test", 12, 2, None)
    assert set(found["systems"]) == set(CLASSIFY_SYSTEMS) - {"few_shot"}
    assert found["not_run"] == {"few_shot": "an encoder reads and does not write: it can be shown no examples"}
    for metric in (m for of in found["systems"].values() for m in of.values()):
        assert metric.keys() >= {"value", "n", "ci95", "unit", "signature"}
    assert found["systems"]["base"]["log_loss"]["value"] is None  # a cosine is no probability
    assert found["systems"]["base"]["log_loss"]["reason"]
    assert found["per_class"]["unseen"]["precision"] is None  # never answered
    assert sum(map(sum, found["confusion"]["matrix"])) == 12
    assert found["confusion"]["labels"] == [*LABELS, "unseen"]


def test_every_system_is_scored_without_the_rows_that_leaked(classified: tuple[EvaluateInputs, Path]) -> None:
    found = _metrics(classified)
    (without,) = found["without_leaked"]
    assert (without["kinds"], without["left_out"], without["rows"]) == (["exact"], 2, 10)
    records = pq.read_table(classified[1] / "predictions.parquet").to_pylist()
    for system, of in without["systems"].items():
        right = [r["is_correct"] for r in records if r["system"] == system and r["row_id"] not in ("test:2", "test:3")]
        assert (of["accuracy"]["n"], of["accuracy"]["value"]) == (10, pytest.approx(sum(right) / 10))
    assert without["systems"].keys() == found["systems"].keys()
    assert [c["b"] for c in without["comparisons"]] == [c["b"] for c in found["comparisons"]]
    assert any(line.startswith("2 test rows stand in train") for line in found["verdict"]["details"])


def test_comparisons_without_leaked_rows_are_made_of_the_rows_that_are_left(
    classified: tuple[EvaluateInputs, Path],
) -> None:
    found = _metrics(classified)
    (without,) = found["without_leaked"]
    for comparison in without["comparisons"]:
        ours, theirs = (without["systems"][comparison[side]]["accuracy"]["value"] for side in ("a", "b"))
        assert comparison["difference"] == pytest.approx(ours - theirs), comparison["b"]
    before = [c["difference"] for c in found["comparisons"]]
    assert [c["difference"] for c in without["comparisons"]] != before


def test_a_row_that_only_validation_gives_away_counts_as_leaked(
    classified: tuple[EvaluateInputs, Path], tmp_path: Path
) -> None:
    inputs, _ = classified
    train = tuple(replace(row, row_id=f"train:{i}") for i, row in enumerate(read_rows(inputs.prepared, "train"), 2))
    write_rows(tmp_path / "train.parquet", train)
    write_rows(tmp_path / "test.parquet", read_rows(inputs.prepared, "test"))
    write_rows(tmp_path / "validation.parquet", (Row("validation:2", text="my card is lost 0", label=LABELS[0]),))
    leak = {"check": "leakage", "kind": "exact", "row_ids": ["validation:2", "test:2"], "value": 1.0, "words": ""}
    (tmp_path / "evidence.json").write_text(json.dumps({"evidence": [leak]}), encoding="utf-8")
    plan = inputs.plan.model_copy(update={"evaluate": inputs.plan.evaluate.with_(systems=("tuned", "majority"))})
    (without,) = evaluate(replace(inputs, plan=plan, prepared=tmp_path), work=tmp_path)["without_leaked"]
    assert (without["left_out"], without["rows"]) == (1, 11)


def test_nothing_is_said_of_leaked_rows_when_none_leaked(generated: tuple[EvaluateInputs, Path]) -> None:
    found = _metrics(generated)
    assert found["without_leaked"] == []
    assert not any("too" in line for line in found["verdict"]["details"])


def test_comparisons_hold_the_tuned_model_against_every_rival_that_ran(classified: tuple[EvaluateInputs, Path]) -> None:
    found = _metrics(classified)
    assert [(c["a"], c["b"], c["metric"]) for c in found["comparisons"]] == [
        ("tuned", rival, "accuracy") for rival in ("base", "majority", "tfidf", "linear_probe")
    ]
    for c in found["comparisons"]:
        assert c.keys() == {"a", "b", "metric", "difference", "ci95", "p_value", "test", "verdict"}
        values = [found["systems"][name]["accuracy"]["value"] for name in (c["a"], c["b"])]
        assert c["difference"] == pytest.approx(values[0] - values[1])
    assert found["verdict"]["status"] in ("better", "worse", "not distinguishable")
    assert "the test set is small (12 rows)" in found["verdict"]["sentence"]
    assert any("scored 2 times" in line for line in found["verdict"]["details"])


def test_other_metrics_are_compared_too_and_corrected_for_each_rival(
    classified: tuple[EvaluateInputs, Path], generated: tuple[EvaluateInputs, Path]
) -> None:
    for made in (classified, generated):
        found = _metrics(made)
        by_rival: dict[str, list[dict[str, Any]]] = {}
        for one in found["secondary"]:
            by_rival.setdefault(one["comparison"]["b"], []).append(one)
        assert list(by_rival) == [c["b"] for c in found["comparisons"]]
        wished = {name for name in found["systems"]["tuned"] if name in COMPARED} - {found["primary_metric"], "ece"}
        for ones in by_rival.values():
            assert {one["comparison"]["metric"] for one in ones} == wished
            p_values = [one["comparison"]["p_value"] for one in ones if one["comparison"]["p_value"] is not None]
            expected = multipletests(p_values, method="holm")[1]
            assert [one["p_holm"] for one in ones if one["p_holm"] is not None] == pytest.approx(expected)
            for one in ones:
                c = one["comparison"]
                ours, theirs = (found["systems"][name][c["metric"]]["value"] for name in ("tuned", c["b"]))
                if ours is not None and theirs is not None:
                    assert c["difference"] == pytest.approx(ours - theirs)


def test_every_system_answers_every_row_in_the_files_order(classified: tuple[EvaluateInputs, Path]) -> None:
    records = pq.read_table(classified[1] / "predictions.parquet").to_pylist()
    for system, n in Counter(r["system"] for r in records).items():
        mine = [r for r in records if r["system"] == system]
        assert n == 12
        assert [(r["row_id"], r["text"], r["reference"]) for r in mine] == [
            (row.row_id, row.text, row.label) for row in CLASSIFY_ROWS
        ]
        assert all(r["is_correct"] == (r["answer"] == r["reference"]) for r in mine)


def test_tuned_probabilities_belong_to_their_rows_when_batched_by_length(
    classified: tuple[EvaluateInputs, Path], tiny_encoder: Path
) -> None:
    """Oracle: each text alone through the model, no padding, no batches."""
    inputs, _ = classified
    tuned = run_systems(_contest(inputs, systems=("tuned",))).predictions["tuned"]
    loaded = _with_head(tiny_card(tiny_encoder, "encoder"))
    for row, prediction in zip(CLASSIFY_ROWS, tuned, strict=True):
        ids = torch.tensor([loaded.tokenizer(row.text)["input_ids"]])
        with torch.inference_mode():
            expected = loaded.model(ids, torch.ones_like(ids)).softmax(-1)[0]
        np.testing.assert_allclose(prediction.probabilities, expected.numpy(), atol=1e-5)
        assert prediction.row_id == row.row_id
    assert len({tuple(p.probabilities) for p in tuned}) > 1


def test_base_reads_underscores_of_label_names_as_spaces(tiny_encoder: Path, tmp_path: Path) -> None:
    """A text that is a label's name lies nearest to it: cosine 1 with itself."""
    labels = ("card!lost", "card-lost", "card.lost", "card_lost", "card~lost")
    inputs = _inputs(
        tmp_path,
        tiny_card(tiny_encoder, "encoder"),
        task="classify",
        test=(Row("test:2", text="card lost", label="card_lost"),),
    )
    contest = _contest(inputs, systems=("base",))
    (found,) = base(replace(contest, facts=replace(contest.facts, labels=labels)))
    assert found.answer == "card_lost"


def test_base_asks_a_decoder_for_the_likeliest_label_per_byte(tiny_decoder: Path, tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, tiny_card(tiny_decoder, "decoder"), task="classify")
    contest = _contest(inputs, systems=("tuned", "base"))
    loaded = load_model(contest.subject.card, task="classify", with_head=False)
    found = run_systems(contest).predictions["base"]
    for row, prediction in zip(CLASSIFY_ROWS, found, strict=True):
        question = label_question(row.text, labels=LABELS)
        per_byte = [_nats_alone(loaded, question, label) / len(label.encode()) for label in LABELS]
        assert prediction.answer == LABELS[int(np.argmin(per_byte))]


def test_metrics_json_has_the_public_shape_when_generating(generated: tuple[EvaluateInputs, Path]) -> None:
    found = _metrics(generated)
    assert found.keys() == KEYS
    assert (found["confusion"], found["per_class"]) == (None, None)
    assert found["generation"] == {"rows": 5, "max_new_tokens": 8}
    assert found["not_run"] == {"majority": "it gives labels, and the task is generate"}
    for system in ("tuned", "base"):
        assert {name: found["systems"][system][name]["n"] for name in ("bits_per_byte", "exact_match", "stops")} == {
            "bits_per_byte": 12,
            "exact_match": 5,
            "stops": 5,
        }
    assert [(c["b"], c["metric"]) for c in found["comparisons"]] == [("base", "bits_per_byte")]


def test_forgetting_and_memory_stand_beside_the_scores_of_a_model_that_writes(
    generated: tuple[EvaluateInputs, Path],
) -> None:
    """What was saved is the untouched model: nothing is forgotten, moved or learned by heart."""
    found = _metrics(generated)
    forgetting, memory = found["forgetting"], found["memorisation"]
    assert (forgetting["reason"], memory["reason"]) == ("", "")
    assert (forgetting["general"]["source"], forgetting["general"]["paragraphs"]) == ("general.txt", 3)
    assert forgetting["general"]["rise"] == 0.0
    assert forgetting["general"]["tuned"]["value"] == forgetting["general"]["base"]["value"] > 7  # random: log2(259)
    assert (forgetting["kl"]["n"], forgetting["kl"]["value"]) == (12, pytest.approx(0.0, abs=1e-6))
    assert forgetting["alarm"]["is_on"] is False
    assert forgetting["curve"]["reason"] == "every weight was trained: there is no adapter to weigh"
    assert (memory["train"]["n"], memory["train"]["value"]) == (9, 0.0)  # é is two tokens: from the fourth row on


def test_labels_have_no_forgetting_and_say_why(classified: tuple[EvaluateInputs, Path]) -> None:
    found = _metrics(classified)
    assert found["forgetting"] == not_forgetting(NO_TEXT)
    assert (found["memorisation"]["reason"], found["memorisation"]["train"]) == (NO_TEXT, None)


def test_forgetting_is_not_measured_where_the_plan_says_none(
    generated: tuple[EvaluateInputs, Path], tmp_path: Path
) -> None:
    inputs, _ = generated
    plan = inputs.plan.with_(evaluate=inputs.plan.evaluate.with_(general="none", systems=("tuned",), limit=1))
    found = evaluate(replace(inputs, plan=plan), work=tmp_path)
    assert found["forgetting"] == not_forgetting("evaluate.general is none")
    assert found["memorisation"]["train"]["n"] == 9


def test_bits_per_byte_equals_one_row_at_a_time(generated: tuple[EvaluateInputs, Path], tiny_decoder: Path) -> None:
    found = _metrics(generated)["systems"]["base"]["bits_per_byte"]["value"]
    loaded = load_model(tiny_card(tiny_decoder, "decoder"), task="generate")
    nats = sum(_nats_alone(loaded, r.messages[:1], f"{r.messages[1].content}<|im_end|>") for r in GENERATE_ROWS)
    n_bytes = sum(len(r.messages[1].content.encode()) for r in GENERATE_ROWS)
    assert found == pytest.approx(nats / (math.log(2) * n_bytes), rel=1e-5)


def test_the_same_rows_are_written_for_every_system(generated: tuple[EvaluateInputs, Path]) -> None:
    records = pq.read_table(generated[1] / "predictions.parquet").to_pylist()
    written = {
        s: [r["row_id"] for r in records if r["system"] == s and r["is_stopped"] is not None] for s in ("tuned", "base")
    }
    assert written["tuned"] == written["base"] == [r.row_id for r in answered_rows(GENERATE_ROWS, limit=5, seed=0)]
    assert len(written["tuned"]) == 5


def test_base_is_named_as_not_run_when_it_cannot_be_asked(tmp_path: Path) -> None:
    card = tiny_card(save_tiny_decoder(tmp_path / "model", template=None), "decoder")
    inputs = _inputs(tmp_path, replace(card, has_chat_template=False), task="classify")
    found = run_systems(_contest(inputs, systems=("tuned", "base")))
    assert (list(found.predictions), list(found.not_run)) == (["tuned"], ["base"])


def test_in_label_order_moves_columns_by_name_and_gives_unknown_labels_nothing() -> None:
    p_NC = np.array([[0.5, 0.3, 0.2]])
    found = in_label_order(p_NC, own=("fee", "other", "card"), labels=("card", "fee", "login"))
    assert found.tolist() == [[0.2, 0.5, 0.0]]


def test_base_and_probe_are_not_run_when_nobody_says_what_a_whole_folder_was_made_from(
    classified: tuple[EvaluateInputs, Path], tiny_encoder: Path
) -> None:
    contest = _contest(classified[0], systems=("path:theirs", "base", "linear_probe", "majority", "api:gpt"))
    theirs = replace(contest.subject, name="path:theirs", folder=str(classified[0].subject.folder) + "/model")
    known = run_systems(replace(contest, subject=theirs))
    assert list(known.not_run) == ["api:gpt"]
    whole = replace(theirs, card=replace(theirs.card, path=theirs.folder))
    unknown = run_systems(replace(contest, subject=whole))
    assert list(unknown.not_run) == ["base", "linear_probe", "api:gpt"]
    assert unknown.not_run["base"].endswith("name it: model.name=BASE")
    assert unknown.predictions["path:theirs"] == known.predictions["path:theirs"]


def test_provenance_names_folder_and_classes_that_only_one_side_has(classified: tuple[EvaluateInputs, Path]) -> None:
    inputs = classified[0]
    plan = inputs.plan.with_(evaluate=inputs.plan.evaluate.with_(systems=("path:/theirs", "base")))
    folder = f"{inputs.subject.folder}/model"
    subject = replace(inputs.subject, name="path:/theirs", folder=folder, labels=(*LABELS, "login"))
    said = provenance(plan, subject=subject)
    assert said[0] == f"theirs is {folder}."
    assert "data.test=FILE" in said[1]
    assert said[2:] == ("theirs does not know login: it is wrong in all rows of that kind.",)
    assert provenance(inputs.plan, subject=inputs.subject) == ()


def test_systems_refuse_a_plan_that_leaves_the_tuned_model_out(classified: tuple[EvaluateInputs, Path]) -> None:
    with pytest.raises(EvalError, match="tuned"):
        run_systems(_contest(classified[0], systems=("majority",)))


def test_evaluate_refuses_an_empty_test_set(tiny_encoder: Path, tmp_path: Path) -> None:
    inputs = _inputs(tmp_path, tiny_card(tiny_encoder, "encoder"), task="classify", test=())
    with pytest.raises(EvalError, match="no test row"):
        evaluate(inputs, work=tmp_path)


def test_preview_tells_the_keyword_models_score_before_training(classified: tuple[EvaluateInputs, Path]) -> None:
    inputs, _ = classified
    told: list[Event] = []
    preview(inputs.plan, facts=inputs.facts, prepared=inputs.prepared, tell=told.append)
    (event,) = told
    assert isinstance(event, PreviewEvent)
    assert event.value == _metrics(classified)["systems"]["tfidf"]["accuracy"]["value"]
    assert (event.system, event.metric, event.n) == ("tfidf", "accuracy", 12)


def test_preview_refuses_an_unknown_primary_metric_before_training(classified: tuple[EvaluateInputs, Path]) -> None:
    inputs, _ = classified
    plan = inputs.plan.model_copy(update={"evaluate": inputs.plan.evaluate.with_(primary_metric="chrf")})
    with pytest.raises(EvalError, match="chrf is not a metric of classify"):
        preview(plan, facts=inputs.facts, prepared=inputs.prepared, tell=lambda event: None)


def test_a_model_is_not_even_loaded_when_all_it_would_say_is_known(
    generated: tuple[EvaluateInputs, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, _ = generated
    contest = replace(_contest(inputs, systems=("tuned", "base", "few_shot")), kept=tmp_path / "answers")
    monkeypatch.setattr("tunewright.evaluate.kept_answers.PART_ROWS", 5)
    whole, first = run_systems(replace(contest, kept=None)), run_systems(contest)
    with monkeypatch.context() as patched:
        for name in ("load_subject", "load_base"):
            patched.setattr(f"tunewright.evaluate.model_answers.{name}", lambda *_: pytest.fail("loaded"))
        again = run_systems(contest)
    for results in (first, again):
        for system, answers in whole.predictions.items():
            for one, other in zip(answers, results.predictions[system], strict=True):
                assert (one.row_id, one.answer, one.n_tokens) == (other.row_id, other.answer, other.n_tokens)
                assert one.reference_nats == pytest.approx(other.reference_nats, rel=1e-5)
    assert sum(p.n_tokens > 0 for p in again.predictions["tuned"]) == 5  # evaluate.limit, over all parts
    assert again.seconds == first.seconds


@pytest.mark.parametrize("changed", ["weights", "max_new_tokens", "dtype"])
def test_a_changed_model_or_setting_is_asked_anew(
    generated: tuple[EvaluateInputs, Path], tmp_path: Path, changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, _ = generated
    contest = replace(_contest(inputs, systems=("tuned",)), kept=tmp_path / "answers")
    run_systems(contest)
    plan = contest.plan
    if changed == "weights":
        folder = tmp_path / "train"
        shutil.copytree(inputs.subject.folder, folder)
        (weights,) = (folder / "model").glob("*.safetensors")
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
        contest = replace(contest, subject=replace(contest.subject, folder=str(folder)))
    elif changed == "dtype":
        contest = replace(contest, plan=plan.with_(model=plan.model.with_(dtype="bfloat16")))
    else:
        contest = replace(contest, plan=plan.with_(evaluate=plan.evaluate.with_(max_new_tokens=3)))
    asked: list[int] = []
    load = model_answers.load_subject
    monkeypatch.setattr(model_answers, "load_subject", lambda one: asked.append(1) or load(one))
    run_systems(contest)
    assert asked == [1]


def _inputs(folder: Path, card: ModelCard, *, task: Task, test: tuple[Row, ...] | None = None) -> EvaluateInputs:
    """A prepare and a train folder as the stages before leave them."""
    is_classify = task == "classify"
    rows = (CLASSIFY_ROWS if is_classify else GENERATE_ROWS) if test is None else test
    train = tuple(row for row in CLASSIFY_ROWS if row.label in LABELS) if is_classify else GENERATE_ROWS
    for split, kept in (("train", train), ("validation", train[:4]), ("test", rows)):
        write_rows(folder / f"{split}.parquet", kept)
    general = folder / "general.txt"
    general.write_text("the river rises\nthe moon is round\nbread is baked\n", encoding="utf-8")
    plan = Plan.model_validate(
        {
            "task": task,
            "model": {"dtype": "float32"},
            "train": {"epochs": 1},
            "prepare": {"max_length": 128 if card.architecture == "encoder" else 256},
            "evaluate": {
                "systems": CLASSIFY_SYSTEMS if is_classify else ("tuned", "base", "majority"),
                "metrics": ("accuracy", "log_loss") if is_classify else ("exact_match", "stops"),
                "primary_metric": "accuracy" if is_classify else "bits_per_byte",
                "max_new_tokens": 8,
                "limit": 5,
                "general": str(general),
            },
            "run": {"device": "cpu"},
        }
    )
    loaded = _with_head(card) if is_classify else load_model(card, task=task)
    save_trained(folder, loaded, max_length=plan.prepare.max_length)
    facts = DataFacts(task, {"train": len(train), "test": len(rows)}, labels=LABELS if is_classify else ())
    subject = Subject(
        name="tuned",
        folder=str(folder),
        card=card,
        task=task,
        labels=facts.labels,
        max_length=plan.prepare.max_length,
        device="cpu",
        dtype="float32",
        threads=1,
    )
    return EvaluateInputs(plan, subject, facts, prepared=folder, test_set_uses=2)


def _with_head(card: ModelCard) -> Loaded:
    torch.manual_seed(7)
    loaded = load_model(card, task="classify", labels=LABELS)
    if isinstance(loaded.model, EncoderClassifier):
        torch.nn.init.normal_(loaded.model.head.weight)
    return loaded


def _contest(inputs: EvaluateInputs, *, systems: tuple[str, ...]) -> Contest:
    plan = inputs.plan.model_copy(update={"evaluate": inputs.plan.evaluate.with_(systems=systems)})
    train, validation, test = (read_rows(inputs.prepared, split) for split in ("train", "validation", "test"))
    return Contest(plan, inputs.subject, inputs.facts, train, validation, test, tell=lambda event: None)


def _nats_alone(loaded: Loaded, messages: tuple[Message, ...], answer: str) -> float:
    """The naive loop: one answer, one forward pass, one token after the other."""
    turns = [{"role": m.role, "content": m.content} for m in messages]
    text = loaded.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    prompt, ids = (loaded.tokenizer(t, add_special_tokens=False)["input_ids"] for t in (text, answer))
    with torch.inference_mode():
        log_p_TV = loaded.model(input_ids=torch.tensor([prompt + ids])).logits[0].log_softmax(-1)
    return -sum(float(log_p_TV[len(prompt) - 1 + i, token]) for i, token in enumerate(ids))


def _metrics(stage: tuple[EvaluateInputs, Path]) -> dict[str, Any]:
    return dict(json.loads((stage[1] / "metrics.json").read_text(encoding="utf-8")))
