"""A server over a real port in this process: started when the block begins, stopped when it ends."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tunewright.core.run import Run
from tunewright.verbs.serve import Ready, Serving, serve

LIMIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def events(self) -> list[Any]:
        """Of a stream, without its last word."""
        lines = [line.removeprefix("data: ") for line in self.text.split("\n\n") if line]
        assert lines[-1] == "[DONE]"
        return [json.loads(line) for line in lines[:-1]]


@dataclass(frozen=True, slots=True)
class Served:
    """A running server."""

    url: str
    said: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def get(self, path: str, **headers: str) -> Reply:
        return self._asked(urllib.request.Request(self.url + path, headers=headers))

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        """body: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **headers}
        return self._asked(urllib.request.Request(self.url + path, data, headers, method="POST"))

    def _asked(self, request: urllib.request.Request) -> Reply:
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as found:
                return Reply(found.status, _lower(found.headers), found.read().decode())
        except urllib.error.HTTPError as error:
            return Reply(error.code, _lower(error.headers), error.read().decode())


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


@contextmanager
def serving(run: Run, *overrides: str, **options: Any) -> Iterator[Served]:
    """options: of Serving; the port is a free one."""
    found: list[Ready] = []
    failed: list[BaseException] = []
    is_ready, is_over = threading.Event(), threading.Event()
    said: list[str] = []

    def ready(one: Ready) -> None:
        found.append(one)
        is_ready.set()

    def work() -> None:
        try:
            serve(
                run,
                Serving(port=0, **options),
                ready=ready,
                stop=is_over.is_set,
                overrides=overrides,
                tell=lambda event: said.append(getattr(event, "text", "")),
            )
        except BaseException as error:  # told to the test, whatever it is
            failed.append(error)
        finally:
            is_ready.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert is_ready.wait(LIMIT_SECONDS)
    if failed:
        raise failed[0]
    try:
        yield Served(found[0].url, said)
    finally:
        is_over.set()
        thread.join(LIMIT_SECONDS)
        assert not thread.is_alive(), "it does not stop"
