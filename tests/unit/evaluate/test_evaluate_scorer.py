"""The user's own metric: what it gives, what is told when it gives nothing, what is refused before a training."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tunewright.core.errors import PlanError
from tunewright.core.events import Event, NoteEvent
from tunewright.core.values import Prediction
from tunewright.evaluate.measures.scorer import loaded_scorer, own_scores, whole_name
from tunewright.evaluate.metrics import metrics

ROWS = [
    Prediction("r:1", "tuned", "a b", "a", is_stopped=True),
    Prediction("r:2", "tuned", "b", "b", is_stopped=True),
    Prediction("r:3", "tuned", "c", "", is_stopped=True),
    Prediction("r:4", "tuned", reference="d"),
]


def written(folder: Path, code: str) -> str:
    path = folder / "mine.py"
    path.write_text(code, encoding="utf-8")
    return str(path)


def scored(scorer: str, told: list[Event]) -> list[float]:
    found = own_scores(ROWS, scorer=scorer, prompts={"r:1": "say a", "r:2": "say b"}, tell=told.append)
    assert [p.answer for p in found] == [p.answer for p in ROWS]
    return [p.own_score for p in found]


def test_each_written_answer_with_a_reference_gets_a_number(tmp_path: Path) -> None:
    told: list[Event] = []
    scorer = written(tmp_path, "def score(answer, reference):\n    return reference in answer.split()\n")
    values = scored(scorer, told)
    assert values[:2] == [1.0, 1.0]
    assert all(map(math.isnan, values[2:]))
    assert told == []


def test_a_function_of_three_parameters_gets_the_prompt(tmp_path: Path) -> None:
    scorer = written(tmp_path, "def mine(answer, reference, prompt, extra=2):\n    return extra * len(prompt)\n")
    assert scored(f"{scorer}:mine", [])[:2] == [10.0, 10.0]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return float('nan') if answer == 'b' else 1", "it gave nan"),
        ("return 1 / (answer != 'b')", "ZeroDivisionError: division by zero (line 2)"),
        ("return None if answer == 'b' else 1", "it gave NoneType instead of a number"),
        ("return 'good' if answer == 'b' else 1", "it gave str instead of a number"),
    ],
)
def test_a_row_without_a_number_is_named_and_counts_as_missing(tmp_path: Path, body: str, why: str) -> None:
    told: list[Event] = []
    scorer = written(tmp_path, f"def score(answer, reference):\n    {body}\n")
    found = own_scores(ROWS, scorer=scorer, prompts={}, tell=told.append)
    assert found[0].own_score == 1.0
    assert math.isnan(found[1].own_score)
    (note,) = told
    assert isinstance(note, NoteEvent)
    assert note.text == (
        f"evaluate.scorer: no number for 1 of 4 answers of tuned, which count as missing; first r:2: {why}"
    )
    metric = metrics(found, task="generate", wanted=("scorer",))["scorer"]
    assert (metric.value, metric.n) == (1.0, 1)


def test_where_no_row_has_a_number_the_metric_says_so(tmp_path: Path) -> None:
    scorer = written(tmp_path, "def score(answer, reference):\n    raise KeyError\n")
    found = own_scores(ROWS, scorer=scorer, prompts={}, tell=lambda event: None)
    metric = metrics(found, task="generate", wanted=("scorer",))["scorer"]
    assert (math.isnan(metric.value), metric.n, metric.reason) == (
        True,
        0,
        "evaluate.scorer is not given, or gave no number",
    )


@pytest.mark.parametrize(
    ("code", "function", "what", "fix"),
    [
        (None, "", "there is no file mine.py", "evaluate.scorer=scorer.py"),
        ("def score(:", "", "mine.py cannot be run", "mend "),
        ("import nothing_of_this_name", "", "mine.py cannot be run", "mend "),
        ("raise SystemExit(1)", "", "mine.py cannot be run", "mend "),
        ("def close(a, b): return 1", "", "mine.py has no function score", "evaluate.scorer=mine.py:close"),
        ("from math import sqrt", ":sqroot", "mine.py has no function sqroot", "write one"),
        ("score = 3", "", "mine.py has no function score", "write one"),
    ],
)
def test_a_scorer_that_cannot_be_used_is_refused(
    tmp_path: Path, code: str | None, function: str, what: str, fix: str
) -> None:
    path = tmp_path / "mine.py"
    if code is not None:
        path.write_text(code, encoding="utf-8")
    with pytest.raises(PlanError, match=what) as caught:
        loaded_scorer(f"{path}{function}")
    assert caught.value.where == "evaluate.scorer"
    assert fix in caught.value.fix


def test_a_name_means_the_same_from_everywhere(tmp_path: Path) -> None:
    assert whole_name("mine.py", folder=tmp_path) == f"{tmp_path / 'mine.py'}:score"
    assert whole_name("lib/mine.py:close", folder=tmp_path) == f"{tmp_path / 'lib/mine.py'}:close"
    assert loaded_scorer(whole_name(written(tmp_path, "def score(a, b): return 7"), folder=Path("/")))("a", "b") == 7
