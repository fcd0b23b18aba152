"""A whole run beside a model behind an address: measured, priced, kept, and never paid for twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.fake_api import Body, Response, fake_api, last_turn, said
from tests.pipeline.data import write_labelled, write_pairs
from tunewright.core.errors import EvalError, PlanError
from tunewright.core.events import Event, NoteEvent
from tunewright.core.planfile import LoadedPlan, plan_from
from tunewright.core.run import Run
from tunewright.pipeline import run_plan
from tunewright.verbs.reproduce import reproduce

KEY = "sk-4fK9aQ2mZx81LpVt7Rw3Yb6N"


def plan_of(folder: Path, model: Path, *, url: str, api: dict[str, Any] | None = None, **evaluate: Any) -> LoadedPlan:
    address = {"url": url, "model": "big", "price_in": 1.0, "price_out": 2.0, **(api or {})}
    plan = {
        "model": str(model),
        "data": "rows",
        "train": {"max_steps": 1},
        "evaluate": {"apis": {"gpt": address}, "max_new_tokens": 4, "limit": 3, "general": "none", **evaluate},
        "explain": {"methods": []},
    }
    data = next(path.name for path in folder.iterdir() if path.suffix in (".csv", ".jsonl"))
    return plan_from({**plan, "data": data}, folder=folder, name="try")


def metrics_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "runs/try/evaluate/metrics.json").read_text(encoding="utf-8")))


def test_written_answers_over_an_address_are_measured_and_not_paid_for_twice(
    tmp_path: Path, tiny_decoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pairs(tmp_path / "pairs.jsonl", n=20)
    monkeypatch.setenv("GPT_KEY", KEY)
    heard: list[Event] = []
    with fake_api(lambda body: said(f"you said {last_turn(body).split()[-1]}, fine", tokens=(10, 5))) as api:
        asked = {"api": {"key_env": "GPT_KEY"}, "systems": ["tuned", "api:gpt"], "primary_metric": "exact_match"}
        run_plan(plan_of(tmp_path, tiny_decoder, url=api.url, **asked), runs_dir=tmp_path / "runs", tell=heard.append)
        found = metrics_of(tmp_path)
        again = {**asked, "metrics": ["exact_match", "chrf"]}
        run_plan(plan_of(tmp_path, tiny_decoder, url=api.url, **again), runs_dir=tmp_path / "runs")
        repeated = reproduce(Run(tmp_path / "runs/try"))
    assert len(api.bodies) == 3  # neither another metric nor the run once more asks anything
    assert repeated.found.verdict == "identical"
    assert set(api.keys) == {f"Bearer {KEY}"}
    assert found["systems"]["api:gpt"]["exact_match"]["value"] == 1.0
    assert found["systems"]["api:gpt"]["exact_match"]["n"] == 3
    assert [(c["a"], c["b"], c["difference"]) for c in found["comparisons"]] == [("tuned", "api:gpt", -1.0)]
    cost = found["cost"]["api:gpt"]["api"]
    assert (cost["tokens_in"], cost["tokens_out"], cost["missing"]) == (30, 15, {})
    assert cost["price"] == pytest.approx((30 * 1 + 15 * 2) / 1e6)
    assert cost["price_per_1000"] == pytest.approx(0.02)
    assert metrics_of(tmp_path)["cost"]["api:gpt"] == found["cost"]["api:gpt"]
    assert any("go to 127.0.0.1" in event.text for event in heard if isinstance(event, NoteEvent))
    kept = [path for path in (tmp_path / "runs").rglob("*") if path.is_file()]
    assert not [path.name for path in kept if KEY.encode() in path.read_bytes()]
    page = (tmp_path / "runs/try/report.html").read_text(encoding="utf-8")
    assert "api:gpt" in page


def test_a_judge_says_whom_it_prefers_and_the_report_says_that_a_model_said_so(
    tmp_path: Path, tiny_decoder: Path
) -> None:
    """It likes the longer answer, and api:gpt writes the longest."""
    write_pairs(tmp_path / "pairs.jsonl", n=20)

    def answer(body: Body) -> Response:
        turn = last_turn(body)
        if "<answer_A>" not in turn:
            return said("a very long answer " * 9)
        first, second = (len(turn.partition(f"<answer_{side}>")[2].partition("</answer")[0]) for side in "AB")
        return said("A" if "2 + 2" in turn or first > second else "B" if second > first else "tie")

    with fake_api(answer) as api:
        asked = {"systems": ["tuned", "base", "api:gpt"], "judge": "gpt"}
        run_plan(plan_of(tmp_path, tiny_decoder, url=api.url, **asked), runs_dir=tmp_path / "runs")
    found = metrics_of(tmp_path)
    base, gpt = found["judge"]["rivals"]
    assert (base["rival"], gpt["rival"]) == ("base", "api:gpt")
    assert base["won"] + base["lost"] + base["tied"] == 3
    assert (gpt["won"], gpt["lost"], gpt["tied"], gpt["missing"]) == (0, 3, 0, 0)
    assert gpt["comparison"]["difference"] == -1.0
    assert found["judge"]["is_a_rival"]
    assert "The judge big (127.0.0.1:" in " ".join(found["verdict"]["details"])
    assert {c["metric"] for c in found["comparisons"]} == {"bits_per_byte"}  # the verdict rests on no opinion
    page = (tmp_path / "runs/try/report.html").read_text(encoding="utf-8")
    assert "What a judge model preferred" in page
    assert "A model said so: big at 127.0.0.1:" in page
    assert "Price of 1,000 answers" in page


def test_labels_over_an_address_stand_beside_ours(tmp_path: Path, tiny_encoder: Path) -> None:
    write_labelled(tmp_path / "rows.csv", n_endings=4)

    def answer(body: Body) -> Response:
        return said("Delivery") if "courier" in last_turn(body) else said("no idea")

    with fake_api(answer) as api:
        plan = plan_of(tmp_path, tiny_encoder, url=api.url, systems=["tuned", "majority", "api:gpt"], limit=None)
        run_plan(plan, runs_dir=tmp_path / "runs")
    found = metrics_of(tmp_path)
    records = pq.read_table(tmp_path / "runs/try/evaluate/predictions.parquet").to_pylist()
    answers = {record["text"]: record["answer"] for record in records if record["system"] == "api:gpt"}
    assert {answer for text, answer in answers.items() if "courier" not in text} == {"(no label)"}
    right = sum("courier" in text for text in answers) / len(answers)
    assert found["systems"]["api:gpt"]["accuracy"]["value"] == pytest.approx(right)
    assert [c["b"] for c in found["comparisons"]] == ["majority", "api:gpt"]


def test_what_is_missing_is_told_before_training(tmp_path: Path, tiny_decoder: Path) -> None:
    write_pairs(tmp_path / "pairs.jsonl", n=20)
    url = "http://127.0.0.1:9/v1"
    unknown = plan_of(tmp_path, tiny_decoder, url=url, systems=["tuned", "api:gtp"])
    with pytest.raises(PlanError, match="there is no address gtp") as caught:
        run_plan(unknown, runs_dir=tmp_path / "runs")
    assert caught.value.fix == "write api:gpt there"
    required = {"systems": ["tuned", "api:gpt"], "require": {"better_than": "api:gpt"}}
    with pytest.raises(PlanError, match="bits_per_byte cannot compare them") as caught:
        run_plan(plan_of(tmp_path, tiny_decoder, url=url, **required), runs_dir=tmp_path / "runs")
    assert caught.value.fix == "evaluate.primary_metric=chrf"
    keyless = plan_of(tmp_path, tiny_decoder, url=url, api={"key_env": "NO_SUCH_KEY"}, systems=["tuned", "api:gpt"])
    with pytest.raises(EvalError, match="the environment variable NO_SUCH_KEY is not set"):
        run_plan(keyless, runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs/try/train/summary.json").exists()
