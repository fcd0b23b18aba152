"""A fault: what a user did, and what must come of it. Three kinds: refused, survived, and played out in acts.

In: nothing. Out: Refused, Survived, Played, Record and the Scene they happen in. Its own file because the tables of
faults and the code that lets them happen both read these values.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.warm import Warm, run_warm, started_warm

COMMAND = Path(sys.executable).parent / "tunewright"
"""The installed command."""
QUICK = {
    "encoder": "model=model run.threads=1 train.max_steps=4 train.batch_size=8 'evaluate.systems=[tuned, majority]'"
    " 'explain.methods=[]'",
    "decoder": "model=model run.threads=1 train.max_steps=2 train.batch_size=8 evaluate.max_new_tokens=4"
    " evaluate.limit=2 'evaluate.systems=[tuned]' 'explain.methods=[]'",
}
"""What makes a whole run take seconds; the page leaves it out."""
_KEPT = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TUNEWRIGHT_"))}
"""Of our environment, read once: pytest changes it at each test, while faults happen in threads."""
LIMIT_SECONDS = 600
"""When a command counts as hanging. Not a measure of speed: on a core that does other work a training that is stopped
at its 140th step has been seen to take 240 s to get there."""

Content = str | bytes
Architecture = Literal["encoder", "decoder"]


@dataclass(frozen=True, slots=True)
class Told:
    """What a command left behind on its streams."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A user's folder; commands start in it."""

    folder: Path
    encoder: Path
    """Folder of a tiny encoder. Read only."""
    decoder: Path
    """Folder of a tiny chat model. Read only."""
    env: Mapping[str, str] = field(default_factory=dict)

    def write(self, name: str, content: Content) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def copy_model(self, architecture: Architecture) -> None:
        """The user's own copy, below `model`."""
        shutil.copytree(self.encoder if architecture == "encoder" else self.decoder, self.folder / "model")

    def command(self, line: str) -> list[str]:
        return [str(COMMAND), *shlex.split(line)]

    def environment(self) -> dict[str, str]:
        """Nobody's settings but ours; one thread, because tiny models gain nothing from a second one."""
        ours = {"OMP_NUM_THREADS": "1", "HF_HOME": str(self.folder.parent / "hf"), "COLUMNS": "80"}
        return {**_KEPT, **ours, **self.env}

    def typed(self, line: str, *, limit_seconds: float = LIMIT_SECONDS, before: tuple[str, ...] = ()) -> Told:
        """The command typed in the folder, to its end, without a terminal.

        before: a command that starts ours.
        """
        done = subprocess.run(
            [*before, *self.command(line)],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=limit_seconds,
        )
        return Told(done.returncode, done.stdout, done.stderr)

    def typed_warm(self, line: str, *, limit_seconds: float = LIMIT_SECONDS) -> Told:
        """The same, in a process that has not to load torch."""
        done = run_warm(shlex.split(line), cwd=self.folder, env=self.environment(), limit_seconds=limit_seconds)
        return Told(done.returncode, done.stdout, done.stderr)

    def started_warm(self, line: str) -> AbstractContextManager[Warm]:
        """The same while it works."""
        words = shlex.split(line)
        return started_warm(words, cwd=self.folder, env=self.environment(), limit_seconds=LIMIT_SECONDS)


@dataclass(frozen=True, slots=True)
class Record:
    """What happened: one line of the page."""

    typed: str
    exit_code: int
    message: str
    kept: str


def nothing(scene: Scene) -> None:
    """Nothing to arrange."""


def nothing_more(run: Path) -> None:
    """Nothing else to assert of the run's folder."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The command says what is wrong and ends with an exit code; nothing of the user's is touched."""

    name: str
    done: str
    """What the user did, as the page says it."""
    typed: str
    """The words after `tunewright`."""
    exit_code: int
    words: tuple[str, ...]
    """Stand in the message."""
    files: Mapping[str, Content] = field(default_factory=dict)
    """What the folder holds."""
    arrange: Callable[[Scene], None] = nothing
    """What else is done before, after the files are written."""
    env: Mapping[str, str] = field(default_factory=dict)
    model: Architecture = "encoder"
    limit_seconds: float = LIMIT_SECONDS


@dataclass(frozen=True, slots=True)
class Survived:
    """The run ends well all the same, a finding says what was odd, and every row is accounted for."""

    name: str
    done: str
    files: Mapping[str, Content]
    rows_read: int
    check: str
    """The finding that tells it."""
    words: tuple[str, ...]
    """Stand in the finding."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    repaired: Mapping[str, int] = field(default_factory=dict)
    typed: str = "run rows.csv"
    arrange: Callable[[Scene], None] = nothing
    model: Architecture = "encoder"
    also: Callable[[Path], None] = nothing_more
    """What else holds of the run's folder."""


@dataclass(frozen=True, slots=True)
class Played:
    """Faults that happen to one run, one after the other, each asserted where it happens."""

    acts: Mapping[str, str]
    """Name of each and what the user did."""
    play: Callable[[Scene], Mapping[str, Record]]


Fault = Refused | Survived | Played


def acts_of(fault: Fault) -> Mapping[str, str]:
    """Name and what was done, for each line that the fault has in the page."""
    return fault.acts if isinstance(fault, Played) else {fault.name: fault.done}
