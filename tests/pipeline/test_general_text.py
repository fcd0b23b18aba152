"""evaluate.general over a whole run: refused before training when it is no good, and its content measured anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.data import write_pairs
from tests.tiny import save_tiny_decoder
from tunewright.core.errors import DataError
from tunewright.core.events import Event, StageEvent
from tunewright.core.planfile import plan_from
from tunewright.pipeline import decide, run_plan


def _plan(folder: Path, general: str) -> dict[str, Any]:
    write_pairs(folder / "pairs.jsonl", n=24)
    model = save_tiny_decoder(folder / "decoder", seed=6, tied=False)
    return {
        "model": str(model),
        "data": "pairs.jsonl",
        "train": {"max_steps": 4, "batch_size": 8, "learning_rate": 1e-2, "lora_r": 4},
        "evaluate": {"systems": ["tuned"], "max_new_tokens": 4, "limit": 2, "general": general},
        "explain": {"methods": []},
        "export": {"targets": []},
    }


def test_a_changed_general_file_is_measured_anew_without_training_again(tmp_path: Path) -> None:
    general = tmp_path / "general.txt"
    general.write_text("the river rises\nthe moon is round\n", encoding="utf-8")
    loaded = plan_from(_plan(tmp_path, "general.txt"), folder=tmp_path, name="g")

    first = run_plan(loaded, runs_dir=tmp_path / "runs").metrics["forgetting"]["general"]
    assert (first["source"], first["paragraphs"]) == ("general.txt", 2)
    assert first["base"]["value"] != first["tuned"]["value"]
    assert run_plan(loaded, runs_dir=tmp_path / "runs").was_finished

    general.write_text("the river rises\nthe moon is round\nbread is baked\n", encoding="utf-8")
    told: list[Event] = []
    again = run_plan(loaded, runs_dir=tmp_path / "runs", tell=told.append).metrics["forgetting"]["general"]
    assert again["paragraphs"] == 3
    status = {event.stage: event.status for event in told if isinstance(event, StageEvent)}
    assert (status["train"], status["evaluate"], status["report"]) == ("skipped", "done", "done")
    page = (tmp_path / "runs" / "g" / "report.html").read_text(encoding="utf-8")
    assert "General text: 3 paragraphs (general.txt)" in page


@pytest.mark.parametrize(
    ("name", "text", "what"), [("gone.txt", None, "no file"), ("blank.csv", "text\n\n", "no rows|no text|nothing")]
)
def test_a_bad_general_file_is_refused_before_training(tmp_path: Path, name: str, text: str | None, what: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text, encoding="utf-8")
    loaded = plan_from(_plan(tmp_path, name), folder=tmp_path, name="g")
    with pytest.raises(DataError, match=what):
        run_plan(loaded, runs_dir=tmp_path / "runs")
    assert not (tmp_path / "runs" / "g" / "train").exists()
    with pytest.raises(DataError, match=what):
        decide(loaded)
