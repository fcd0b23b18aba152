"""Events: what was told is on disk, line by line, also after a kill."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tunewright.core.errors import RunError
from tunewright.core.events import (
    Event,
    NoteEvent,
    ProgressEvent,
    StageEvent,
    ValidationEvent,
    jsonl_tracker,
    null_tracker,
    tee,
)


def test_tee_tells_all_in_order() -> None:
    heard: list[tuple[str, Event]] = []
    event = NoteEvent("hello")

    tee(lambda e: heard.append(("first", e)), null_tracker, lambda e: heard.append(("second", e)))(event)

    assert heard == [("first", event), ("second", event)]


def test_tee_of_nobody_is_silent() -> None:
    assert tee()(NoteEvent("hello")) is None, "no error is the whole promise"


def test_jsonl_tracker_writes_one_line_an_event_but_no_progress(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"

    with jsonl_tracker(path) as tell:
        tell(StageEvent("train", "started"))
        tell(ProgressEvent("rows", done=1, total=2))
        tell(NoteEvent("zwei Zeilen:\nund ein „Wort“"))

    first, second = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    assert (first["event"], first["stage"], first["status"]) == ("StageEvent", "train", "started")
    assert second["text"] == "zwei Zeilen:\nund ein „Wort“"
    assert first["time"] <= second["time"]


def test_jsonl_tracker_is_readable_while_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"

    with jsonl_tracker(path) as tell:
        tell(StageEvent("train", "started"))

        assert json.loads(path.read_text())["stage"] == "train"


def test_jsonl_tracker_writes_nan_as_null(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"

    with jsonl_tracker(path) as tell:
        tell(ValidationEvent(step=1, loss_nats=0.5, n_targets=3, score=math.nan, is_best=True))

    assert json.loads(path.read_text())["score"] is None


def test_jsonl_tracker_appends_to_what_was_told_before(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    for text in ("one", "two"):
        with jsonl_tracker(path) as tell:
            tell(NoteEvent(text))

    assert [json.loads(line)["text"] for line in path.read_text().splitlines()] == ["one", "two"]


def test_jsonl_tracker_loses_no_event_behind_a_line_that_a_kill_has_torn(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"time": 1, "event": "NoteEvent", "te')

    with jsonl_tracker(path) as tell:
        tell(NoteEvent("after"))

    torn, after = path.read_text().splitlines()
    assert torn.endswith('"te')
    assert json.loads(after)["text"] == "after"


def test_jsonl_tracker_refuses_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(RunError), jsonl_tracker(tmp_path / "missing" / "events.jsonl"):
        pass
