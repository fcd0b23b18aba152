"""Who may ask, and how much: everything that is refused before a request is read as JSON.

In: every request. Out: the same with its body whole in memory, or a refusal; a line for the log and a count. Its own
file because a stranger meets nothing else of ours.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse

from tunewright.serve.http.counts import Counts
from tunewright.serve.http.failures import Refused, failure_json, headers_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

OPEN_PATHS = ("/", "/health", "/ready")
"""Without a token: they say nothing of the model."""
DRAINED = 16
"""Times the limit that is still read of a body that is too long, so that its sender hears why."""


@dataclass(frozen=True, slots=True)
class Guard:
    """What is let in."""

    token: str | None
    hosts: tuple[str, ...]
    """Names that the Host header may have; empty: any. Else a page of the web could reach a server of this machine
    under a name of its own (DNS rebinding)."""
    body_bytes: int
    body_seconds: float
    """A body that takes longer to arrive is not waited for."""
    send_seconds: float
    """A client that takes nothing for so long is gone."""


class Gate:
    """Around the application, as ASGI has it."""

    def __init__(
        self, app: App, guard: Guard, *, counts: Counts, paths: Sequence[str], say: Callable[[str], None]
    ) -> None:
        """paths: those that are counted by name. say: told a line for each request, without a word of it."""
        self.app, self.guard, self.counts, self.paths, self.say = app, guard, counts, paths, say

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        started, status = time.perf_counter(), 499  # nginx's number for a client that left
        is_whole = False

        async def sent(message: Message) -> None:
            nonlocal status, is_whole
            if message["type"] == "http.response.start":
                status = message["status"]
            async with asyncio.timeout(self.guard.send_seconds):
                await send(message)
            is_whole = is_whole or (message["type"] == "http.response.body" and not message.get("more_body"))

        try:
            await self._answer(scope, receive, sent)
        except TimeoutError:
            status = 499  # uvicorn closes what was not answered whole
        finally:
            path = scope["path"] if scope["path"] in self.paths else "other"
            seconds = time.perf_counter() - started
            self.counts.request(path, status, seconds)
            self.say(f"{scope['method']} {path} {status} {seconds:.2f} s{'' if is_whole else ' (not whole)'}")

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        try:
            self._let_in(scope)
            body = await self._body(receive, announced=_length(scope))
        except Refused as refused:
            if refused.status != 408:
                await self._drain(receive)
            headers = {**headers_of(refused), "Connection": "close"}
            await JSONResponse(failure_json(refused), refused.status, headers)(scope, receive, send)
            return
        is_given = False

        async def given() -> Message:
            nonlocal is_given
            if is_given:
                return await receive()
            is_given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, given, send)

    def _let_in(self, scope: Message) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if self.guard.hosts and _host(headers.get("host", "")) not in self.guard.hosts:
            raise Refused(403, "this server answers only under its own name", code="wrong_host")
        if self.guard.token is None or scope["path"] in OPEN_PATHS:
            return
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not is_same(given.strip(), self.guard.token):
            raise Refused(401, "send the server's token: Authorization: Bearer TOKEN", code="invalid_api_key")

    async def _body(self, receive: Receive, *, announced: int) -> bytes:
        limit = self.guard.body_bytes
        if announced > limit:
            raise _too_large(limit)
        parts, n_bytes, more = [], 0, True
        try:
            async with asyncio.timeout(self.guard.body_seconds):
                while more:
                    message = await receive()
                    parts.append(message.get("body", b""))
                    n_bytes += len(parts[-1])
                    more = message.get("more_body", False)
                    if n_bytes > limit:
                        raise _too_large(limit)
        except TimeoutError as error:
            raise Refused(408, "the body took too long to arrive", code="timeout") from error
        return b"".join(parts)

    async def _drain(self, receive: Receive) -> None:
        """What the client still sends is thrown away: one that is cut off while it sends never reads why."""
        n_bytes, more = 0, True
        try:
            async with asyncio.timeout(self.guard.body_seconds):
                while more and n_bytes < DRAINED * self.guard.body_bytes:
                    message = await receive()
                    n_bytes += len(message.get("body", b""))
                    more = message.get("more_body", False)
        except TimeoutError:
            return


def is_same(given: str, token: str) -> bool:
    """In the same time whatever is wrong with it."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode("utf-8"))


def _too_large(limit: int) -> Refused:
    return Refused(413, f"the body has more than {limit:,} bytes", code="too_large")


def _length(scope: Message) -> int:
    value = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    return int(value) if value.isdigit() else 0


def _host(header: str) -> str:
    """Without the port.

    >>> _host("localhost:8000"), _host("[::1]:8000"), _host("LOCALHOST")
    ('localhost', '::1', 'localhost')
    """
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()
