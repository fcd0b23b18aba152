"""Events as people see them while a run works.

In: events. Out: on a terminal a bar with rate and time left; elsewhere one plain line every few seconds.
Its own file because the stages tell events and know nobody who listens.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tunewright.cli.console import Console, is_terminal
from tunewright.cli.words import duration, interval, number
from tunewright.core.events import (
    Event,
    NoteEvent,
    PreviewEvent,
    ProgressEvent,
    StageEvent,
    StepEvent,
    Tracker,
    ValidationEvent,
)
from tunewright.report.words import metric_name, system_name

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PLAIN_SECONDS = 5.0
"""Without a terminal: a line at most this often. Source: DESIGN 7, "every few seconds"."""
PACE_STEPS = 20
"""Steps that the rate is taken over: long enough to be steady, short enough to notice a busier machine."""

STAGE_WORDS = {
    "prepare": "reading, cleaning and splitting the data",
    "select": "choosing the model",
    "train": "changing its weights",
    "evaluate": "every system answers the same test rows",
    "explain": "which words carried the answers",
    "report": "writing the page",
}

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast training goes."""

    loss_nats: float
    tokens_per_second: float
    seconds_left: float


def pace(recent: Sequence[StepEvent]) -> Pace:
    """Means over the given steps; the last one says how many are left."""
    seconds = sum(step.seconds for step in recent)
    targets = sum(step.n_targets for step in recent)
    return Pace(
        loss_nats=sum(step.loss_nats * step.n_targets for step in recent) / targets if targets else math.nan,
        tokens_per_second=sum(step.n_tokens for step in recent) / seconds if seconds else math.nan,
        seconds_left=(recent[-1].n_steps - recent[-1].step) * seconds / len(recent),
    )


@contextmanager
def event_printer(console: Console, *, clock: Clock = time.monotonic) -> Iterator[Tracker]:
    """A tracker that prints, as the console's stream and --quiet ask."""
    if console.is_quiet:
        yield _warnings_only(console)
    elif is_terminal(console.progress):
        with _live(console) as tracker:
            yield tracker
    else:
        yield _Plain(console, clock).tell


def sentence(event: Event) -> str:
    """One line for what happened; empty for what only a bar shows.

    >>> sentence(PreviewEvent("tfidf", "accuracy", 0.742, (0.65, 0.82), 108, 0.3))
    '  Keyword model reaches .742 [.650, .820] accuracy on 108 test rows – that is the number to beat'
    """
    if isinstance(event, StageEvent):
        return _stage_sentence(event)
    if isinstance(event, NoteEvent):
        return f"  {'warning: ' if event.level == 'warning' else ''}{event.text}"
    if isinstance(event, ValidationEvent):
        score = f", accuracy {number(event.score)}" if math.isfinite(event.score) else ""
        best = ", the best so far" if event.is_best else ""
        return f"  validation after step {event.step}: loss {number(event.loss_nats)}{score}{best}"
    if isinstance(event, PreviewEvent):
        reached = " ".join(word for word in (number(event.value), interval(event.ci95)) if word)
        metric = metric_name(event.metric).lower()
        name = system_name(event.system)
        return f"  {name} reaches {reached} {metric} on {event.n:,} test rows – that is the number to beat"
    return ""


def step_line(recent: Sequence[StepEvent]) -> str:
    """step 120/340  epoch 1.4  mean loss .412  1,520 tokens/s  2 min left"""
    return f"step {recent[-1].step}/{recent[-1].n_steps}  {_step_details(recent)}"


def _step_details(recent: Sequence[StepEvent]) -> str:
    """Epoch, loss, rate, time left; the last two only while they are known and there is something left."""
    last, found = recent[-1], pace(recent)
    rate = f"{found.tokens_per_second:,.0f} tokens/s" if math.isfinite(found.tokens_per_second) else ""
    left = f"{duration(found.seconds_left)} left" if found.seconds_left > 0 else ""
    words = (f"epoch {last.epoch:.1f}", f"mean loss {number(found.loss_nats)}", rate, left)
    return "  ".join(word for word in words if word)


def _progress_details(event: ProgressEvent) -> str:
    """4,096/200,000 rows  512 rows/s  6 min 22 s left"""
    left = f"{duration(event.seconds_left)} left" if event.seconds_left > 0 else ""
    words = (f"{event.done:,}/{event.total:,} {event.unit}", event.now, event.rate, left)
    return "  ".join(word for word in words if word)


def _stage_sentence(event: StageEvent) -> str:
    if event.status == "started":
        return f"{event.stage:<10}{STAGE_WORDS.get(event.stage, '')}".rstrip()
    if event.status in ("skipped", "refused", "failed"):
        return f"{event.stage:<10}{event.detail if event.status == 'skipped' else f'{event.status}: {event.detail}'}"
    return ""


def _warnings_only(console: Console) -> Tracker:
    def tell(event: Event) -> None:
        if isinstance(event, NoteEvent) and event.level == "warning":
            console.warn(sentence(event).strip())

    return tell


@dataclass(slots=True)
class _Held:
    """Stages skipped so far: said only when something is done after them, else there is "nothing to do"."""

    lines: list[str] = field(default_factory=list)

    def released(self, event: Event) -> list[str]:
        if isinstance(event, StageEvent) and event.status == "skipped":
            self.lines.append(sentence(event))
            return []
        released, self.lines = self.lines, []
        return released


@dataclass(slots=True)
class _Plain:
    """Lines without a terminal. Not frozen: it remembers when it last spoke."""

    console: Console
    clock: Clock
    spoken: float = -math.inf
    what: str = ""
    steps: deque[StepEvent] = field(default_factory=lambda: deque(maxlen=PACE_STEPS))
    held: _Held = field(default_factory=_Held)

    def tell(self, event: Event) -> None:
        for line in self.held.released(event):
            self.console.note(line)
        if isinstance(event, StepEvent):
            self._step(event)
        elif isinstance(event, ProgressEvent):
            self._progress(event)
        elif not self.held.lines and (line := sentence(event)):
            self.console.note(line)

    def _step(self, event: StepEvent) -> None:
        self.steps.append(event)
        if self._is_time("training") or event.step == event.n_steps:
            self.console.note(f"  {step_line(tuple(self.steps))}")

    def _progress(self, event: ProgressEvent) -> None:
        if self._is_time(event.what):
            self.console.note(f"  {event.what}: {_progress_details(event)}")

    def _is_time(self, what: str) -> bool:
        """Every few seconds, counted anew for other work."""
        now = self.clock()
        if what != self.what:
            self.what, self.spoken = what, now
            return False
        if now - self.spoken < PLAIN_SECONDS:
            return False
        self.spoken = now
        return True


@contextmanager
def _live(console: Console) -> Iterator[Tracker]:
    from rich.console import Console as Terminal  # 64 ms that other verbs need not pay
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    terminal = Terminal(file=console.progress, highlight=False)
    columns = (
        TextColumn("  "),
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TextColumn("{task.fields[details]}"),
    )
    bars = Progress(*columns, console=terminal, transient=True)
    bars.start()
    live = _Live(bars)

    def tell(event: Event) -> None:
        with suppress(OSError):  # the window was closed: the work goes on, or its checkpoint is saved
            live.tell(event)

    try:
        yield tell
    finally:
        with suppress(OSError):
            bars.stop()


@dataclass(slots=True)
class _Live:
    """A terminal: sentences stay, one bar moves below them. Not frozen: the bar is state."""

    bars: Progress
    task: TaskID | None = None
    what: str = ""
    steps: deque[StepEvent] = field(default_factory=lambda: deque(maxlen=PACE_STEPS))
    held: _Held = field(default_factory=_Held)

    def tell(self, event: Event) -> None:
        for line in self.held.released(event):
            self._say(line)
        if isinstance(event, StepEvent):
            self.steps.append(event)
            details = f"{event.step}/{event.n_steps}  {_step_details(tuple(self.steps))}"
            self._bar("training", done=event.step, total=event.n_steps, details=details)
        elif isinstance(event, ProgressEvent):
            self._bar(event.what, done=event.done, total=event.total, details=_progress_details(event))
            if event.done >= event.total:
                self._clear()
        elif not self.held.lines:
            self._sentence(event)

    def _sentence(self, event: Event) -> None:
        if line := sentence(event):
            self._say(line, style=_style(event))
        if isinstance(event, StageEvent):
            self._clear()
            if event.status == "started":
                self._bar(event.stage, done=0, total=None, details="")

    def _say(self, line: str, *, style: str = "") -> None:
        from rich.text import Text  # loaded already by _live

        self.bars.console.print(Text(line, style=style))

    def _bar(self, what: str, *, done: int, total: int | None, details: str) -> None:
        if what != self.what or self.task is None:
            self._clear()
            self.what, self.task = what, self.bars.add_task(what, total=total, details=details)
        self.bars.update(self.task, completed=done, total=total, details=details)

    def _clear(self) -> None:
        if self.task is not None:
            self.bars.remove_task(self.task)
        self.task, self.what = None, ""


def _style(event: Event) -> str:
    if isinstance(event, StageEvent):
        return "bold red" if event.status in ("refused", "failed") else "bold"
    if isinstance(event, PreviewEvent):
        return "cyan"
    return "yellow" if isinstance(event, NoteEvent) and event.level == "warning" else ""
