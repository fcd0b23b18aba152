"""Telling trackers what happens, so that none of them can slow, stop or spoil a training.

In: the plan's tools and the events of a training. Out: one Tracker to tell. Its own file because this is a promise:
each tool has its own thread and its own queue; what it raises is said once, as a warning, and it is left out from there
on. How many lines of steps.jsonl a tool has taken is kept beside its data: a training that goes on after a stop tells
it the rest, and nothing twice.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from tunewright.core.events import Event, NoteEvent, StepEvent, Tracker, ValidationEvent, tee
from tunewright.core.files import write_json
from tunewright.core.plan import Plan
from tunewright.train.trackers.table import tools_of
from tunewright.train.trackers.tracking import Tool, Tracked, numbers_of, parameters_of

FOLDER = "trackers"
"""Inside the train stage's."""
OPEN_SECONDS = 20.0
"""The first step waits so long, so that where the data lies is said first; a tool that takes longer opens meanwhile."""
CLOSE_SECONDS = 60.0
"""The end waits so long for what a slow network has not taken yet."""

_Told = StepEvent | ValidationEvent


@contextmanager
def listening(plan: Plan, *, work: Path, log: Path, tell: Tracker) -> Iterator[Tracker]:
    """`tell`, and beside it every tool that the plan names.

    log: steps.jsonl as it stands before the first new event; every event told from here on is one more line of it.
    """
    before = _events(log)
    with ExitStack() as stack:
        tools = [
            stack.enter_context(_one(word, tool, _tracked(plan, work / FOLDER / word), before, tell=tell))
            for word, tool in tools_of(plan).items()
        ]
        yield tee(tell, *tools)


def _tracked(plan: Plan, folder: Path) -> Tracked:
    return Tracked(plan.run.name, folder, parameters_of(plan))


@dataclass(slots=True)  # not frozen: two threads change it
class _Desk:
    """What the training's thread and a tool's thread share; the only state here."""

    told: queue.SimpleQueue[_Told | None] = field(default_factory=queue.SimpleQueue)
    """None: the end."""
    said: queue.SimpleQueue[NoteEvent] = field(default_factory=queue.SimpleQueue)
    """Notes of the tool's thread, said by the training's: people's output is not made for two threads."""
    is_open: threading.Event = field(default_factory=threading.Event)
    """Or has failed."""
    is_lost: bool = False
    is_done: bool = False


@contextmanager
def _one(word: str, tool: Tool, tracked: Tracked, before: Sequence[_Told], *, tell: Tracker) -> Iterator[Tracker]:
    desk = _Desk()
    thread = threading.Thread(target=_follow, args=(word, tool, tracked, before, desk), name=word, daemon=True)
    thread.start()
    desk.is_open.wait(OPEN_SECONDS)
    _say(desk, tell)

    def listen(event: Event) -> None:
        if isinstance(event, _Told) and not desk.is_lost:
            desk.told.put(event)
        _say(desk, tell)

    try:
        yield listen
        desk.is_done = True
    finally:
        desk.told.put(None)
        thread.join(CLOSE_SECONDS)
        _say(desk, tell)
        if thread.is_alive():
            tell(NoteEvent(f"{word} has not taken everything in {CLOSE_SECONDS:.0f} s and is left behind", "warning"))


def _say(desk: _Desk, tell: Tracker) -> None:
    while not desk.said.empty():
        tell(desk.said.get())


def _follow(word: str, tool: Tool, tracked: Tracked, before: Sequence[_Told], desk: _Desk) -> None:
    """A tool's whole life, in its own thread."""
    try:
        kept = tracked.folder.with_suffix(".json")
        run_id, n_taken = _taken(kept)
        tracking = tool.open(replace(tracked, run_id=run_id))
        desk.said.put(NoteEvent(f"{word} follows the training: {tracking.place}"))
        desk.is_open.set()
        for n, event in enumerate(_all(before, desk), start=1):
            if n > n_taken:
                tracking.log(numbers_of(event), step=event.step)
                write_json(kept, {"run_id": tracking.run_id, "n_taken": n})
        tracking.close(is_done=desk.is_done)
    except Exception as error:  # whatever another project's code, its disk or its network raises
        desk.is_lost = True
        why = (str(error).strip().splitlines() or [""])[0]
        said = f"{word} failed ({type(error).__name__}: {why}) and is left out from here on"
        desk.said.put(NoteEvent(f"{said}; training goes on, and every step is in train/steps.jsonl", "warning"))
        desk.is_open.set()


def _all(before: Sequence[_Told], desk: _Desk) -> Iterator[_Told]:
    """What was told before this session, then what is told now, until the end."""
    yield from before
    while (event := desk.told.get()) is not None:
        yield event


def _taken(path: Path) -> tuple[str, int]:
    """(what the tool calls this training, lines of steps.jsonl that it has); nothing when it was never opened."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return str(facts["run_id"]), int(facts["n_taken"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", 0


def _events(log: Path) -> tuple[_Told, ...]:
    kinds = {kind.__name__: kind for kind in (StepEvent, ValidationEvent)}
    lines = log.read_text(encoding="utf-8").splitlines() if log.is_file() else []
    return tuple(_event(json.loads(line), kinds) for line in lines)


def _event(record: dict[str, float | str | None], kinds: dict[str, type[_Told]]) -> _Told:
    kind = kinds[str(record["event"])]
    known = {f.name: record[f.name] for f in fields(kind) if f.name in record}
    return kind(**{name: float("nan") if value is None else value for name, value in known.items()})  # type: ignore[arg-type]
