"""A file's rows with the model's answers beside them: what evaluation measured, in the rows' own order."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from tests.answering import classify_run, generate_run, text_run
from tests.tiny import save_tiny_decoder
from tunewright.core.errors import DataError, ModelError, PlanError, RunError
from tunewright.core.events import Event, NoteEvent, ProgressEvent
from tunewright.core.run import Run
from tunewright.verbs.load import load
from tunewright.verbs.predict import predict
from tunewright.verbs.why import why


@pytest.fixture(scope="module")
def classify(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Run:
    return classify_run(tmp_path_factory.mktemp("classify"), tiny_encoder)


@pytest.fixture(scope="module")
def generate(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return generate_run(tmp_path_factory.mktemp("generate"))


def evaluated(run: Run) -> dict[str, dict[str, Any]]:
    """What the tuned model answered to the test rows, by the line they start on."""
    records = pq.read_table(run.stage("evaluate") / "predictions.parquet").to_pylist()
    return {r["row_id"].rpartition(":")[2]: r for r in records if r["system"] == "tuned"}


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def mixed(folder: Path, *, n: int = 40) -> Path:
    """Texts of many lengths; every seventh is empty, every eleventh ragged."""
    lines = ["id,text"]
    for i in range(n):
        text = "" if i % 7 == 3 else " ".join(["parcel", "refund", "login"][i % 3 : i % 3 + 1] * (1 + i * 5 % 13))
        lines.append(f"{i},{text},a,b" if i % 11 == 5 else f"{i},{text}")
    path = folder / "new.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_predict_gives_the_evaluated_labels_when_it_reads_the_training_file(classify: Run, tmp_path: Path) -> None:
    done = predict(classify, classify.folder.parents[1] / "rows.csv", tmp_path / "out.csv")

    found = rows_of(tmp_path / "out.csv")
    assert done.rows == len(found) == 60
    known = evaluated(classify)
    assert len(known) >= 5
    for line, record in known.items():
        row = found[int(line) - 2]
        assert (row["text"], row["label"], row["prediction"]) == (record["text"], record["reference"], record["answer"])
        assert float(row["probability"]) == pytest.approx(record["probability"], abs=2e-6)  # six digits, other batches


def test_predict_gives_the_evaluated_answers_when_it_generates(generate: Run, tmp_path: Path) -> None:
    predict(generate, generate.folder.parents[1] / "pairs.jsonl", tmp_path / "out.jsonl")

    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    known = evaluated(generate)
    assert len(known) >= 3
    for line, record in known.items():
        row = found[int(line) - 1]
        assert row["completion"] == record["reference"]
        assert (row["prediction"], row["is_stopped"]) == (record["answer"], record["is_stopped"])
        assert "probability" not in row


def test_predict_says_how_well_a_text_is_known_when_the_task_is_text(tmp_path: Path, tiny_decoder: Path) -> None:
    run = text_run(tmp_path, tiny_decoder)
    predict(run, tmp_path / "notes.txt", tmp_path / "out.csv")

    found = rows_of(tmp_path / "out.csv")
    for line, record in evaluated(run).items():
        bits = record["reference_nats"] / record["reference_bytes"] / 0.6931471805599453
        assert float(found[int(line) - 1]["bits_per_byte"]) == pytest.approx(bits, rel=1e-3)  # bfloat16, other batches


def test_predict_keeps_every_row_in_its_place_when_some_have_no_answer(classify: Run, tmp_path: Path) -> None:
    done = predict(classify, mixed(tmp_path), tmp_path / "out.csv")

    found = rows_of(tmp_path / "out.csv")
    errors = [row["error"] for row in found]
    assert done.rows == len(found) == 40
    assert done.rows_with_error == sum(map(bool, errors)) == sum(not row["prediction"] for row in found)
    assert [row["id"] for row in found] == ["" if i % 11 == 5 else str(i) for i in range(40)]
    assert errors[3] == "no text"
    assert errors[5] == "row 7: ragged (4 cells instead of 2)"


def test_predict_gives_the_same_labels_whatever_the_chunks(classify: Run, tmp_path: Path) -> None:
    source = mixed(tmp_path)
    for n in (1, 7, 1000):
        predict(classify, source, tmp_path / f"{n}.csv", chunk_rows=n)

    labels = [[row["prediction"] for row in rows_of(tmp_path / f"{n}.csv")] for n in (1, 7, 1000)]
    assert labels[0] == labels[1] == labels[2]


def test_predict_equals_the_session_when_both_are_asked(classify: Run, tmp_path: Path) -> None:
    predict(classify, mixed(tmp_path), tmp_path / "out.csv")
    rows = [row for row in rows_of(tmp_path / "out.csv") if not row["error"].startswith("row")]

    found = load(classify).predict([row["text"] for row in rows])

    assert [(one.answer, one.error) for one in found] == [(row["prediction"], row["error"]) for row in rows]


def test_predict_uses_other_names_when_the_file_has_its_own(classify: Run, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("text,prediction,error\nparcel,mine,none\nrefund,mine,none\n", encoding="utf-8")
    heard: list[Event] = []

    done = predict(classify, tmp_path / "new.csv", tmp_path / "out.csv", tell=heard.append)

    assert done.columns == {"prediction": "prediction_2", "probability": "probability", "error": "error_2"}
    assert [row["prediction"] for row in rows_of(tmp_path / "out.csv")] == ["mine", "mine"]
    assert any(isinstance(event, NoteEvent) and "prediction_2" in event.text for event in heard)


def test_predict_has_nothing_to_do_when_it_is_asked_twice(classify: Run, tmp_path: Path) -> None:
    source, out = mixed(tmp_path), tmp_path / "out.csv"
    first = predict(classify, source, out)
    before = out.stat().st_mtime_ns

    again = predict(classify, source, out)

    assert (first.was_finished, again.was_finished, again.rows_per_second) == (False, True, None)
    assert (again.rows, again.rows_with_error, again.columns) == (first.rows, first.rows_with_error, first.columns)
    assert out.stat().st_mtime_ns == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out.csv.made_from.json", "new.csv", "out.csv"]


def test_predict_overwrites_nothing_when_the_file_has_changed(classify: Run, tmp_path: Path) -> None:
    source, out = mixed(tmp_path), tmp_path / "out.csv"
    predict(classify, source, out)
    before = out.read_bytes()
    source.write_text("text\nparcel\nrefund\n", encoding="utf-8")

    with pytest.raises(RunError, match=r"-o .*out-2\.csv"):
        predict(classify, source, out)
    assert out.read_bytes() == before


def test_predict_refuses_to_write_over_its_own_input(classify: Run, tmp_path: Path) -> None:
    source = mixed(tmp_path)
    before = source.read_bytes()
    with pytest.raises(PlanError, match="take the place of your file"):
        predict(classify, source, source)
    assert source.read_bytes() == before


def test_predict_offers_the_column_when_the_text_has_another_name(classify: Run, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("id,body\n1,parcel late\n2,money back\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"data\.text_column=body"):
        predict(classify, tmp_path / "new.csv", tmp_path / "out.csv")

    done = predict(classify, tmp_path / "new.csv", tmp_path / "out.csv", overrides=["data.text_column=body"])
    assert (done.rows, done.rows_with_error) == (2, 0)


def test_predict_refuses_the_rows_of_another_file(classify: Run, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("text\nparcel\nrefund\n", encoding="utf-8")
    predict(classify, tmp_path / "other.csv", tmp_path / "out.csv")

    with pytest.raises(RunError) as caught:
        predict(classify, mixed(tmp_path), tmp_path / "out.csv")
    assert caught.value.why == f"it was made from another file, {tmp_path / 'other.csv'}"


def test_predict_goes_not_on_with_another_model_when_the_base_was_replaced(tmp_path: Path) -> None:
    run = generate_run(tmp_path)
    (tmp_path / "new.txt").write_text("say 3\nsay 4\n", encoding="utf-8")
    predict(run, tmp_path / "new.txt", tmp_path / "out.csv")
    shutil.rmtree(tmp_path / "decoder")
    save_tiny_decoder(tmp_path / "decoder", seed=7, tied=False)

    with pytest.raises(RunError, match="made before the model changed"):
        predict(run, tmp_path / "new.txt", tmp_path / "out.csv")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"chunk_rows": 7}, {"chunk_rows": 8}),
        ({}, {"overrides": ["data.text_column=id"]}),
        ({}, {"overrides": ["data.format=csv"]}),
        ({}, {"overrides": ["data.system=Be kind."]}),
        ({}, {"overrides": ["evaluate.max_new_tokens=3"]}),
        ({}, {"overrides": ["run.threads=3"]}),
    ],
    ids=["chunks", "column", "read", "system", "cap", "subject"],
)
def test_predict_begins_anew_when_it_is_asked_in_another_way(
    classify: Run, tmp_path: Path, before: dict[str, Any], after: dict[str, Any]
) -> None:
    source = mixed(tmp_path)
    predict(classify, source, tmp_path / "out.csv", **before)
    with pytest.raises(RunError, match="made before the options changed"):
        predict(classify, source, tmp_path / "out.csv", **after)


def test_predict_writes_nothing_when_the_file_is_changed_while_it_is_read(classify: Run, tmp_path: Path) -> None:
    source = mixed(tmp_path)

    def changing(event: Event) -> None:
        if isinstance(event, ProgressEvent):
            source.write_text(source.read_text(encoding="utf-8").replace("parcel", "refund"), encoding="utf-8")

    with pytest.raises(DataError, match="changed while it was read"):
        predict(classify, source, tmp_path / "out.csv", chunk_rows=10, tell=changing)
    assert not (tmp_path / "out.csv").exists()


def test_predict_writes_over_no_file_that_appears_while_it_works(classify: Run, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"

    def appearing(event: Event) -> None:
        if isinstance(event, ProgressEvent):
            out.write_text("my own work\n", encoding="utf-8")

    with pytest.raises(RunError, match="has appeared"):
        predict(classify, mixed(tmp_path), out, tell=appearing)
    assert out.read_text(encoding="utf-8") == "my own work\n"


def test_predict_gives_the_same_answers_whatever_characters_make_a_chunk(
    classify: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = mixed(tmp_path)
    predict(classify, source, tmp_path / "one.csv")
    monkeypatch.setattr("tunewright.verbs.predict.CHUNK_CHARACTERS", 50)
    heard: list[Event] = []

    predict(classify, source, tmp_path / "many.csv", tell=heard.append)

    labels = [[row["prediction"] for row in rows_of(tmp_path / name)] for name in ("one.csv", "many.csv")]
    assert labels[0] == labels[1]
    ends = {event.done for event in heard if isinstance(event, ProgressEvent)}
    assert len(ends) > 4, "chunks of 50 characters"


def test_predict_goes_on_after_chunks_of_unequal_length(
    classify: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, heard = mixed(tmp_path), list[Event]()
    monkeypatch.setattr("tunewright.verbs.predict.CHUNK_CHARACTERS", 50)
    predict(classify, source, tmp_path / "whole.csv")

    def stopping(event: Event) -> None:
        if isinstance(event, ProgressEvent) and event.done > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(classify, source, tmp_path / "out.csv", tell=stopping)
    predict(classify, source, tmp_path / "out.csv", tell=heard.append)

    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert any(isinstance(event, NoteEvent) and "going on after the" in event.text for event in heard)


def test_predict_keeps_a_blank_line_of_a_file_of_one_column(classify: Run, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("text\nparcel\n\nrefund\n\nlogin\n\n", encoding="utf-8")

    done = predict(classify, tmp_path / "new.csv", tmp_path / "out.csv")

    assert (done.rows, done.rows_with_error) == (5, 2)
    found = rows_of(tmp_path / "out.csv")
    assert [(row["text"], row["error"]) for row in found] == [
        *(("parcel", ""), ("", "no text"), ("refund", ""), ("", "no text"), ("login", "")),
    ]


def test_predict_counts_answers_that_begin_like_formulas(classify: Run, tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(classify.folder, tmp_path / "formulas")))
    facts = json.loads((run.stage("prepare") / "facts.json").read_text(encoding="utf-8"))
    facts["labels"] = ["=1+1"] * len(facts["labels"])
    (run.stage("prepare") / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    for name, n_told in (("out.csv", 1), ("out.jsonl", 0)):
        heard: list[Event] = []
        predict(run, mixed(tmp_path), tmp_path / name, tell=heard.append)
        told = [event.text for event in heard if isinstance(event, NoteEvent) and "begin like formulas" in event.text]
        assert len(told) == n_told
        assert all("31 answers" in text for text in told)
    assert rows_of(tmp_path / "out.csv")[0]["prediction"] == "=1+1"


@pytest.mark.parametrize(
    "word", ["run.threads=auto", "run.device=auto", "evaluate.max_new_tokens=auto", "data.text_column=auto"]
)
def test_predict_does_as_the_run_decided_when_a_value_is_auto(classify: Run, tmp_path: Path, word: str) -> None:
    predict(classify, mixed(tmp_path), tmp_path / "out.csv")
    assert predict(classify, mixed(tmp_path), tmp_path / "out.csv", overrides=[word]).was_finished


def test_predict_reads_a_file_by_itself_when_its_format_is_auto(tmp_path: Path, tiny_encoder: Path) -> None:
    run = classify_run(tmp_path, tiny_encoder, data={"train": "rows.csv", "format": "csv"})
    (tmp_path / "new.jsonl").write_text('{"text": "parcel"}\n{"text": "refund"}\n', encoding="utf-8")

    predict(run, tmp_path / "new.jsonl", tmp_path / "out.csv", overrides=["data.format=auto"])

    assert [row["text"] for row in rows_of(tmp_path / "out.csv")] == ["parcel", "refund"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_answers_come_from_the_cpu_and_say_so_when_the_device_is_not_there(classify: Run, tmp_path: Path) -> None:
    heard: list[Event] = []
    predict(classify, mixed(tmp_path), tmp_path / "cpu.csv")
    predict(classify, mixed(tmp_path), tmp_path / "out.csv", overrides=["run.device=cuda"], tell=heard.append)
    assert rows_of(tmp_path / "out.csv") == rows_of(tmp_path / "cpu.csv")
    assert any(isinstance(event, NoteEvent) and "run.device is cuda" in event.text for event in heard)

    run = Run(Path(shutil.copytree(classify.folder, tmp_path / "elsewhere")))
    text = (run.folder / "resolved.yaml").read_text(encoding="utf-8")
    (run.folder / "resolved.yaml").write_text(text.replace("device: cpu", "device: cuda", 1), encoding="utf-8")
    with pytest.warns(UserWarning, match="run.device is cuda"):
        assert load(run).predict(["parcel"])[0].answer
    with pytest.warns(UserWarning, match="run.device is cuda"):
        assert why(run, "parcel late").explanation.answer


def test_predict_names_the_plan_when_the_trained_model_is_gone(classify: Run, tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(classify.folder, tmp_path / "my runs" / "gone")))
    for path in run.stage("train").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    with pytest.raises(ModelError, match="not there") as caught:
        predict(run, mixed(tmp_path), tmp_path / "out.csv")
    assert caught.value.fix == f"tunewright train '{run.folder / 'plan.yaml'}'"


def test_predict_says_what_to_type_when_the_file_has_another_name(
    classify: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(Path(shutil.copytree(classify.folder, tmp_path / "runs" / "c")))
    mixed(tmp_path).rename(tmp_path / "new rows.csv")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        predict(run, Path("new row.csv"), Path("out.csv"), overrides=["data.text_column=id"])
    assert caught.value.fix == "tunewright predict runs/c 'new rows.csv' -o out.csv data.text_column=id"

    with pytest.raises(DataError) as caught:
        predict(run, Path("quite-another.parquet"), Path("out.csv"))
    assert caught.value.fix == "tunewright predict runs/c FILE -o out.csv"


@pytest.mark.parametrize("word", ["train.epochs=3", "data.limit=5"])
def test_predict_refuses_a_value_that_changes_no_answer(classify: Run, tmp_path: Path, word: str) -> None:
    with pytest.raises(PlanError, match=word.partition("=")[0].replace(".", r"\.")):
        predict(classify, mixed(tmp_path), tmp_path / "out.csv", overrides=[word])


def test_predict_takes_prompts_and_their_cap_from_the_command(generate: Run, tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("say 3\nsay 4\n", encoding="utf-8")
    for n in (2, 12):
        words = [f"evaluate.max_new_tokens={n}"]
        predict(generate, tmp_path / "new.txt", tmp_path / f"{n}.csv", overrides=words)

    short, long = (rows_of(tmp_path / f"{n}.csv")[0]["prediction"] for n in (2, 12))
    assert len(short) < len(long)


def test_predict_tells_rate_and_time_left_when_it_works(classify: Run, tmp_path: Path) -> None:
    heard: list[Event] = []
    predict(classify, mixed(tmp_path), tmp_path / "out.csv", chunk_rows=10, tell=heard.append)

    told = [event for event in heard if isinstance(event, ProgressEvent)]
    assert [event.done for event in told] == sorted(event.done for event in told)
    assert (told[-1].done, told[-1].total, told[-1].seconds_left) == (40, 40, 0)
    assert all(event.rate.endswith("rows/s") for event in told)
