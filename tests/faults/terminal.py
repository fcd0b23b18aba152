"""A command on a terminal of its own, as a person has one: with a size, a Ctrl-C key and a window that can be closed.

In: a Scene and what is typed. Out: OnTerminal. Its own file because pseudo-terminals are the same for every fault.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from tests.faults.fault import LIMIT_SECONDS, Scene

CTRL_C = b"\x03"


@dataclass(frozen=True, slots=True)
class OnTerminal:
    """A running command and the person's side of its terminal."""

    process: subprocess.Popen[bytes]
    ours: io.FileIO
    """The person's side. A file, not its number: closed twice, a number would close whatever has it by then."""
    seen: bytearray = field(default_factory=bytearray)
    """Everything that was shown."""

    def press(self, key: bytes) -> None:
        self.ours.write(key)

    def close_window(self) -> None:
        self.ours.close()

    def ended(self, *, limit_seconds: float = LIMIT_SECONDS) -> int:
        """The exit code; negative: killed by that signal."""
        return self.process.wait(timeout=limit_seconds)

    def screen(self) -> str:
        return self.seen.decode("utf-8", errors="replace").replace("\r\n", "\n")


@contextmanager
def on_terminal(scene: Scene, line: str, *, columns: int = 80, rows: int = 24) -> Iterator[OnTerminal]:
    """The command, started on a terminal that is read to its end."""
    number, theirs = pty.openpty()
    ours = io.FileIO(number, "r+")
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = {**scene.environment(), "TERM": "xterm-256color"}
    environment.pop("COLUMNS")
    process = subprocess.Popen(
        scene.command(line), cwd=scene.folder, env=environment, preexec_fn=lambda: os.login_tty(theirs)
    )
    os.close(theirs)
    running = OnTerminal(process, ours)
    reader = threading.Thread(target=_read, args=(running,), daemon=True)
    reader.start()
    try:
        yield running
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join(timeout=5)
        with suppress(OSError):
            ours.close()


def wait_until(is_there: Callable[[], bool], *, what: str, limit_seconds: float = LIMIT_SECONDS) -> None:
    """Look every few milliseconds."""
    deadline = time.monotonic() + limit_seconds
    while not is_there():
        assert time.monotonic() < deadline, f"{what}: not within {limit_seconds} s"
        time.sleep(0.005)


def _read(running: OnTerminal) -> None:
    with suppress(OSError, ValueError):  # EIO: the other side is gone; closed: ours is
        while part := running.ours.read(65536):
            running.seen.extend(part)
