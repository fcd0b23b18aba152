"""The one thread that uses the models: it answers whoever waits, as many at once as fit.

In: tickets from any thread. Out: events to each, from this thread. Its own file because a model can do one thing at a
time, and everything that decides who comes next stands here.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any

import torch

from tunewright.model.load import Loaded
from tunewright.serve.queue.lane import Clock, Lane
from tunewright.serve.queue.wanted import Answers, Busy, Failed, Question, Stopping, System, Ticket, TooLate, Wanted

PROMPT_TOKENS = 2_048
"""Read before those that are written get their next token: new ones join soon, and nobody waits for all of them."""
STEPS = 16
"""Tokens written before the other model, or a question, has its turn."""
ITEMS = 256
"""Of questions answered together."""

Answer = Callable[[System, Sequence[Any]], Sequence[Any]]
"""To a question's items, one each."""


class Worker:
    """Start it, submit to it, stop it."""

    def __init__(
        self,
        open_model: Callable[[System], AbstractContextManager[Loaded]],
        answer: Mapping[str, Answer],
        *,
        queue: int,
        threads: int,
        now: Clock,
    ) -> None:
        """open_model: the model as long as the block lasts. answer: how questions of each kind are answered.
        queue: requests that may wait; those that are written do not count. threads: of torch.
        """
        self.open_model, self.answer, self.queue, self.now = open_model, answer, queue, now
        self.waiting: deque[Ticket] = deque()
        self.lanes: dict[System, Lane] = {}
        self.changed = threading.Condition()
        self.is_stopping = False
        self.thread = threading.Thread(target=self._run, args=(threads,), name="tunewright-writes", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self, *, wait_seconds: float = 10.0) -> None:
        """Nobody is answered any more: those who wait are told so, and so are those who are written."""
        with self.changed:
            self.is_stopping = True
            self.changed.notify()
        self.thread.join(wait_seconds)

    def submit(self, tickets: Sequence[Ticket]) -> None:
        """All of them or none wait now.

        Raises Busy, Stopping.
        """
        with self.changed:
            if self.is_stopping:
                raise Stopping
            self.waiting = deque(ticket for ticket in self.waiting if not ticket.is_left)
            if len(self.waiting) + len(tickets) > self.queue:
                raise Busy(len(self.waiting))
            self.waiting.extend(tickets)
            self.changed.notify()

    @property
    def n_waiting(self) -> int:
        return len(self.waiting)

    @property
    def n_writing(self) -> int:
        return sum(len(lane.writing) for lane in list(self.lanes.values()))

    def _run(self, threads: int) -> None:
        torch.set_num_threads(threads)
        while self._has_work():
            self._answer_questions()
            for system in ("tuned", "base"):
                self._write(system)
        self._end()

    def _has_work(self) -> bool:
        """Waits for something to do; False at the end."""
        with self.changed:
            while not (self.is_stopping or self.waiting or self.n_writing):
                self.changed.wait()
            return not self.is_stopping

    def _end(self) -> None:
        with self.changed:
            left, self.waiting = list(self.waiting), deque()
        for ticket in left:
            ticket.tell(Failed(Stopping()))
        for lane in self.lanes.values():
            lane.fail(Stopping())

    def _taken(self, wants: Callable[[Ticket], bool], *, at_most: int) -> list[Ticket]:
        """The first that are wanted leave the queue; who is too late is told so."""
        now = self.now()
        with self.changed:
            late = [ticket for ticket in self.waiting if ticket.until < now and not ticket.is_left]
            here = [ticket for ticket in self.waiting if not ticket.is_left and ticket.until >= now]
            taken = list(islice(filter(wants, here), at_most))
            self.waiting = deque(ticket for ticket in here if ticket not in taken)
        for ticket in late:
            ticket.tell(Failed(TooLate()))
        return taken

    def _answer_questions(self) -> None:
        """Those of one kind to one model together."""
        groups: dict[tuple[str, System], list[Ticket]] = {}
        for ticket in self._taken(lambda one: isinstance(one.wanted, Question), at_most=ITEMS):
            assert isinstance(ticket.wanted, Question)
            groups.setdefault((ticket.wanted.kind, ticket.system), []).append(ticket)
        for (kind, system), tickets in groups.items():
            while tickets:
                some = _first(tickets)
                tickets = tickets[len(some) :]
                self._answer_together(kind, system, some)

    def _answer_together(self, kind: str, system: System, tickets: Sequence[Ticket]) -> None:
        items = [item for ticket in tickets for item in _items(ticket)]
        try:
            given = iter(self.answer[kind](system, items))
        except Exception as error:  # whatever it is, those who wait must be told, and the next may be answered
            for ticket in tickets:
                ticket.tell(Failed(error))
            return
        for ticket in tickets:
            ticket.tell(Answers(tuple(islice(given, len(_items(ticket))))))

    def _write(self, system: System) -> None:
        """Some tokens of everything that one model writes; new ones join first, and in between."""
        if not (self._is_written(system) or self._next(system)):
            return
        try:
            with self.open_model(system) as loaded:
                if system not in self.lanes:
                    self.lanes[system] = Lane(loaded, now=self.now)
                self._write_some(self.lanes[system], system)
        except Exception as error:  # as above: this model cannot be opened
            for ticket in self._taken(lambda one: _is_to_write(one, system), at_most=self.queue):
                ticket.tell(Failed(error))
            if self._is_written(system):
                self.lanes[system].fail(error)

    def _write_some(self, lane: Lane, system: System) -> None:
        try:
            for _ in range(STEPS):
                self._join(lane, system)
                if not lane.writing or self.is_stopping:
                    break
                lane.write()
        except Exception as error:  # as above: those who are written now have no answer, the next may have one
            lane.fail(error)
        if not lane.writing:
            lane.rest()

    def _is_written(self, system: System) -> bool:
        return system in self.lanes and bool(self.lanes[system].writing)

    def _next(self, system: System) -> Ticket | None:
        with self.changed:
            return next((one for one in self.waiting if _is_to_write(one, system)), None)

    def _join(self, lane: Lane, system: System) -> None:
        n_read = 0
        while n_read < PROMPT_TOKENS and (ticket := self._next(system)):
            assert isinstance(ticket.wanted, Wanted)
            if not lane.has_room(ticket.wanted):
                return
            for taken in self._taken(lambda one: one is ticket, at_most=1):  # called at once
                lane.join(taken, ticket.wanted)
                n_read += len(ticket.wanted.prompt)


def _is_to_write(ticket: Ticket, system: System) -> bool:
    return ticket.system == system and isinstance(ticket.wanted, Wanted) and not ticket.is_left


def _items(ticket: Ticket) -> tuple[Any, ...]:
    assert isinstance(ticket.wanted, Question)
    return ticket.wanted.items


def _first(tickets: Sequence[Ticket]) -> Sequence[Ticket]:
    """As many as have ITEMS together, one at least."""
    n_items = 0
    for i, ticket in enumerate(tickets):
        n_items += len(_items(ticket))
        if i and n_items > ITEMS:
            return tickets[:i]
    return tickets
