"""An OpenAI-compatible address on this machine, whose answers a test decides.

In: a function from a request's body to what is answered. Out: FakeApi: its url, and every request that it got. Its own
file because unit tests, a whole run and the faults ask the same kind of server, over a real connection.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Response:
    """What the server sends."""

    text: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FakeApi:
    """A running server; its lists grow."""

    url: str
    bodies: list[Body] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    """The header Authorization of each."""


def said(text: str | None, *, end: str = "stop", tokens: tuple[int, int] | None = (10, 2)) -> Response:
    """A reply as a model gives it. tokens: in and out."""
    body: Body = {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": end}]}
    if tokens:
        body["usage"] = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    return Response(json.dumps(body))


def last_turn(body: Body) -> str:
    """What the request asks at its end."""
    return str(body["messages"][-1]["content"])


@contextmanager
def fake_api(answer: Callable[[Body], Response]) -> Iterator[FakeApi]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            api.bodies.append(body)
            api.keys.append(self.headers.get("Authorization"))
            found = answer(body)
            with suppress(OSError):  # the client has gone
                data = found.text.encode()
                self.send_response(found.status)
                for name, value in {"Content-Length": str(len(data)), **found.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    api = FakeApi(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
