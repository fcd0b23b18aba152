"""Numbers, times and tables as words."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.cli.outcome import next_command, ranked, systems_table
from tunewright.cli.words import columns, duration, interval, number, one_line, size, table


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, ".000"), (1.0, "1.000"), (-0.05, "-.050"), (0.9996, "1.000"), (9.5, "9.500"), (54.25, "54.2"), (None, "–")],
)
def test_number_keeps_three_digits_when_it_is_small(value: float | None, words: str) -> None:
    assert number(value) == words


def test_interval_is_empty_when_there_is_none() -> None:
    assert interval((None, None)) == interval((math.nan, math.nan)) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (3.04, "3 s"), (3.5, "3.5 s"), (59.4, "59 s"), (60, "1 min"), (3599.6, "1 h"), (5400, "1 h 30 min")],
)
def test_duration_has_two_units_at_most_when_it_is_long(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@given(st.floats(min_value=0, max_value=1e6))
def test_duration_never_says_sixty_when_it_rounds(seconds: float) -> None:
    words = duration(seconds).split()
    assert not {("60", "s"), ("60", "min")} & set(zip(words[::2], words[1::2], strict=True)), "hours may be 60"


def test_size_steps_by_a_thousand_when_it_grows() -> None:
    assert (size(900), size(2_500_000), size(8e9)) == ("1 kB", "2 MB", "8.0 GB")


def test_columns_line_up_when_characters_are_wide() -> None:
    assert columns("日本") == 4
    assert columns("e\u0301") == 1
    lines = table([("a", "b"), ("日本", "x"), ("abcd", "y")]).split("\n")
    assert lines == ["a     b", "日本  x", "abcd  y"]


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_one_line_is_one_short_line_whatever_the_text(text: str, width: int) -> None:
    line = one_line(text, width=width)
    assert len(line) <= width
    assert len(line.splitlines()) <= 1
    assert "\x1b" not in line, "a row must not move the reader's cursor"


def _metric(value: float | None, *, is_higher_better: bool = True) -> dict[str, object]:
    ci95 = [None, None] if value is None else [value - 0.1, value + 0.1]
    return {"value": value, "ci95": ci95, "is_higher_better": is_higher_better}


def test_ranked_puts_the_tuned_model_first_and_the_unknown_last_when_directions_differ() -> None:
    found = {"none": _metric(None), "base": _metric(0.2), "tuned": _metric(0.1), "tfidf": _metric(0.8)}
    assert ranked(found) == ["tuned", "tfidf", "base", "none"]
    lower = {name: _metric(v, is_higher_better=False) for name, v in (("a", 2.0), ("b", 1.0), ("tuned", 3.0))}
    assert ranked(lower) == ["tuned", "b", "a"]


def test_systems_table_holds_values_intervals_verdicts_and_who_did_not_run() -> None:
    compared = {"a": "tuned", "metric": "accuracy", "difference": 0.3, "p_value": 0.0004, "test": "t"}
    metrics = {
        "primary_metric": "accuracy",
        "systems": {
            "base": {"accuracy": _metric(0.4)},
            "tuned": {"accuracy": _metric(0.7)},
            "tfidf": {"accuracy": _metric(0.5)},
            "majority": {"accuracy": _metric(None)},
        },
        "comparisons": [
            {**compared, "b": "base", "verdict": "better"},
            {**compared, "b": "tfidf", "verdict": "not distinguishable", "p_value": 0.2},
            {
                **compared,
                "b": "majority",
                "verdict": "not distinguishable",
                "difference": None,
                "test": "no common row",
            },
        ],
        "not_run": {"few_shot": "an encoder cannot"},
    }
    lines = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in systems_table(metrics).split("\n")]
    assert lines == [
        ["Accuracy", "95 % interval", "the tuned model is"],
        ["Tuned model", ".700", "[.600, .800]"],
        ["Keyword model", ".500", "[.400, .600]", "not distinguishable (p .200)"],
        ["Before tuning", ".400", "[.300, .500]", "better by .300 (p < .001)"],
        ["Most common answer", "–", "not compared: no common row"],
        ["not run: Examples in prompt (an encoder cannot)"],
    ]


def test_next_command_can_be_copied_wherever_the_run_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs" / "my run"
    assert next_command(folder, {"task": "text"}) == "tunewright trace 'my run' ROW_ID"
    assert next_command(folder, {"task": "generate"}) == "tunewright chat 'my run'"
    assert next_command(folder, {"task": "classify"}) == "tunewright why 'my run' \"a text of yours\""
    assert next_command(tmp_path / "old" / "a", {"task": "generate"}) == "tunewright chat old/a"
