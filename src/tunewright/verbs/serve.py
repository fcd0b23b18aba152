"""A finished run's models behind an address that OpenAI's clients speak to.

In: a run, an address, limits. Out: a server that answers until it is told to stop, and how much it did. Its own file
because the run becomes a server here: what is loaded, who may ask, and in which order it happens.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tunewright.core.errors import ExportError, MissingExtra, PlanError
from tunewright.core.events import NoteEvent, Tracker, null_tracker
from tunewright.core.run import Run
from tunewright.core.tasks import has_head
from tunewright.core.values import Dropped, Row

if TYPE_CHECKING:
    from tunewright.serve.http.offer import Offer
    from tunewright.serve.queue.wanted import System
    from tunewright.text.chat import Tokenizer
    from tunewright.verbs.load import Session

PACKAGES = ("fastapi", "uvicorn")
"""What the extra `serve` brings."""
BODY_BYTES = 2**20
"""A conversation of 32,000 tokens has about a tenth of it."""
BODY_SECONDS = 30.0
SEND_SECONDS = 60.0
GRACE_SECONDS = 20.0
"""For what is being answered when the server is told to stop."""


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and for whom."""

    host: str = "127.0.0.1"
    port: int = 8000
    """0: whichever is free."""
    token: str | None = None
    """Whoever asks must send it. Needed where other machines can reach the server."""
    queue: int = 64
    """Requests that may wait; one more is refused with 503."""
    request_seconds: float = 300.0
    """What is not begun by then is refused, what is begun ends there."""
    has_page: bool = False
    """The chat page is at /."""
    logs_prompts: bool = False
    """What is asked and answered is told as well. Else no word of it is."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What is said when the first request can come."""

    run: str
    url: str
    task: str
    models: tuple[str, ...]


def serve(
    run: Run,
    serving: Serving,
    *,
    ready: Callable[[Ready], None],
    stop: Callable[[], bool],
    overrides: Sequence[str] = (),
    tell: Tracker = null_tracker,
) -> int:
    """Answers until stop says True; how many requests there were.

    ready: called once, when the model is loaded and the port is open.
    Raises MissingExtra; PlanError without a token where others can reach it; RunError: the port is in use, or the run
    is not trained; ModelError.
    """
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MissingExtra(package, extra="serve", needed_for="tunewright serve")
    from tunewright.serve.http import listen  # fastapi and uvicorn: only a server needs them

    refuse_open(serving)
    listen.refuse_taken(serving.host, serving.port)
    tell(NoteEvent(f"loading {run.name}"))
    offer = offered(run, serving, overrides=overrides, tell=tell)
    offer.worker.start()
    try:
        app, count = _application(offer, serving, tell=tell)
        one = listen.bound(serving.host, serving.port)
        ready(Ready(str(run.folder), listen.url_of(one), offer.task, offer.models))
        listen.serve_until(app, one, stop=stop, grace_seconds=GRACE_SECONDS)
    finally:
        offer.worker.stop()
    return count()


def refuse_open(serving: Serving) -> None:
    """Raises PlanError when other machines could ask without a token."""
    from tunewright.serve.http.listen import is_of_this_machine  # as above

    if serving.token is None and not is_of_this_machine(serving.host):
        raise PlanError(
            f"on {serving.host} other machines can ask this model, so a token is needed",
            where="--host",
            why="without one anybody who reaches the port may use it",
            fix="export TUNEWRIGHT_TOKEN=$(openssl rand -hex 16), or leave --host out",
        )
    if serving.token is not None and not (serving.token.isascii() and serving.token.strip() == serving.token != ""):
        raise PlanError("the token must be plain letters and digits", where="--token", fix="openssl rand -hex 16")


def offered(run: Run, serving: Serving, *, overrides: Sequence[str], tell: Tracker = null_tracker) -> Offer:
    """The run's models in memory, and the queue before them; its thread is not started yet.

    An adapter that can be is added into the weights: 210 small products a token cost more than the model's own layers.
    The base is then a second model, loaded when it is first asked.
    Raises RunError when the run is not trained, ModelError.
    """
    from tunewright.serve.http.offer import Offer  # as above
    from tunewright.serve.queue.worker import Worker  # torch: a mistake in the address is told before
    from tunewright.serve.reading import Reader  # the same
    from tunewright.verbs.load import NO_BASE, load  # the same

    session = _with_weights_merged(load(run, overrides=overrides), tell=tell)
    how, card = session.asking, session.loaded.card
    worker = Worker(
        session.model,
        {"label": partial(_labelled, session), "embed": partial(_embedded, session)},
        queue=serving.queue,
        threads=how.subject.threads,
        now=time.monotonic,
    )
    return Offer(
        name=run.name,
        made_from=Path(card.name).name if Path(card.name).is_absolute() else card.name,  # no paths of this machine
        task=how.subject.task,
        labels=how.subject.labels,
        vocabulary_size=card.vocabulary_size,
        context_tokens=card.context_tokens,
        max_new_tokens=how.max_new_tokens,
        request_seconds=serving.request_seconds,
        thresholds=_thresholds(run),
        has_base=how.subject.task not in NO_BASE,
        reader=Reader(how.subject.task, card.context_tokens, how.system, _tokenizers(session)),
        worker=worker,
    )


def _with_weights_merged(session: Session, *, tell: Tracker) -> Session:
    from tunewright.export.merge import merged  # as above

    if has_head(session.asking.subject.task):  # an adapter that is set aside is their base, and nothing is written
        return session
    try:
        return replace(session, loaded=merged(session.loaded))
    except ExportError as error:
        tell(NoteEvent(f"{error.what}: it answers as it is, a little slower"))
        return session


def _tokenizers(session: Session) -> Callable[[System], Tokenizer]:
    """Each model's own: tokens that were added before training are strangers to the base."""
    from tunewright.model.load import load_tokenizer  # as above

    subject = session.asking.subject

    @cache
    def tokenizer(system: System) -> Tokenizer:
        if system == "tuned":
            return session.loaded.tokenizer
        return load_tokenizer(subject.card.path, trust_remote_code=subject.trust_remote_code)

    return tokenizer


def _labelled(session: Session, system: System, rows: Sequence[Row | Dropped]) -> Sequence[Any]:
    return session.answers(rows, system=system)


def _embedded(session: Session, system: System, texts: Sequence[str]) -> Sequence[tuple[list[float], int]]:
    """A vector of length 1 and the number of tokens, for each text; longer ones are cut as in training."""
    import numpy as np  # as above

    from tunewright.core.values import Example  # as above
    from tunewright.model.vectors import text_vectors  # as above
    from tunewright.text.encode import encode  # as above

    examples = [Example("", text=text) for text in texts]
    with session.model(system) as loaded:
        length = session.asking.subject.max_length
        encoded = encode(examples, tokenizer=loaded.tokenizer, task="classify", max_length=length)
        vectors_NH = text_vectors(loaded, encoded).astype(np.float64)
    lengths_N1 = np.linalg.norm(vectors_NH, axis=1, keepdims=True)
    unit_NH = vectors_NH / np.maximum(lengths_N1, 1e-12)
    return [(vector.tolist(), len(one)) for vector, one in zip(unit_NH, encoded, strict=True)]


def _thresholds(run: Run) -> dict[float, float | None]:
    """From the run's metrics; nothing when it was not evaluated."""
    path = run.stage("evaluate") / "metrics.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {one["wished"]: one["threshold"] for one in (found.get("calibration") or {}).get("thresholds", ())}


def _application(offer: Offer, serving: Serving, *, tell: Tracker) -> tuple[Any, Callable[[], int]]:
    """Behind its gate, and how many requests it has had."""
    from tunewright.serve.http.app import PATHS, application  # as above
    from tunewright.serve.http.counts import Counts  # as above
    from tunewright.serve.http.gate import Gate, Guard  # as above

    def say(text: str) -> None:
        tell(NoteEvent(text))

    is_open = serving.token is None
    guard = Guard(
        token=serving.token,
        hosts=("localhost", "127.0.0.1", "::1", serving.host.lower()) if is_open else (),
        body_bytes=BODY_BYTES,
        body_seconds=BODY_SECONDS,
        send_seconds=SEND_SECONDS,
    )
    counts = Counts()
    app = application(offer, counts, has_page=serving.has_page, say_text=say if serving.logs_prompts else None)
    return Gate(app, guard, counts=counts, paths=PATHS, say=say), lambda: counts.n_requests
