"""The end of a run says what tuning cost, when it was too much."""

from __future__ import annotations

from typing import Any

import pytest

from tunewright.cli.console import open_console
from tunewright.cli.outcome import show_alarms

ALARM = {"is_on": True, "sentence": "The model has forgotten.", "advice": ["train.epochs=1: less", "half of it"]}


@pytest.mark.parametrize(
    ("metrics", "lines"),
    [
        (
            {"forgetting": {"alarm": ALARM}, "memorisation": {"private": {"warning": "an e-mail comes word for word"}}},
            [
                "The model has forgotten.",
                "  try: train.epochs=1: less",
                "  try: half of it",
                "an e-mail comes word for word",
            ],
        ),
        ({"forgetting": {"alarm": {**ALARM, "is_on": False}}, "memorisation": {"private": {"warning": ""}}}, []),
        ({"forgetting": {"alarm": {**ALARM, "is_on": None}}}, []),
        ({"forgetting": {"alarm": None}, "memorisation": {"private": None}}, []),
        ({"forgetting": None, "memorisation": None}, []),
        ({}, []),
    ],
)
def test_alarms_are_told_with_advice_and_silence_means_none(
    capsys: pytest.CaptureFixture[str], metrics: dict[str, Any], lines: list[str]
) -> None:
    with open_console(wants_json=False, is_quiet=False) as console:
        show_alarms(console, metrics)
    assert capsys.readouterr().out.splitlines() == lines
