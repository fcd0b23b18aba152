"""The port: who has it, when it is taken, how it is given back.

In: an application and an address. Out: a server that runs until it is told to stop. Its own file because a port must be
refused before a model is loaded, and taken only after.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import uvicorn
from h11 import IDLE
from uvicorn.protocols.http.h11_impl import H11Protocol

from tunewright.core.errors import PlanError, RunError
from tunewright.serve.http.gate import App

HEAD_SECONDS = 30.0
"""In which a request's first line and headers must be here."""
KEEP_SECONDS = 15
"""A connection is kept open between requests."""
BACKLOG = 512
LOOK_SECONDS = 0.05
"""Between looks whether somebody asked to stop."""


def is_of_this_machine(host: str) -> bool:
    """Nobody else can reach it.

    >>> is_of_this_machine("127.0.0.1"), is_of_this_machine("localhost"), is_of_this_machine("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def refuse_taken(host: str, port: int) -> None:
    """Before anything is loaded: nobody listens there. 0 is whichever is free.

    Raises RunError, PlanError for a host that is none.
    """
    if not port:
        return
    family, address = _address(host, port)
    with socket.socket(family, socket.SOCK_STREAM) as one:
        one.settimeout(2)
        if one.connect_ex(_reachable(address)) == 0:
            raise _taken(port)


def bound(host: str, port: int) -> socket.socket:
    """The port is ours, and connections wait from now on.

    Raises RunError when it is taken or not allowed.
    """
    family, address = _address(host, port)
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(address)
        one.listen(BACKLOG)
    except PermissionError as error:
        one.close()
        raise RunError(f"port {port} is not allowed", where="--port", fix="--port 8000 or higher") from error
    except OSError as error:
        one.close()
        if error.errno == errno.EADDRINUSE:
            raise _taken(port) from error
        raise RunError(
            f"{host} cannot be listened on: {error.strerror}", where="--host", fix="--host 127.0.0.1"
        ) from error
    return one


def url_of(one: socket.socket) -> str:
    host, port = one.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve_until(app: App, one: socket.socket, *, stop: Callable[[], bool], grace_seconds: float) -> None:
    """Answers until stop says True; what is being answered then is finished within grace_seconds."""
    config = uvicorn.Config(
        app,
        http=_Patient,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_SECONDS,
        timeout_graceful_shutdown=max(1, round(grace_seconds)),
    )
    server = _Server(config)
    asyncio.run(_serve(server, one, stop))


async def _serve(server: _Server, one: socket.socket, stop: Callable[[], bool]) -> None:
    serving = asyncio.create_task(server.serve(sockets=[one]))
    while not (stop() or serving.done()):
        await asyncio.sleep(LOOK_SECONDS)
    server.should_exit = True
    await serving


class _Server(uvicorn.Server):  # type: ignore[misc]  # uvicorn's own; signals are ours already
    def capture_signals(self) -> Any:
        return nullcontext()


class _Patient(H11Protocol):  # type: ignore[misc]  # uvicorn's own waits for ever for the rest of a header
    timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer:
            self.timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait()

    def _wait(self) -> None:
        if self.timer:
            self.timer.cancel()
        self.timer = self.loop.call_later(HEAD_SECONDS, self._late)

    def _late(self) -> None:
        if self.conn.their_state is IDLE and not self.transport.is_closing():
            self.transport.close()


def _address(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise PlanError(f"{host} is no address of this machine", where="--host", fix="--host 127.0.0.1") from error
    family, _, _, _, address = found[0]
    return family, address


def _reachable(address: Any) -> Any:
    """Every address of this machine is asked at one of them."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address[0], address[0])
    return (host, *address[1:])


def _taken(port: int) -> RunError:
    return RunError(
        f"port {port} is in use",
        where="--port",
        why="another program listens there",
        fix=f"--port {port + 1 if port < 65535 else 0}",
    )
