"""Runs that are stopped: by a key, by a closed window, by the system, by kill -9; each goes on to the same result."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.faults.fault import Played, Record, Scene
from tests.faults.happen import assert_no_traceback, assert_nothing_half, error_message, users_files
from tests.faults.terminal import CTRL_C, OnTerminal, on_terminal, wait_until
from tests.faults.undisturbed import (
    N_STEPS,
    RUN,
    TYPED,
    arrange,
    assert_as_undisturbed,
    n_started,
    stages,
    steps_done,
    undisturbed,
)
from tunewright.core.files import file_digest, is_whole_safetensors
from tunewright.pipeline import FILES_OF, STAGES

GOES_ON = "the state at that step; the same command went on from it"
SAME = "everything: the same command ended digit for digit as an undisturbed run"


def play_stops(scene: Scene) -> Mapping[str, Record]:
    """One training stopped four times at later and later steps, then ended beside a second command."""
    arrange(scene)
    before, run, records = users_files(scene.folder), scene.folder / RUN, {}
    with _training(scene, at_step=20) as running:
        running.press(CTRL_C)
        records["ctrl-c"] = _stopped(running, run)
    with _training(scene, at_step=60) as running:
        running.press(CTRL_C)
        running.press(CTRL_C)
        records["ctrl-c-twice"] = _stopped(running, run)
    with _training(scene, at_step=100) as running:
        running.close_window()
        assert running.ended() == 130
        records["terminal-closed"] = _saved(run, message="nothing: nobody would see it")
    with _training(scene, at_step=140, columns=20, rows=5) as running:
        running.process.send_signal(signal.SIGTERM)
        records["terminated"] = _stopped(running, run)
    records |= _two_at_once(scene, run)
    assert users_files(scene.folder) == before
    assert_nothing_half(scene.folder)
    return records


def _training(scene: Scene, *, at_step: int, columns: int = 80, rows: int = 24) -> _AtStep:
    return _AtStep(scene, at_step, columns, rows)


class _AtStep:
    """A run on a terminal, from the moment when its log has that many steps."""

    def __init__(self, scene: Scene, at_step: int, columns: int, rows: int) -> None:
        self.terminal = on_terminal(scene, TYPED, columns=columns, rows=rows)
        self.run, self.at_step = scene.folder / RUN, at_step

    def __enter__(self) -> OnTerminal:
        running = self.terminal.__enter__()
        wait_until(lambda: steps_done(self.run) >= self.at_step, what=f"step {self.at_step}")
        return running

    def __exit__(self, *error: object) -> None:
        self.terminal.__exit__(None, None, None)


def _stopped(running: OnTerminal, run: Path) -> Record:
    """It ended with words on the screen and the state saved."""
    assert running.ended() == 130, running.screen()
    screen = running.screen()
    assert "Traceback" not in screen, screen
    message = screen[screen.rindex("stopped;") :].rstrip()
    assert message.splitlines()[1].strip() == f"tunewright {TYPED}"
    return _saved(run, message=message)


def _saved(run: Path, *, message: str) -> Record:
    """Stopped in the middle of training, with a checkpoint of the last step or the one before it."""
    assert stages(run)["train"] == "interrupted"
    assert 0 < steps_done(run) < N_STEPS, "it should have been stopped in the middle"
    assert_whole(run)
    return Record(TYPED, 130, message, kept=GOES_ON)


def _two_at_once(scene: Scene, run: Path) -> dict[str, Record]:
    """A second command while the first works: told at once, and the first is not disturbed."""
    with subprocess.Popen(
        scene.command(TYPED),
        cwd=scene.folder,
        env=scene.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as first:
        n_before = n_started(run, "train")
        wait_until(lambda: n_started(run, "train") > n_before, what="the first works")
        second = scene.typed_warm(TYPED)
        assert first.poll() is None, "the first ended before the second was told"
        words = ("another tunewright works in this run",)
        message = error_message(second, exit_code=9, words=words, folder=scene.folder)
        stdout, stderr = first.communicate()
    assert first.returncode == 0, stderr
    assert "\x1b" not in stdout + stderr, "colours without a terminal"
    assert "training goes on after step" in stderr
    assert_as_undisturbed(scene, run)
    plain_line = next(line.strip() for line in stderr.splitlines() if "training goes on after step" in line)
    n_done = plain_line.split()[5]
    return {
        "two-at-once": Record(TYPED, 9, message, kept="the first run, which ended undisturbed"),
        "no-terminal": Record(TYPED, 0, plain_line.replace(n_done, "N"), kept=SAME),
    }


def play_kills(scene: Scene, *, moments: Sequence[str], first: str) -> Mapping[str, Record]:
    """kill -9 at a random moment of each of these stages, in this order; then the command once more.

    first: what is done undisturbed before; empty for nothing.
    """
    arrange(scene)
    seconds, before, run = undisturbed(scene).seconds, users_files(scene.folder), scene.folder / RUN
    chance = random.Random(f"{moments}")
    if first:
        told = scene.typed_warm(f"{first} plan.yaml")
        assert told.exit_code == 0, told.stderr
    for stage in moments:
        _killed(scene, run, stage=stage, share=chance.random(), seconds=seconds)
        assert_whole(run)
    told = scene.typed_warm(TYPED)
    assert told.exit_code == 0, told.stderr
    assert_no_traceback(told)
    assert set(stages(run).values()) == {"done"}
    assert_as_undisturbed(scene, run)
    assert users_files(scene.folder) == before
    assert_nothing_half(scene.folder)
    name = f"killed-{moments[0]}"
    return {name: Record(TYPED, 0, "nothing; the next start goes on by itself", kept=SAME)}


def _killed(scene: Scene, run: Path, *, stage: str, share: float, seconds: Mapping[str, float]) -> None:
    """Killed after that share of the time that the stage took undisturbed, or as soon as the next one starts on a less
    busy machine. Where the stage was finished by then, the first that is left is killed instead."""
    left = STAGES[STAGES.index(stage) :]
    before = {name: n_started(run, name) for name in left}

    def started() -> list[str]:
        return [name for name in left if n_started(run, name) > before[name]]

    with scene.started_warm(TYPED) as process:
        wait_until(lambda: process.has_ended() or bool(started()), what=f"{stage} starts")
        first = next(iter(started()), STAGES[-1])
        latest = 0.8 if first != STAGES[-1] else 0.3  # nothing follows it
        _wait(lambda: process.has_ended() or len(started()) > 1, seconds=share * latest * seconds[first])
        process.kill()
        done = process.ended()
        assert done.returncode == -signal.SIGKILL, f"it ended before it was killed while {stage}: {done.stderr}"


def _wait(is_there: Callable[[], bool], *, seconds: float) -> None:
    """So long at most."""
    with suppress(AssertionError):
        wait_until(is_there, what="the moment", limit_seconds=seconds)


def assert_whole(run: Path) -> None:
    """What bears a final name is complete, whatever happened."""
    for path in run.glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    for stage, names in FILES_OF.items():
        if stage != "train" and (run / stage).exists():
            assert not [name for name in names if not (run / stage / name).exists()], f"half of {stage}"
    for path in run.glob("[te]*/[am]*/*.safetensors"):
        assert is_whole_safetensors(path), path
    for path in run.glob("train/checkpoints/step-*"):
        facts = json.loads((path / "state.json").read_text(encoding="utf-8"))
        assert facts["digest"] == file_digest(path / "state.safetensors")


EARLY = (*("prepare",) * 4, "select", *("train",) * 6)
LATE = (*("evaluate",) * 3, *("explain",) * 3, *("export",) * 2, "report")

FAULTS = (
    Played(
        {
            "ctrl-c": "Ctrl-C while training",
            "ctrl-c-twice": "Ctrl-C twice",
            "terminal-closed": "the terminal closed while training",
            "terminated": "the process ended by the system (SIGTERM), on a terminal of 20 columns and 5 lines",
            "two-at-once": "a second run of the same name meanwhile",
            "no-terminal": "no terminal: plain lines, no colours",
        },
        play_stops,
    ),
    Played(
        {"killed-prepare": f"kill -9 at {len(EARLY)} random moments while preparing, selecting, training"},
        partial(play_kills, moments=EARLY, first=""),
    ),
    Played(
        {"killed-evaluate": f"kill -9 at {len(LATE)} random moments of all later stages"},
        partial(play_kills, moments=LATE, first="train"),
    ),
)
