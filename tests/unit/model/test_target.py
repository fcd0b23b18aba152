"""target.json: the mean and the deviation that give a number its unit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.core.errors import ModelError
from tunewright.core.scale import Scale
from tunewright.model.target import TARGET_FILE, read_target, write_target


def test_target_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    scale = Scale(0.1 + 0.2, 1 / 3)  # every digit counts: the model's answers are multiplied by it
    write_target(tmp_path, name="price", scale=scale)
    assert read_target(tmp_path) == scale
    assert read_target(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"mean": 1}', '{"mean": "a", "deviation": 1}', '{"mean": 0, "deviation": 0}']
)
def test_broken_target_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / TARGET_FILE).write_text(text)
    with pytest.raises(ModelError, match="mean and the deviation"):
        read_target(tmp_path)
