"""One question sent to an address, again where another try may help.

In: Address, a request's body. Out: Reply or Failure. Its own file because it is the one place that opens a connection:
where to, with which key, how long, and how often.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tunewright.core.api_plan import FIELD, ApiPlan
from tunewright.evaluate.remote.reply import Failure, Reply, parsed_reply, refused

TRIES = 5
FIRST_WAIT_SECONDS = 1.0
"""Before the second try; twice as long before each further one: 15 s in all, as a busy server needs to recover."""
MOST_WAIT_SECONDS = 120.0
"""A server that asks for a longer pause is left alone: the next run goes on."""
MOST_BYTES = 16_000_000
"""Of a response: an answer of 512 tokens has a few thousand."""
MOST_ERROR_BYTES = 20_000
HIDDEN = "***"
SECRET_CHARACTERS = 12
"""A shorter key (`none`, `EMPTY`) is a word that an answer may have."""

Wait = Callable[[float], object]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a model answers, and how it is asked."""

    name: str
    """As evaluate.apis calls it."""
    api: ApiPlan
    key: str = field(default="", repr=False)

    @property
    def where(self) -> str:
        """As an error names it."""
        return f"{FIELD}.{self.name} ({self.api.host})"

    def fix(self, words: str) -> str:
        return words.format(field=f"{FIELD}.{self.name}", key_env=self.api.key_env or f"{FIELD}.{self.name}.key_env")


class _Stays(urllib.request.HTTPRedirectHandler):
    """No redirect is followed: urllib would take the key along to another host."""

    def redirect_request(self, *_: Any) -> None:
        return None


def asked(
    address: Address, body: Mapping[str, Any], *, stop: threading.Event, wait: Wait, n_tries: int = TRIES
) -> Reply | Failure:
    """The answer of the first try that has one.

    stop: nobody waits for another try any more. wait: seconds -> whatever, after they have passed.
    """
    draws = random.Random(json.dumps(body, sort_keys=True))
    found: Reply | Failure = Failure("it was not asked", "try")
    for attempt in range(n_tries):
        found = _posted(address, body)
        if isinstance(found, Failure) and (found.wait_seconds or 0.0) > MOST_WAIT_SECONDS:
            return replace(found, why=f"{found.why}: it asks to wait {found.wait_seconds:,.0f} s", reach="all")
        if isinstance(found, Reply) or found.reach != "try" or attempt == n_tries - 1 or stop.is_set():
            break
        wait(wait_seconds(found, attempt=attempt, draw=draws.random()))
        if stop.is_set():
            break
    return found


def wait_seconds(failure: Failure, *, attempt: int, draw: float) -> float:
    """What the server asks for; else 1, 2, 4, 8 s, each up to a half longer, so that not all come back together.

    >>> wait_seconds(Failure("HTTP 500", "try"), attempt=2, draw=0.5), wait_seconds(
    ...     Failure("HTTP 429", "try", wait_seconds=7.0), attempt=2, draw=0.5)
    (5.0, 7.0)
    """
    if failure.wait_seconds is not None:
        return failure.wait_seconds
    return FIRST_WAIT_SECONDS * float(2**attempt) * (1 + draw / 2)


def _posted(address: Address, body: Mapping[str, Any]) -> Reply | Failure:
    found = _tried(address, body)
    return replace(found, why=_without_key(found.why, address, least=1)) if isinstance(found, Failure) else found


def _tried(address: Address, body: Mapping[str, Any]) -> Reply | Failure:
    api, started = address.api, time.perf_counter()
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "tunewright"}
    if address.key:
        headers["Authorization"] = f"Bearer {address.key}"
    request = urllib.request.Request(api.endpoint, json.dumps(body).encode(), headers, method="POST")
    proxies = [urllib.request.ProxyHandler({})] if api.is_local else []
    try:
        with urllib.request.build_opener(_Stays, *proxies).open(request, timeout=api.timeout_seconds) as response:
            text = _read(response, until=started + api.timeout_seconds)
    except urllib.error.HTTPError as error:
        with error:
            text = error.read(MOST_ERROR_BYTES).decode("utf-8", "replace")
            text = _without_key(text, address, least=1)  # before it is cut, which could leave half a key
            return refused(error.code, text, retry_after=error.headers.get("Retry-After"))
    except TimeoutError:
        return _late(api)
    except (OSError, http.client.HTTPException, UnicodeError) as error:  # a host that is no name is a UnicodeError
        return _unreached(error, api)
    return parsed_reply(_without_key(text, address, least=SECRET_CHARACTERS), seconds=time.perf_counter() - started)


def _read(response: http.client.HTTPResponse, *, until: float) -> str:
    """Raises TimeoutError where the whole takes too long: a socket's own limit is for each piece."""
    found = b""
    while piece := response.read1(65_536):
        found += piece
        if time.perf_counter() > until:
            raise TimeoutError
        if len(found) > MOST_BYTES:
            raise http.client.HTTPException(f"it sent more than {MOST_BYTES // 1_000_000} MB")
    if response.length:  # read1 says nothing of a connection that ends early
        raise http.client.IncompleteRead(found, response.length)
    return found.decode("utf-8", "replace")


def _late(api: ApiPlan) -> Failure:
    return Failure(f"no answer within {api.timeout_seconds:g} s", "try", "{field}.timeout_seconds: a larger one")


def _unreached(error: Exception, api: ApiPlan) -> Failure:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return _late(api)
    words = str(getattr(reason, "strerror", "") or reason or type(reason).__name__)
    return Failure(f"it cannot be reached: {words}", "try", "look whether a server answers at {field}.url")


def _without_key(text: str, address: Address, *, least: int) -> str:
    """A server that repeats the key must not carry it into a file or onto the screen."""
    return text.replace(address.key, HIDDEN) if len(address.key) >= least else text
