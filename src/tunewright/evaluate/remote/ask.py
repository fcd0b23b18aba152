"""Many questions to one address: a few at once, each answer kept as it comes, the hopeless case told early.

In: Questions, an Address, a file. Out: Known: every question's Reply, or why it has none. Its own file because here
money is spent: what was kept is not asked, what is under way when a run is stopped is waited for and kept.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from tunewright.core.errors import EvalError
from tunewright.core.events import NoteEvent, ProgressEvent, Tracker
from tunewright.evaluate.remote.kept import Known, Question, keeper, read_kept, request_body, request_key
from tunewright.evaluate.remote.reply import Failure, Reply
from tunewright.evaluate.remote.send import TRIES, Address, Wait, asked
from tunewright.text.private import KINDS, private_in

MOST_AT_FIRST = 3
"""Questions that fail one by one before any is answered: then it is not the row."""
MOST_IN_A_ROW = 10
"""Failures without a reply between them: the server is gone, and the run goes on when it is back."""
NAMED = 5
"""Rows that a note names; metrics.json names all."""


@dataclass(slots=True)  # counts what is heard
class _Heard:
    n: int = 0
    n_replies: int = 0
    since: list[Failure] = field(default_factory=list)
    """Failures since the last reply."""

    def add(self, found: Reply | Failure) -> None:
        self.n += 1
        if isinstance(found, Reply):
            self.n_replies, self.since = self.n_replies + 1, []
        else:
            self.since.append(found)

    @property
    def is_hopeless(self) -> bool:
        """Whatever is asked next will fail as well."""
        most = MOST_IN_A_ROW if self.n_replies else MOST_AT_FIRST
        return bool(self.since) and (self.since[-1].reach == "all" or len(self.since) >= most)


def replies(
    questions: Sequence[Question],
    address: Address,
    *,
    kept: Path,
    tell: Tracker,
    what: str,
    pause: Wait | None = None,
) -> Known:
    """Every question's reply, by request key, or why it has none.

    what: is done, as progress says it. pause: waits between tries instead of the clock.
    Raises EvalError when the address answers nothing, or no more; what came before is kept.
    """
    by_key = {request_key(question, address): question for question in questions}
    before = read_kept(kept).replies
    open_ = [question for key, question in by_key.items() if key not in before]
    n_before, heard = len(by_key) - len(open_), _Heard()
    if open_:
        _say(open_, n_before, address, tell=tell, what=what)
        with keeper(kept) as file:

            def keep(question: Question, found: Reply | Failure) -> None:
                file.keep(question, address, found)
                heard.add(found)
                tell(ProgressEvent(what, n_before + heard.n, len(by_key)))

            _ask_all(open_, address, heard=heard, keep=keep, tell=tell, pause=pause)
    if heard.is_hopeless or (heard.since and not n_before + heard.n_replies):
        raise _no_answer(heard.since[-1], address, kept=kept)
    found = read_kept(kept).of(by_key)
    if found.failures:
        _say_missing({by_key[key].row_id: why for key, why in found.failures.items()}, address, tell=tell)
    return found


def _ask_all(
    questions: Sequence[Question],
    address: Address,
    *,
    heard: _Heard,
    keep: Callable[[Question, Reply | Failure], None],
    tell: Tracker,
    pause: Wait | None,
) -> None:
    """One after the other until one is answered, since an address may be wrong; then several at once."""
    stop, waiting = threading.Event(), deque(questions)
    running: dict[Future[Reply | Failure], Question] = {}
    pool = ThreadPoolExecutor(address.api.at_once)

    def start(question: Question) -> None:
        n_tries = TRIES if heard.n_replies or not heard.n else 1
        body = request_body(question, address)
        running[pool.submit(asked, address, body, stop=stop, wait=pause or stop.wait, n_tries=n_tries)] = question

    try:
        while (waiting or running) and not heard.is_hopeless:
            while waiting and len(running) < (address.api.at_once if heard.n_replies else 1):
                start(waiting.popleft())
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                keep(running.pop(future), future.result())
    except KeyboardInterrupt:
        n, most = len(running), address.api.timeout_seconds
        tell(NoteEvent(f"stopping: answers under way are waited for and kept ({n}, at most {most:g} s)"))
        raise
    finally:
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)  # what is under way is paid for
        for future, question in running.items():
            if not future.cancelled() and isinstance(found := future.result(), Reply):
                keep(question, found)


def _no_answer(failure: Failure, address: Address, *, kept: Path) -> EvalError:
    n_kept = len(read_kept(kept).replies)
    answers = "1 answer of before is" if n_kept == 1 else f"{n_kept:,} answers of before are"
    goes_on = f"; {answers} kept and will not be asked for again" if n_kept else ""
    return EvalError(
        f"the model behind {address.name} does not answer",
        where=address.where,
        why=f"{failure.why}{goes_on}",
        fix=address.fix(failure.fix or "run the same command again later"),
    )


def _say(questions: Sequence[Question], n_kept: int, address: Address, *, tell: Tracker, what: str) -> None:
    """Once for each errand, before the first question; what is private in the rows is counted."""
    api, some = address.api, "1 question goes" if len(questions) == 1 else f"{len(questions):,} questions go"
    known = f" ({n_kept:,} more were answered before)" if n_kept else ""
    if api.is_local:
        tell(NoteEvent(f"{what}: {some} to {api.host}, on this machine{known}"))
        return
    is_open = ", unencrypted" if api.url.startswith("http:") else ""
    kinds = [{one.kind for turn in q.messages for one in private_in(turn.content)} for q in questions]
    named = ", ".join(kind for kind in KINDS if any(kind in found for found in kinds))
    private = f"; {sum(map(bool, kinds)):,} of them hold personal data or secrets ({named})" if named else ""
    words = f"{what}: test rows leave this machine: {some} to {api.host}{is_open}{known}{private}"
    tell(NoteEvent(words, level="warning"))


def _say_missing(why_of: Mapping[str, str], address: Address, *, tell: Tracker) -> None:
    named = "; ".join(f"{row_id}: {why}" for row_id, why in list(why_of.items())[:NAMED])
    more = f"; and {len(why_of) - NAMED:,} more" if len(why_of) > NAMED else ""
    rows = "1 question has" if len(why_of) == 1 else f"{len(why_of):,} questions have"
    words = f"{rows} no answer of {address.name}, which counts as missing, not as wrong: {named}{more}"
    tell(NoteEvent(words, level="warning"))
