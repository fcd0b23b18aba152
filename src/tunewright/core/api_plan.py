"""A model behind an address, as evaluate.apis of the plan describes it.

In: a dict of values. Out: ApiPlan, or a complaint that repeats no value. Its own file because of all fields only these
stand beside a secret: the plan holds the name of a variable, never what is in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from tunewright.core.errors import PlanError
from tunewright.core.section import Section

FIELD = "evaluate.apis"
EXAMPLE = "{local: {url: http://127.0.0.1:8000/v1, model: qwen3}}"
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
"""Capitals only: hf_ and gsk_ begin keys, which must not pass for the name of a variable."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_LOCAL = ("127.0.0.1", "localhost", "::1")


class ApiPlan(Section):
    """How one model is asked over an OpenAI-compatible address."""

    url: str
    """Where, as in https://api.example.com/v1; /chat/completions is added."""
    model: str = Field(min_length=1)
    """What the address calls the model."""
    key_env: str | None = None
    """Name of the environment variable that holds the key. Left out: no key is sent."""
    price_in: float | None = Field(default=None, ge=0)
    """Of a million tokens that are sent, in your money. Left out: no price is told."""
    price_out: float | None = Field(default=None, ge=0)
    """Of a million tokens that are written."""
    timeout_seconds: float = Field(default=60.0, gt=0, le=3600)
    """Longest wait for one answer."""
    at_once: int = Field(default=4, ge=1, le=64)
    """Questions that are under way together."""
    body: dict[str, Any] = Field(default_factory=dict)
    """What else stands in every request, or instead of what we write; null leaves a field out."""

    @field_validator("url")
    @classmethod
    def _is_plain_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if not value.isascii() or parts.port == 0:  # a port that is none is a ValueError of its own
            raise ValueError("an address is written in ASCII, with a port from 1 to 65535")
        if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", value):
            raise ValueError("an address begins with https:// or http:// and a host")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("an address holds no user, password or query here: the key stands in a variable, key_env")
        return value

    @field_validator("key_env")
    @classmethod
    def _is_a_name(cls, value: str | None) -> str | None:
        if value is not None and not _VARIABLE.fullmatch(value):
            raise ValueError("it is the name of an environment variable, in capitals, never the key itself")
        return value

    @field_validator("body")
    @classmethod
    def _is_json(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            json.dumps(value, allow_nan=False)
        except TypeError as error:
            raise ValueError("it holds what JSON has no word for, as a date: put quotes around it") from error
        return value

    @property
    def endpoint(self) -> str:
        """Where questions are sent; a bare host gets /v1.

        >>> ApiPlan(url="http://127.0.0.1:8000", model="m").endpoint
        'http://127.0.0.1:8000/v1/chat/completions'
        """
        url = self.url.rstrip("/")
        if url.endswith("/chat/completions"):
            return url
        return f"{url}{'' if urlsplit(url).path else '/v1'}/chat/completions"

    @property
    def host(self) -> str:
        """With its port, as a person knows it."""
        return urlsplit(self.url).netloc

    @property
    def is_local(self) -> bool:
        """This very machine: nothing leaves it."""
        return urlsplit(self.url).hostname in _LOCAL


def refuse_odd_names(apis: Mapping[str, ApiPlan]) -> Mapping[str, ApiPlan]:
    """Raises ValueError for a name that no file can have: answers are kept under it."""
    for name in apis:
        if not _NAME.fullmatch(name):
            raise ValueError("a name is one short word: letters, digits, dots, dashes")
    return apis


def wrong_api(path: Sequence[str], complaint: Mapping[str, Any], *, where: str) -> PlanError:
    """pydantic's complaint about evaluate.apis, without what was written: it may be a key."""
    field = ".".join(path)
    known = ", ".join(ApiPlan.model_fields)
    words = str(complaint["msg"]).removeprefix("Value error, ").replace("Input should be", "it takes").replace("'", "")
    what, why = f"{field} cannot be what stands there", words
    if complaint["type"] == "extra_forbidden":
        what, why = f"an address has no field {path[-1]}", f"it has {known}"
    elif complaint["type"] == "missing":
        what, why = f"{field} is left out", "an address needs url and model"
    return PlanError(what, where=where, why=why, fix=f"'{FIELD}={EXAMPLE}'")
