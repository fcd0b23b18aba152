"""A request's places in the queue, seen from the event loop.

In: what is wanted. Out: the events of it, one after the other. Its own file because two threads meet here, and because
a client that has left must free its places.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from tunewright.serve.http.failures import Refused, refused_of
from tunewright.serve.queue.wanted import Answers, Ended, Event, Failed, Piece, Question, System, Ticket, Wanted
from tunewright.serve.queue.worker import Worker

Found = TypeVar("Found")


class Line:
    """Made and used in the event loop."""

    def __init__(self, wanted: Sequence[Wanted | Question], system: System, *, until: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.events: asyncio.Queue[tuple[int, Event]] = asyncio.Queue()
        self.tickets = [Ticket(system, one, partial(self._told, i), until) for i, one in enumerate(wanted)]

    def submit(self, worker: Worker) -> None:
        """Raises Busy, Stopping."""
        worker.submit(self.tickets)

    def leave(self) -> None:
        """Nobody listens any more."""
        for ticket in self.tickets:
            ticket.leave()

    async def next(self) -> tuple[int, Piece | Ended | Answers]:
        """Which of them, and what.

        Raises Refused when one of them failed.
        """
        index, event = await self.events.get()
        if isinstance(event, Failed):
            raise refused_of(event.error) from event.error
        return index, event

    def _told(self, index: int, event: Event) -> None:
        with suppress(RuntimeError):  # the event loop has ended: nobody listens
            self.loop.call_soon_threadsafe(self.events.put_nowait, (index, event))


async def while_there(request: Any, answer: Awaitable[Found]) -> Found:
    """The answer, unless the client leaves before it.

    Raises Refused when it leaves.
    """
    working, leaving = asyncio.ensure_future(answer), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Refused(499, "the client has left", code="client_left")
        return await working
    finally:
        working.cancel()
        leaving.cancel()


async def _left(request: Any) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue
