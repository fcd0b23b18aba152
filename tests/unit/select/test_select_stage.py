"""candidates.json: what the report and people read."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

from tunewright.select.candidate import Candidate, Filter, LeftOut, Ranked
from tunewright.select.stage import write_candidates


def test_write_candidates_keeps_order_and_writes_nan_as_null(tmp_path: Path) -> None:
    first = Candidate(
        *("a", "encoder", 10, 512, "MIT"),
        fits=True,
        need_bytes=5,
        tokens_per_byte=0.25,
        task_fit="good",
        rank=1,
        reason="größer",
        is_local=True,
        filters=(Filter("task", True, "made for classify"),),
    )
    second = Candidate(
        *("b", "decoder", 20, 64, "unknown"),
        fits=False,
        need_bytes=9,
        tokens_per_byte=math.nan,
        task_fit="usable",
        rank=2,
        reason="",
        is_local=False,
    )
    write_candidates(tmp_path, Ranked((first, second), (LeftOut("c", "gone"),), ("a rule",)))
    found = json.loads((tmp_path / "candidates.json").read_text(encoding="utf-8"))
    unknown = {"tokens_per_byte": None, "unknown_rate": None}
    assert found == {
        "candidates": [
            {**asdict(first), "unknown_rate": None, "filters": [asdict(first.filters[0])], "effort": []},
            {**asdict(second), **unknown, "filters": [], "effort": []},
        ],
        "left_out": [{"name": "c", "reason": "gone"}],
        "rules": ["a rule"],
    }
