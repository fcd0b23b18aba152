"""A run done again: identical, or what differs and why."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.pipeline.data import write_labelled
from tunewright.cli.main import main
from tunewright.cli.reproduce import sentence
from tunewright.core.errors import RunError
from tunewright.core.events import Event, NoteEvent
from tunewright.core.files import write_json
from tunewright.core.planfile import plan_from
from tunewright.core.run import Run, update_manifest
from tunewright.pipeline import run_plan
from tunewright.verbs.differences import Differences, differences
from tunewright.verbs.reproduce import Reproduction, reproduce


def made(folder: Path, base: Path, *, name: str, seed: int = 0) -> Run:
    plan: dict[str, Any] = {
        "model": str(base),
        "data": "rows.csv",
        "train": {"epochs": 1, "batch_size": 8, "learning_rate": 3e-3, "layers": "auto"},
        "evaluate": {"systems": ["tuned", "majority"]},
        "explain": {"methods": []},
        "run": {"seed": seed},
    }
    return run_plan(plan_from(plan, folder=folder, name=name), runs_dir=folder / "runs").run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reproduce")
    write_labelled(path / "rows.csv")
    return path


@pytest.fixture(scope="module")
def first(folder: Path, tiny_encoder: Path) -> Run:
    return made(folder, tiny_encoder, name="first")


@pytest.fixture(scope="module")
def repeated(first: Run) -> Reproduction:
    return reproduce(first)


def test_reproduction_measures_again_and_finds_the_same_blocks(repeated: Reproduction, first: Run) -> None:
    then, now = (
        json.loads((run.stage("train") / "layers.json").read_text(encoding="utf-8"))
        for run in (first, Run(Path(repeated.again)))
    )

    assert now.pop("seconds") != then.pop("seconds"), "nothing was measured again"
    assert now == then


def test_reproduction_is_identical_when_nothing_has_changed(repeated: Reproduction, first: Run) -> None:
    found = repeated.found
    assert found.verdict == "identical"
    assert found.changes == ()
    assert found.unknown == ()
    assert found.weights is not None
    assert found.weights.n == found.weights.n_same > 10
    assert found.weights.digest == found.weights.digest_again
    assert found.losses is not None
    assert found.losses.n == found.losses.n_same == 11  # 84 rows, 8 a step
    assert all(answers.n == answers.n_same == 18 for answers in found.answers)
    assert Path(repeated.again).name == "first-again"
    assert Path(repeated.again).parent == first.folder.parent


def test_reproducing_twice_finds_the_second_run_finished(repeated: Reproduction, first: Run) -> None:
    again = reproduce(first)
    assert again.was_finished
    assert again.found == repeated.found


def test_verb_prints_the_verdict_and_ends_with_0(
    repeated: Reproduction, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reproduce", "first", "--runs-dir", str(folder / "runs")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("identical: ")
    assert "(was there already)" in out
    assert max(len(line) for line in out.splitlines() if "/" not in line) <= 80
    assert main(["reproduce", "first", "--runs-dir", str(folder / "runs"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["found"]["verdict"] == "identical"


def test_another_seed_shows_in_weights_losses_and_stages(first: Run, folder: Path, tiny_encoder: Path) -> None:
    found = differences(first, made(folder, tiny_encoder, name="other", seed=1))
    assert found.verdict != "identical"
    assert found.weights is not None
    assert found.weights.n_same < found.weights.n
    assert found.weights.largest_difference > 0
    assert found.weights.digest != found.weights.digest_again
    assert found.losses is not None
    assert found.losses.first_different_step is not None
    assert {change.name for change in found.changes} >= {"train"}
    assert found.is_explained


def test_an_unexplained_difference_ends_with_6(first: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second run's scores are changed on disk: what went in is the same."""
    reproduce(first)
    path = folder / "runs/first-again/evaluate/metrics.json"
    whole = path.read_text()
    record = json.loads(whole)
    record["systems"]["tuned"][record["primary_metric"]] |= {"value": 0.0, "ci95": [0.0, 0.0]}
    path.write_text(json.dumps(record))
    try:
        assert main(["reproduce", "first", "--runs-dir", str(folder / "runs")]) == 6
    finally:
        path.write_text(whole)
    assert capsys.readouterr().out.startswith("differs: ")


def test_changed_data_is_told_before_the_second_run_starts(tmp_path: Path, tiny_encoder: Path) -> None:
    write_labelled(tmp_path / "rows.csv")
    run = made(tmp_path, tiny_encoder, name="first")
    with (tmp_path / "rows.csv").open("a") as file:
        file.write("parcel lost in the rain,delivery\n")
    events: list[Event] = []
    found = reproduce(run, tell=events.append).found
    assert isinstance(events[0], NoteEvent)
    assert events[0].level == "warning"
    assert "data.train:0 has changed since the run" in events[0].text
    assert [change.name for change in found.changes if change.kind == "data"] == ["train:0"]
    assert found.is_explained


def test_another_version_is_named_with_the_command_that_brings_it_back(repeated: Reproduction, first: Run) -> None:
    again = Run(Path(repeated.again))
    manifest = again.manifest()
    update_manifest(again, versions={**manifest["versions"], "peft": "0.1"})
    try:
        (change,) = differences(first, again).changes
    finally:
        update_manifest(again, versions=manifest["versions"])
    assert (change.kind, change.name, change.now) == ("version", "peft", "0.1")
    assert change.fix == f"pip install peft=={manifest['versions']['peft']}"


def test_a_run_that_noted_no_digests_says_so(repeated: Reproduction, first: Run) -> None:
    manifest = first.manifest()
    write_json(first.folder / "run.json", {name: of for name, of in manifest.items() if name != "data_digests"})
    try:
        found = differences(first, Run(Path(repeated.again)))
    finally:
        write_json(first.folder / "run.json", manifest)
    assert found.unknown == ("data_digests",)
    assert not [change for change in found.changes if change.kind == "data"]


def spoiled(repeated: Reproduction, name: str, change: Callable[[bytes], bytes], first: Run) -> Differences:
    """What is found when one file of the second run is another."""
    path = Path(repeated.again) / name
    before = path.read_bytes()
    path.write_bytes(change(before))
    try:
        return differences(first, Run(Path(repeated.again)))
    finally:
        path.write_bytes(before)


def without_a_system(content: bytes) -> bytes:
    metrics = json.loads(content)
    metrics["systems"].pop("majority")
    return json.dumps(metrics).encode()


def with_other_rows(content: bytes) -> bytes:
    return json.dumps({**json.loads(content), "rows": 1}).encode()


def with_another_loss(content: bytes) -> bytes:
    lines = [json.loads(line) for line in content.splitlines()]
    step = next(line for line in lines if line["event"] == "StepEvent")
    step["loss_nats"] += 1
    return "\n".join(map(json.dumps, lines)).encode()


def of_predictions(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        table = pq.read_table(io.BytesIO(content))
        out = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), schema=table.schema), out)
        return out.getvalue()

    return changed


def with_another_bit(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("train/**/*.safetensors", with_another_bit),
        ("train/steps.jsonl", with_another_loss),
        ("evaluate/metrics.json", with_other_rows),
        ("evaluate/metrics.json", without_a_system),
        ("evaluate/predictions.parquet", of_predictions(lambda rows: [{**rows[0], "answer": "no"}, *rows[1:]])),
        ("evaluate/predictions.parquet", of_predictions(lambda rows: rows[:1])),
    ],
    ids=["weights", "losses", "rows", "a system less", "answers", "answers less"],
)
def test_nothing_is_called_identical_when_one_result_is_another(
    repeated: Reproduction, first: Run, name: str, change: Callable[[bytes], bytes]
) -> None:
    file = next(Path(repeated.again).glob(name)).relative_to(repeated.again)
    assert spoiled(repeated, str(file), change, first).verdict != "identical"


def test_what_only_one_run_has_is_named_whichever_it_is(repeated: Reproduction, first: Run) -> None:
    gone = spoiled(repeated, "evaluate/metrics.json", without_a_system, first)
    assert gone.verdict == "differs"
    assert "accuracy of majority" in gone.missing
    assert "only one of the two runs has" in sentence(gone)
    one_row = of_predictions(lambda rows: rows[:1])
    assert spoiled(repeated, "evaluate/predictions.parquet", one_row, first).missing == (
        "18 answers of majority",
        "17 answers of tuned",
    )
    path = Path(repeated.again) / "evaluate/metrics.json"
    before = path.read_bytes()
    path.write_bytes(without_a_system(before))
    try:
        assert differences(Run(Path(repeated.again)), first).missing == gone.missing
    finally:
        path.write_bytes(before)


def of_metrics(**values: tuple[float, list[float]]) -> Callable[[bytes], bytes]:
    """Scores of tuned as they should be: value and interval."""

    def changed(content: bytes) -> bytes:
        metrics = json.loads(content)
        for name, (value, ci95) in values.items():
            metrics["systems"]["tuned"][name] |= {"value": value, "ci95": ci95}
        return json.dumps(metrics).encode()

    return changed


def test_the_sentence_claims_the_primary_score_alone_and_names_those_outside(
    repeated: Reproduction, first: Run
) -> None:
    record = json.loads((first.folder / "evaluate/metrics.json").read_text(encoding="utf-8"))
    assert record["primary_metric"] == "accuracy"
    low, high = record["systems"]["tuned"]["accuracy"]["ci95"]
    value = record["systems"]["tuned"]["accuracy"]["value"]
    other = low if value != low else high
    near = of_metrics(accuracy=(other, [0.0, 1.0]))
    one = spoiled(repeated, "evaluate/metrics.json", near, first)
    assert sentence(one) == (
        "same within the interval: not bit for bit, but the primary score (Accuracy) lies in the other's 95 % "
        "interval; all that went in is the same"
    )
    far = of_metrics(accuracy=(other, [0.0, 1.0]), log_loss=(-9.0, [-9.0, -9.0]))
    two = spoiled(repeated, "evaluate/metrics.json", far, first)
    assert two.verdict == "same within the interval"
    assert sentence(two).endswith("; outside it: Log loss; all that went in is the same")


def test_another_run_of_that_name_is_left_alone(tmp_path: Path, first: Run, tiny_encoder: Path) -> None:
    write_labelled(tmp_path / "rows.csv")
    run = made(tmp_path, tiny_encoder, name="mine")
    other = tmp_path / "runs/mine-again"
    other.mkdir()
    (other / "run.json").write_text("{}")
    with pytest.raises(RunError, match="repeats something else") as caught:
        reproduce(run)
    assert caught.value.fix.startswith("mv ")
    assert (other / "run.json").read_text() == "{}"


@pytest.mark.parametrize("note", [{"made_from": "0" * 32}, {"run": "another"}])
def test_a_run_that_repeats_another_state_or_run_is_left_alone(
    repeated: Reproduction, first: Run, note: dict[str, str]
) -> None:
    again = Run(Path(repeated.again))
    right = again.manifest()["reproduces"]
    update_manifest(again, reproduces={**right, **note})
    try:
        with pytest.raises(RunError, match="repeats something else"):
            reproduce(first)
    finally:
        update_manifest(again, reproduces=right)


def test_the_note_in_run_json_is_written_once(repeated: Reproduction, first: Run) -> None:
    """Written again without the lock it undid what another process had noted meanwhile: train: done."""
    path = Path(repeated.again) / "run.json"
    before = path.stat().st_ino
    reproduce(first)
    assert path.stat().st_ino == before, "a file written whole is another file"


def test_an_unfinished_run_cannot_be_reproduced(tmp_path: Path) -> None:
    run = Run(tmp_path / "half")
    run.folder.mkdir()
    (run.folder / "run.json").write_text('{"stages": {"prepare": {"status": "done", "fingerprint": "a"}}}')
    with pytest.raises(RunError, match="not finished"):
        reproduce(run)
