"""`tunewright compare`, on two tiny finished runs and on copies of them that were changed."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from tests.pipeline.data import write_labelled
from tunewright.cli.main import main
from tunewright.core.errors import EvalError, PlanError, RunError
from tunewright.core.run import Run
from tunewright.evaluate.write import read_predictions
from tunewright.verbs.api import run
from tunewright.verbs.compare import compare


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """A runs folder: good has learned its 36 test rows, bad has not."""
    folder = tmp_path_factory.mktemp("compare")
    data = str(write_labelled(folder / "rows.csv"))
    common = {
        "data": data,
        "model": str(tiny_encoder),
        "prepare": {"test_fraction": 0.3},
        "evaluate": {"systems": ["tuned", "majority"]},
        "explain": {"methods": []},
    }
    for name, train in (
        ("good", {"epochs": 30, "learning_rate": 3e-3}),
        ("bad", {"epochs": 1, "learning_rate": 1e-5}),
    ):
        run({**common, "train": train, "run": {"name": name}}, runs_dir=folder / "runs")
    return folder / "runs"


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "runs"))


def change_answers(folder: Path, change: dict[str, str], *, n: int) -> None:
    """In the first n lines."""
    path = folder / "evaluate/predictions.parquet"
    table = pq.read_table(path)
    records = table.to_pylist()
    for record in records[:n]:
        record |= {key: f"{record[key]}{value}" for key, value in change.items()}
    pq.write_table(pa.Table.from_pylist(records, schema=table.schema), path)


def test_compare_measures_the_difference_that_stands_in_both_runs(runs: Path) -> None:
    found = compare([Run(runs / "good"), Run(runs / "bad")])
    share = {}
    for name in ("good", "bad"):
        answers = [p for p in read_predictions(runs / name / "evaluate/predictions.parquet") if p.system == "tuned"]
        share[name] = sum(p.answer == p.reference for p in answers) / len(answers)
    first = found.comparisons[0].comparison
    assert (first.a, first.b, first.metric, found.rows) == ("good", "bad", "accuracy", 36)
    assert first.difference == pytest.approx(share["good"] - share["bad"])
    assert found.comparisons[0].verdict == "better"


def test_compare_turned_round_says_the_opposite(runs: Path) -> None:
    one = compare([Run(runs / "good"), Run(runs / "bad")]).comparisons[0]
    other = compare([Run(runs / "bad"), Run(runs / "good")]).comparisons[0]
    assert other.comparison.difference == -one.comparison.difference
    assert other.p_holm == one.p_holm
    assert (one.verdict, other.verdict) == ("better", "worse")


def test_compare_of_a_run_with_its_copy_finds_nothing(runs: Path) -> None:
    shutil.copytree(runs / "good", runs / "copy")
    found = compare([Run(runs / "good"), Run(runs / "copy")])
    assert {one.verdict for one in found.comparisons} == {"not distinguishable"}
    assert {one.comparison.difference for one in found.comparisons} == {0.0}
    assert found.differences == ()


def test_compare_of_three_corrects_for_every_pair_and_metric(runs: Path) -> None:
    shutil.copytree(runs / "bad", runs / "third")
    found = compare([Run(runs / name) for name in ("good", "bad", "third")])
    n_metrics = len({one.comparison.metric for one in found.comparisons})
    assert len(found.comparisons) == 3 * n_metrics
    smallest = min(one.comparison.p_value for one in found.comparisons)
    assert min(one.p_holm for one in found.comparisons) == pytest.approx(min(1.0, 3 * n_metrics * smallest))
    assert all(math.isfinite(one.p_holm) for one in found.comparisons)
    assert "log_loss" in found.not_compared


def test_compare_names_the_plan_fields_that_differ_and_what_each_run_cost(runs: Path) -> None:
    found = compare([Run(runs / "good"), Run(runs / "bad")])
    assert {d.field: d.values for d in found.differences} == {
        "train.epochs": (30.0, 1.0),
        "train.learning_rate": (3e-3, 1e-5),
        **{d.field: d.values for d in found.differences if d.field in ("train.save_steps", "train.eval_steps")},
    }
    summary = json.loads((runs / "good/train/summary.json").read_text(encoding="utf-8"))
    assert (found.sides[0].train_seconds, found.sides[0].peak_memory_bytes) == (
        summary["seconds"],
        summary["peak_memory_bytes"],
    )
    assert found.sides[0].test_set_uses == 2


def test_compare_measures_what_all_runs_report_and_nothing_else(runs: Path) -> None:
    resolved = yaml.safe_load((runs / "bad/resolved.yaml").read_text(encoding="utf-8"))
    assert len(resolved["plan"]["evaluate"]["metrics"]) > 1
    resolved["plan"]["evaluate"]["metrics"] = ["accuracy"]
    (runs / "bad/resolved.yaml").write_text(yaml.safe_dump(resolved), encoding="utf-8")
    found = compare([Run(runs / "good"), Run(runs / "bad")])
    assert {one.comparison.metric for one in found.comparisons} == {"accuracy"}


def test_compare_uses_the_common_rows_and_counts_the_others(runs: Path) -> None:
    change_answers(runs / "bad", {"text": " changed"}, n=6)
    found = compare([Run(runs / "good"), Run(runs / "bad")])
    assert (found.rows, [side.left_out for side in found.sides]) == (30, [6, 6])


def test_compare_is_refused_when_too_few_rows_are_common(runs: Path) -> None:
    change_answers(runs / "bad", {"text": " changed"}, n=17)
    with pytest.raises(EvalError, match="share 19 test rows"):
        compare([Run(runs / "good"), Run(runs / "bad")])


def test_compare_is_refused_when_labels_or_tasks_differ(runs: Path) -> None:
    path = runs / "bad/prepare/facts.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**facts, "labels": [*facts["labels"], "spam"]}), encoding="utf-8")
    with pytest.raises(EvalError, match="different labels") as caught:
        compare([Run(runs / "good"), Run(runs / "bad")])
    assert "spam" in caught.value.why
    resolved = yaml.safe_load((runs / "bad/resolved.yaml").read_text(encoding="utf-8"))
    resolved["plan"]["task"] = "text"
    (runs / "bad/resolved.yaml").write_text(yaml.safe_dump(resolved), encoding="utf-8")
    with pytest.raises(EvalError, match="different tasks"):
        compare([Run(runs / "good"), Run(runs / "bad")])


def test_compare_is_refused_when_there_is_nothing_to_compare(runs: Path) -> None:
    good = Run(runs / "good")
    for one in ([], [good], [good, good]):
        with pytest.raises(PlanError):
            compare(one)
    manifest = json.loads((runs / "bad/run.json").read_text(encoding="utf-8"))
    manifest["stages"]["evaluate"]["status"] = "outdated"
    (runs / "bad/run.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(RunError, match="not measured yet"):
        compare([good, Run(runs / "bad")])


def test_compare_prints_80_columns_that_say_who_is_better_and_how_worn_the_test_is(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(runs / "bad", runs / ("a-long-name-" * 4))
    assert main(["compare", "good", "bad", "a-long-name-" * 4, "--runs-dir", str(runs)]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith("good is better than bad: Accuracy ")
    for said in ("Holm 1979", "has been scored 2 times", "train.epochs", "good minus bad"):
        assert said in text
