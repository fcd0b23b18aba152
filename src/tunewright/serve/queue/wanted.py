"""What waits in the queue, and what is told to those who wait.

In: nothing. Out: Wanted, Ticket and the events of an answer. Its own file because the thread that writes and the
server that asks share nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tunewright.core.errors import TunewrightError

System = Literal["tuned", "base"]
"""Who answers: the model that the run trained, or the same before tuning."""
Reason = Literal["stop", "length"]
"""Why an answer ended: the model (or a stop text) ended it; a limit of tokens or time did."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is chosen."""

    temperature: float = 0.0
    """0: the likeliest, as evaluation measured it."""
    top_p: float = 1.0
    """Only the likeliest tokens that together reach this probability."""
    seed: int | None = None
    """The same seed, the same draw; None: another one each time."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An answer to write."""

    prompt: tuple[int, ...]
    max_new_tokens: int
    sampling: Sampling = Sampling()
    stop: tuple[str, ...] = ()
    """Texts that end the answer; they are not part of it."""
    is_trimmed: bool = True
    """Without blanks around it: an answer in a conversation. False: how a text goes on, blanks and all."""
    is_streamed: bool = False
    """Told while it is written; False: in one piece."""


@dataclass(frozen=True, slots=True)
class Question:
    """Things that are answered together with those of others: texts to label, texts to embed."""

    kind: str
    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Some more of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer is whole."""

    reason: Reason
    n_tokens: int
    """Written, the end token included."""


@dataclass(frozen=True, slots=True)
class Answers:
    """To a Question, one for each item."""

    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """There is no answer, or no more of it."""

    error: Exception


Event = Piece | Ended | Answers | Failed
Tell = Callable[[Event], None]


@dataclass(slots=True, eq=False)  # it is changed by who waits: nobody listens any more
class Ticket:
    """One place in the queue."""

    system: System
    wanted: Wanted | Question
    tell: Tell
    """Called from the thread that writes."""
    until: float = math.inf
    """On the monotonic clock: what is not begun by then fails, what is begun ends."""
    is_left: bool = False
    """Nobody listens any more."""

    def leave(self) -> None:
        self.is_left = True


class Busy(TunewrightError):
    """The queue is full."""

    def __init__(self, n_waiting: int) -> None:
        super().__init__(f"{n_waiting} requests wait already", where="queue", fix="ask again in a few seconds")


class TooLate(TunewrightError):
    """It waited longer than a request may take."""

    def __init__(self) -> None:
        super().__init__("its time was over before it was begun", where="queue", fix="ask again later")


class Stopping(TunewrightError):
    """The server ends."""

    def __init__(self) -> None:
        super().__init__("the server stops", where="queue", fix="ask again when it is back")
