"""A fault: what a user did, and what must come of it. Three kinds: refused, survived, and played out by hand.

In: nothing. Out: Refused, Survived, Played, Record and the Scene they happen in. Its own file because the tables of
faults and the code that lets them happen both read these values.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

COMMAND = Path(sys.executable).parent / "tunewright"
"""The installed command."""
QUICK = "model=model run.threads=1 train.max_steps=4 train.batch_size=8 'evaluate.systems=[tuned, majority]'"
"""What makes a whole run take seconds; the table leaves it out."""
LIMIT_SECONDS = 120
"""No fault may take longer to be told, on a machine that does other work as well."""


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

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def command(self, line: str) -> list[str]:
        return [str(COMMAND), *shlex.split(line)]

    def environment(self) -> dict[str, str]:
        """Nobody's settings but ours; one thread, because tiny models gain nothing from a second one."""
        quiet = {"OMP_NUM_THREADS": "1", "HF_HOME": str(self.folder.parent / "hf"), "COLUMNS": "80"}
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TUNEWRIGHT_"))}
        return {**kept, **quiet, **self.env}

    def typed(self, line: str, *, limit_seconds: float = LIMIT_SECONDS) -> Told:
        """The command typed in the folder, to its end."""
        done = subprocess.run(
            self.command(line),
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=limit_seconds,
        )
        return Told(done.returncode, done.stdout, done.stderr)


def nothing(scene: Scene) -> None:
    """Nothing to arrange."""


Arrange = Callable[[Scene], None]
Content = str | bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """The command says what is wrong and ends with an exit code; nothing of the user's is touched."""

    name: str
    done: str
    """What the user did, as the table says it."""
    typed: str
    """The words after `tunewright`."""
    exit_code: int
    words: tuple[str, ...]
    """Stand in the message."""
    files: Mapping[str, Content] = field(default_factory=dict)
    """What the folder holds."""
    arrange: Arrange = nothing
    """What else is done before, after the files are written."""
    env: Mapping[str, str] = field(default_factory=dict)
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
    limit_seconds: float = LIMIT_SECONDS


@dataclass(frozen=True, slots=True)
class Played:
    """A fault in several acts, each asserted where it happens."""

    name: str
    done: str
    play: Callable[[Scene], Record]


Fault = Refused | Survived | Played


@dataclass(frozen=True, slots=True)
class Record:
    """What happened: one line of the table."""

    typed: str
    exit_code: int
    message: str
    kept: str
