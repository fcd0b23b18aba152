"""The application: each path, what it reads, what it answers.

In: Offer. Out: an ASGI application. Its own file because paths, statuses and their documentation belong together.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse

from tunewright.core.tasks import has_head
from tunewright.serve.http import replies
from tunewright.serve.http.bodies import ChatBody, ClassifyBody, CompletionBody, EmbeddingBody, Writing
from tunewright.serve.http.counts import Counts
from tunewright.serve.http.failures import Refused, failure_json, headers_of, refused_of
from tunewright.serve.http.line import Line, while_there
from tunewright.serve.http.offer import Offer
from tunewright.serve.http.replies import Form, Heading
from tunewright.serve.queue.wanted import Answers, Ended, Piece, Question, Sampling, System, Wanted

POSTS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/classify")
GETS = ("/", "/health", "/ready", "/metrics", "/v1/models", "/openapi.json")
PATHS = (*GETS, *POSTS)
_STATUSES = {
    400: "The body is no JSON, a field is wrong or not offered, or the prompt is too long",
    401: "No token, or another one",
    403: "Asked under a name that is not this server's",
    404: "No such model",
    408: "The body took too long to arrive",
    413: "The body is too large",
    503: "The queue is full, or the request waited too long: ask again",
}
PAGE_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"
"""The chat page loads nothing and speaks to nobody else."""


def application(
    offer: Offer, counts: Counts, *, has_page: bool, say_text: Callable[[str], None] | None = None
) -> FastAPI:
    """has_page: the chat page is at /. say_text: told what is asked and answered; None: nobody is."""
    app = FastAPI(
        title="tunewright", version=version("tunewright"), docs_url=None, redoc_url=None
    )  # those pages load scripts
    api = _Api(offer, counts, say_text)
    told = {status: {"description": words} for status, words in _STATUSES.items()}
    for path, answer in zip(POSTS, (api.chat, api.complete, api.embed, api.classify), strict=True):
        app.add_api_route(path, answer, methods=["POST"], responses=told)
    app.add_api_route("/v1/models", api.models, methods=["GET"])
    app.add_api_route("/v1/models/{name:path}", api.model, methods=["GET"], responses={404: told[404]})
    app.add_api_route("/health", api.health, methods=["GET"])
    app.add_api_route("/ready", api.ready, methods=["GET"], responses={503: {"description": "It stops"}})
    app.add_api_route("/metrics", api.metrics, methods=["GET"], response_class=PlainTextResponse)
    if has_page:
        app.add_api_route("/", api.page, methods=["GET"], response_class=HTMLResponse)
    for kind in (Refused, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, _failed)
    return app


async def _failed(_: Request, error: Exception) -> JSONResponse:
    refused = refused_of(error)
    if isinstance(error, RequestValidationError):
        refused = _invalid(error)
    elif isinstance(error, HTTPException):
        words = (
            f"there is no such path here, only {', '.join(PATHS)}" if error.status_code == 404 else str(error.detail)
        )
        refused = Refused(error.status_code, words, code="invalid_request")
    headers = {**headers_of(refused), **(getattr(error, "headers", None) or {})}  # 405 names the methods
    return JSONResponse(failure_json(refused), refused.status, headers)


def _invalid(error: Any) -> Refused:
    """The first thing that is wrong, without the value: it may be a prompt."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body")
    if first["type"] == "json_invalid":
        return Refused(400, f"the body is no JSON: it breaks at character {place}", code="invalid_request")
    words = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "value_error":  # our own words: a field that is not offered
        return Refused(400, words, code="invalid_request", param=place or None)
    if not place:
        fix = "send a JSON object, with the header Content-Type: application/json"
        return Refused(400, f"the body is no JSON object: {fix}", code="invalid_request")
    if first["type"] == "missing":
        say = ": tuned or base, as GET /v1/models lists them" if place == "model" else ""
        return Refused(400, f"{place} is missing{say}", code="invalid_request", param=place)
    return Refused(400, f"{place}: {words}", code="invalid_request", param=place)


class _Api:
    """One method a path."""

    def __init__(self, offer: Offer, counts: Counts, say_text: Callable[[str], None] | None) -> None:
        self.offer, self.counts, self.say_text = offer, counts, say_text
        self.started = int(time.time())

    async def chat(self, body: ChatBody, request: Request) -> Any:
        """An answer to the last message, by the model's own template."""
        system = self.offer.system(body.model)
        if self.offer.task != "generate":
            other = "/v1/classify" if has_head(self.offer.task) else "/v1/completions"
            raise Refused(400, f"this model does not talk: POST {other}", code="wrong_task", param="model")
        turns = [turn.as_turn() for turn in body.messages]
        if turns[-1]["role"] == "assistant":
            raise Refused(400, "the last message must wait for an answer", code="invalid_request", param="messages")
        prompt = await asyncio.to_thread(self.offer.reader.chat, turns, system)
        wanted = self._wanted(body, prompt, body.max_completion_tokens or body.max_tokens, is_trimmed=True)
        return await self._answer("chat", body, [wanted], system, request, asked=turns)

    async def complete(self, body: CompletionBody, request: Request) -> Any:
        """How a text, or each of several, goes on."""
        system = self.offer.system(body.model)
        if has_head(self.offer.task):
            raise Refused(400, "this model does not write: POST /v1/classify", code="wrong_task", param="model")
        prompts = [await asyncio.to_thread(self._prompt, one, system) for one in body.prompts]
        wanted = [self._wanted(body, prompt, body.max_tokens, is_trimmed=False) for prompt in prompts]
        return await self._answer("text", body, wanted, system, request, asked=body.prompt)

    async def embed(self, body: EmbeddingBody, request: Request) -> Any:
        """A vector of length 1 for each text: the mean of its tokens' vectors."""
        system = self.offer.system(body.model)
        texts = await asyncio.to_thread(self.offer.reader.texts, body.texts)
        found = await self._asked(Question("embed", texts), system, request)
        n_tokens = sum(n for _, n in found)
        self.counts.tokens(prompt=n_tokens, written=0)
        is_base64 = body.encoding_format == "base64"
        vectors = [vector for vector, _ in found]
        return JSONResponse(replies.embeddings(vectors, model=body.model, is_base64=is_base64, n_tokens=n_tokens))

    async def classify(self, body: ClassifyBody, request: Request) -> Any:
        """The label of each text with its probability, or none where the model is not sure enough."""
        offer = self.offer
        system = offer.system(body.model)
        if not has_head(offer.task):
            raise Refused(400, "this model writes: POST /v1/chat/completions", code="wrong_task", param="model")
        if system == "base" and offer.task != "classify":
            raise Refused(400, "only the tuned model gives these answers", code="wrong_task", param="model")
        least = offer.abstains_below(probability=body.abstain_below, accuracy=body.min_accuracy)
        rows = await asyncio.to_thread(offer.reader.rows, body.texts)
        found = await self._asked(Question("label", tuple(rows)), system, request)
        data = [
            replies.labelled(one, i, task=offer.task, labels=offer.labels, abstains_below=least)
            for i, one in enumerate(found)
        ]
        self._say_text(body.texts, data)
        return JSONResponse({"object": "list", "model": body.model, "task": offer.task, "data": data})

    async def models(self) -> Any:
        """Who can be named as `model`."""
        return JSONResponse({"object": "list", "data": [self._model(system) for system in self.offer.models]})

    async def model(self, name: str) -> Any:
        """One of them."""
        return JSONResponse(self._model(self.offer.system(name)))

    async def health(self) -> Any:
        """The server answers."""
        return JSONResponse({"status": "ok"})

    async def ready(self) -> Any:
        """The model answers."""
        worker = self.offer.worker
        is_ready = worker.thread.is_alive() and not worker.is_stopping
        return JSONResponse({"status": "ready" if is_ready else "stopping"}, 200 if is_ready else 503)

    async def metrics(self) -> Any:
        """For Prometheus."""
        worker = self.offer.worker
        text = self.counts.text(n_waiting=worker.n_waiting, n_writing=worker.n_writing)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def page(self) -> Any:
        """Base and tuned side by side."""
        text = files("tunewright.serve.http").joinpath("page.html").read_text(encoding="utf-8")
        return HTMLResponse(text, headers={"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-store"})

    def _model(self, system: System) -> dict[str, Any]:
        offer = self.offer
        named = {"run": offer.name, "made_from": offer.made_from, "task": offer.task, "labels": list(offer.labels)}
        return {"id": system, "object": "model", "created": self.started, "owned_by": "tunewright", **named}

    def _prompt(self, prompt: str | list[int], system: System) -> tuple[int, ...]:
        if isinstance(prompt, str):
            return self.offer.reader.text(prompt, system)
        return self.offer.reader.ids(prompt, vocabulary_size=self.offer.vocabulary_size)

    def _wanted(self, body: Writing, prompt: tuple[int, ...], asked: int | None, *, is_trimmed: bool) -> Wanted:
        room = self.offer.context_tokens - len(prompt)
        return Wanted(
            prompt,
            max_new_tokens=min(asked or self.offer.max_new_tokens, room),
            sampling=Sampling(body.temperature or 0.0, 1.0 if body.top_p is None else body.top_p, body.seed),
            stop=body.stops,
            is_trimmed=is_trimmed,
            is_streamed=bool(body.stream),
        )

    async def _asked(self, question: Question, system: System, request: Request) -> tuple[Any, ...]:
        line = Line([question], system, until=self._until())
        line.submit(self.offer.worker)
        try:
            _, event = await while_there(request, line.next())
        finally:
            line.leave()
        assert isinstance(event, Answers)
        return event.items

    async def _answer(
        self, form: Form, body: Writing, wanted: Sequence[Wanted], system: System, request: Request, *, asked: Any
    ) -> Any:
        line = Line(wanted, system, until=self._until())
        line.submit(self.offer.worker)
        prefix = "chatcmpl" if form == "chat" else "cmpl"
        heading = Heading(form, f"{prefix}-{uuid.uuid4().hex}", body.model, int(time.time()))
        told = _Told(heading, wanted)
        try:
            while not told.is_whole:
                told.add(*await while_there(request, line.next()))
                if body.stream:
                    return StreamingResponse(self._stream(told, line, body, asked), media_type="text/event-stream")
        except BaseException:
            line.leave()
            raise
        self._finish(told, asked)
        return JSONResponse(told.reply())

    async def _stream(self, told: _Told, line: Line, body: Writing, asked: Any) -> AsyncIterator[bytes]:
        """Begun when the first event is there: until then a request can still be refused with a status."""
        try:
            for chunk in told.opening():
                yield chunk
            while True:
                for chunk in told.chunks():
                    yield chunk
                if told.is_whole:
                    break
                told.add(*await line.next())
            if body.wants_usage:
                yield replies.line({**told.heading.part(), "choices": [], "usage": told.usage})
            yield replies.DONE
        except Refused as refused:
            yield replies.line(failure_json(refused))
        finally:
            line.leave()
            self._finish(told, asked)

    def _finish(self, told: _Told, asked: Any) -> None:
        self.counts.tokens(prompt=told.n_prompt, written=told.n_written)
        self._say_text(asked, told.texts)

    def _say_text(self, asked: Any, answered: Any) -> None:
        if self.say_text is not None:
            self.say_text(json.dumps({"asked": asked, "answered": answered}, ensure_ascii=False))

    def _until(self) -> float:
        return self.offer.worker.now() + self.offer.request_seconds


class _Told:
    """What has come of a request's answers."""

    def __init__(self, heading: Heading, wanted: Sequence[Wanted]) -> None:
        self.heading = heading
        self.texts = [""] * len(wanted)
        self.ends: dict[int, Ended] = {}
        self.n_prompt = sum(len(one.prompt) for one in wanted)
        self.unsaid: list[dict[str, Any]] = []

    def add(self, index: int, event: Piece | Ended | Answers) -> None:
        form = self.heading.form
        if isinstance(event, Piece):
            self.texts[index] += event.text
            self.unsaid.append(replies.piece(form, index, event.text))
        elif isinstance(event, Ended):
            self.ends[index] = event
            self.unsaid.append(replies.end(form, index, event.reason))

    @property
    def is_whole(self) -> bool:
        return len(self.ends) == len(self.texts)

    @property
    def n_written(self) -> int:
        return sum(end.n_tokens for end in self.ends.values())

    @property
    def usage(self) -> dict[str, int]:
        return replies.usage(self.n_prompt, self.n_written)

    def opening(self) -> list[bytes]:
        """A conversation's stream begins with whose turn it is."""
        if self.heading.form == "text":
            return []
        return [self._chunk(replies.piece("chat", i, "", is_first=True)) for i in range(len(self.texts))]

    def chunks(self) -> list[bytes]:
        """What was not sent yet."""
        found, self.unsaid = [self._chunk(one) for one in self.unsaid], []
        return found

    def reply(self) -> dict[str, Any]:
        form = self.heading.form
        choices = [replies.choice(form, i, text, self.ends[i].reason) for i, text in enumerate(self.texts)]
        return {**self.heading.whole(), "choices": choices, "usage": self.usage}

    def _chunk(self, one: dict[str, Any]) -> bytes:
        return replies.line({**self.heading.part(), "choices": [one]})
