"""Events as lines: which, when, and how often."""

from __future__ import annotations

import io
import math

import pytest

from tests.unit.cli.test_cli_console import Terminal
from tunewright.cli.console import Console
from tunewright.cli.progress import PACE_STEPS, event_printer, pace, sentence, step_line
from tunewright.core.events import (
    Event,
    NoteEvent,
    PreviewEvent,
    ProgressEvent,
    StageEvent,
    StepEvent,
    ValidationEvent,
)


def step(i: int, *, n_steps: int = 10, loss: float = 1.0, seconds: float = 2.0, n_tokens: int = 100) -> StepEvent:
    return StepEvent(i, n_steps, i / 5, loss, 4, n_tokens, 1e-3, 1.0, seconds)


def printed(events: list[Event], *, times: list[float] | None = None, is_quiet: bool = False) -> list[str]:
    """Lines without a terminal; times: what the clock says, call by call."""
    stream = io.StringIO()
    console = Console(io.StringIO(), stream, io.StringIO(), wants_json=False, is_quiet=is_quiet)
    clock = iter(times or [0.0] * 1000)
    with event_printer(console, clock=lambda: next(clock)) as tell:
        for event in events:
            tell(event)
    return stream.getvalue().splitlines()


def test_pace_weighs_losses_by_targets_and_rates_by_seconds_when_steps_differ() -> None:
    small = StepEvent(1, 10, 0.1, 3.0, 1, 50, 1e-3, 1.0, 1.0)
    large = StepEvent(2, 10, 0.2, 1.0, 3, 250, 1e-3, 1.0, 2.0)
    found = pace((small, large))
    assert found.loss_nats == 1.5
    assert found.tokens_per_second == 100.0
    assert found.seconds_left == 8 * 1.5


def test_pace_is_nan_not_zero_when_nothing_was_measured() -> None:
    found = pace((step(1, seconds=0.0),))
    assert math.isnan(found.tokens_per_second)
    assert "tokens/s" not in step_line((step(1, seconds=0.0),))


def test_plain_lines_come_every_five_seconds_when_steps_fly() -> None:
    events: list[Event] = [step(i) for i in range(1, 9)]
    lines = printed(events, times=[0, 1, 4.9, 5, 6, 9.9, 10, 11])
    assert [line.split()[1] for line in lines] == ["4/10", "7/10"]
    assert lines[0] == "  step 4/10  epoch 0.8  mean loss 1.000  50 tokens/s  12 s left"


def test_last_step_is_always_said_when_training_is_short() -> None:
    lines = printed([step(1, n_steps=2), step(2, n_steps=2)])
    assert lines == ["  step 2/2  epoch 0.4  mean loss 1.000  50 tokens/s"]


def test_rate_forgets_old_steps_when_many_have_passed() -> None:
    slow: list[Event] = [step(i, n_steps=200, seconds=100.0) for i in range(1, 100)]
    fast: list[Event] = [step(i, n_steps=200, seconds=1.0) for i in range(100, 100 + PACE_STEPS)]
    final = step(200, n_steps=200, seconds=1.0)
    assert "100 tokens/s" in printed([*slow, *fast, final])[-1]


def test_progress_is_silent_when_the_work_is_short_and_spoken_when_it_is_long() -> None:
    events: list[Event] = [ProgressEvent("writing answers", i, 1200, "rows", "12 rows/s") for i in (1, 600, 1200)]
    assert printed(events, times=[0, 1, 2]) == []
    assert printed(events, times=[0, 6, 8]) == ["  writing answers: 600/1,200 rows  12 rows/s"]
    other = ProgressEvent("reading", 5, 10, "rows")
    assert printed([events[0], other], times=[0, 60]) == [], "other work is counted anew"


def test_each_stage_has_one_line_and_its_notes_below_when_it_runs() -> None:
    lines = printed(
        [
            StageEvent("prepare", "started"),
            NoteEvent("120 rows"),
            NoteEvent("5 rows repeat", level="warning"),
            StageEvent("prepare", "done"),
            StageEvent("train", "refused", "too large"),
        ]
    )
    assert lines == [
        "prepare   reading, cleaning and splitting the data",
        "  120 rows",
        "  warning: 5 rows repeat",
        "train     refused: too large",
    ]


def test_skipped_stages_are_said_only_when_something_runs_after_them() -> None:
    skipped: list[Event] = [StageEvent(name, "skipped", "finished before") for name in ("prepare", "select")]
    assert printed(skipped) == []
    assert printed([*skipped, StageEvent("train", "started")]) == [
        "prepare   finished before",
        "select    finished before",
        "train     changing its weights",
    ]


def test_only_warnings_are_left_when_quiet() -> None:
    events: list[Event] = [StageEvent("train", "started"), NoteEvent("a"), NoteEvent("b", level="warning"), step(10)]
    assert printed(events, is_quiet=True) == ["warning: b"]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (
            PreviewEvent("tfidf", "accuracy", 0.742, (0.65, 0.82), 1080, 0.3),
            "  Keyword model reaches .742 [.650, .820] accuracy on 1,080 test rows – that is the number to beat",
        ),
        (
            PreviewEvent("tfidf", "accuracy", math.nan, (math.nan, math.nan), 0, 0.3),
            "  Keyword model reaches – accuracy on 0 test rows – that is the number to beat",
        ),
        (
            ValidationEvent(50, 0.412, 90, 0.9, True),
            "  validation after step 50: loss .412, accuracy .900, the best so far",
        ),
        (ValidationEvent(50, 1.5, 90, math.nan, False), "  validation after step 50: loss 1.500"),
        (step(1), ""),
    ],
)
def test_sentence_says_what_is_known_when_asked(event: Event, text: str) -> None:
    assert sentence(event) == text


def test_bar_moves_and_sentences_stay_when_somebody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    stream = Terminal()
    console = Console(io.StringIO(), stream, io.StringIO(), wants_json=False, is_quiet=False)
    with event_printer(console) as tell:
        tell(StageEvent("prepare", "skipped", "finished before"))
        tell(StageEvent("train", "started"))
        tell(NoteEvent("[bold]not markup[/bold]"))
        tell(step(1))
        tell(ProgressEvent("writing answers", 1, 4, "rows"))
        tell(StageEvent("train", "done"))
    text = stream.getvalue()
    for words in ("finished before", "changing its weights", "[bold]not markup[/bold]", "1/10", "1/4 rows"):
        assert words in text
