"""Ctrl-C, a closed terminal and SIGTERM ask to stop: what runs is saved, then the run ends.

In: a block of work. Out: a function that says whether somebody asked, or KeyboardInterrupt. Its own file because
signal handlers are global and must be put back.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_ASK = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""A terminal that is closed sends SIGHUP; Windows has none."""

Handler = Callable[[int, FrameType | None], None]


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """SIGTERM and a closed terminal raise KeyboardInterrupt as Ctrl-C does."""
    with _handled(signal.default_int_handler):
        yield


def ignore_signals() -> None:
    """From here on nothing hurries the end: for a process that has stopped and says so."""
    for number in _ASK:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def stop_request() -> Iterator[Callable[[], bool]]:
    """The first signal is remembered, a second Ctrl-C interrupts at once.

    A second SIGHUP does not: a terminal that is closed sends one, and its shell another.
    Outside the main thread, where handlers cannot be set, nobody can ask.
    """
    asked = threading.Event()

    def remember(number: int, _frame: FrameType | None) -> None:
        if asked.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        asked.set()

    with _handled(remember):
        yield asked.is_set


@contextmanager
def _handled(handler: Handler) -> Iterator[None]:
    """The handler for every signal that nobody has switched off: nohup and background jobs do."""
    is_main = threading.current_thread() is threading.main_thread()
    wanted = [number for number in _ASK if is_main and signal.getsignal(number) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, handler) for number in wanted}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
