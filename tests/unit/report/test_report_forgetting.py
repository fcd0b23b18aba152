"""What the page says of forgetting and memory: the alarm, gain beside cost, the curve, and honest blanks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.report.run_folder import write_run
from tunewright.report.forgetting import Forgetting, forgetting_of
from tunewright.report.read import read_run
from tunewright.report.stage import write_report

HOW = 'in a copy of train/adapter of the run set "lora_alpha": 16 (now 32) in adapter_config.json: weight 0.5'


def measured(*, is_on: bool) -> dict[str, Any]:
    """The two records as evaluate leaves them."""
    points = [(0.0, 1.2, 0.8), (0.25, 1.0, 0.81), (0.5, 0.85, 0.83), (0.75, 0.84, 0.9), (1.0, 0.83, 1.0)]
    return {
        "forgetting": {
            "reason": "",
            "general": {
                "source": "shipped",
                "paragraphs": 100,
                "base": {"value": 0.8, "n": 100},
                "tuned": {"value": 1.0, "n": 100},
                "comparison": {"difference": 0.2, "ci95": [0.18, 0.22], "p_value": 0.0002, "verdict": "worse"},
                "rise": 0.25,
            },
            "kl": {"value": 0.4, "n": 24, "ci95": [0.3, 0.5], "reason": ""},
            "curve": {
                "reason": "",
                "points": [{"weight": w, "task": task, "general": general} for w, task, general in points],
                "best": 0.5,
                "sentence": "At weight 0.5 the adapter keeps 95 % of the gain.",
                "how": HOW,
            },
            "alarm": {
                "is_on": is_on,
                "sentence": "The model has forgotten.",
                "advice": ["train.epochs=1: less"],
            },
        },
        "memorisation": {
            "reason": "",
            "sentence": "The model gives 3 of 64 training answers word for word.",
            "private": {"warning": "1 training answer with personal data", "rows": ["train:2"], "kinds": ["email"]},
            "examples": [{"row_id": "train:2", "prompt": "<b>who", "answer": "[email]"}],
        },
    }


def _run(folder: Path, *, task: str = "generate", **changes: Any) -> Path:
    path = write_run(folder, task=task) / "evaluate" / "metrics.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**found, **changes}), encoding="utf-8")
    return folder


def _seen(folder: Path) -> Forgetting | None:
    return forgetting_of(read_run(folder))


def test_gain_stands_beside_what_it_cost(tmp_path: Path) -> None:
    found = _seen(_run(tmp_path / "run", **measured(is_on=True)))
    assert found is not None
    assert found.is_alarmed
    assert [(line.before, line.after, line.difference) for line in found.lines[1:]] == [
        ("0.800", "1.000", "+0.200"),
        ("0", "0.400", ""),
    ]
    assert found.lines[0].name.startswith("The task")
    assert found.lines[1].note == "95 % interval +0.180 to +0.220, p .0002"
    assert found.curve.count("<circle") == 10


def test_page_shows_alarm_advice_curve_and_warning_and_escapes_rows(tmp_path: Path) -> None:
    html = write_report(_run(tmp_path / "run", **measured(is_on=True))).read_text(encoding="utf-8")
    for words in ("has forgotten", "train.epochs=1: less", "lora_alpha", "3 of 64", "personal data", "&lt;b&gt;who"):
        assert words in html, words
    assert "Bits per byte over the weight of the adapter" in html
    quiet = write_report(_run(tmp_path / "quiet", **measured(is_on=False))).read_text(encoding="utf-8")
    assert '<span class="pill worse">alarm' not in quiet


@pytest.mark.parametrize("none", [None, {"reason": "evaluate.general is none", "general": None, "alarm": None}])
def test_what_was_not_measured_is_said(tmp_path: Path, none: Any) -> None:
    changes = {**measured(is_on=False), "forgetting": none}
    found = _seen(_run(tmp_path / "run", **changes))
    assert found is not None
    assert found.why_not == ("evaluate.general is none" if none else "not measured")
    assert (found.alarm, found.curve) == ("", "")
    html = write_report(tmp_path / "run").read_text(encoding="utf-8")
    assert f"Forgetting: {found.why_not}." in html


def test_nothing_is_said_of_a_run_without_the_records_or_of_labels(tmp_path: Path) -> None:
    assert _seen(_run(tmp_path / "old")) is None
    assert _seen(_run(tmp_path / "labels", task="classify", **measured(is_on=True))) is None


def test_page_survives_nulls_everywhere(tmp_path: Path) -> None:
    def nulled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: nulled(one) for key, one in value.items()}
        return [nulled(one) for one in value] if isinstance(value, list) else None

    records = {name: nulled(record) for name, record in measured(is_on=True).items()}
    found = _seen(_run(tmp_path / "run", **records))
    assert found is not None
    assert not found.is_alarmed
    assert {line.after for line in found.lines[1:]} == {"not measured"}
    assert "not measured" in write_report(tmp_path / "run").read_text(encoding="utf-8")
