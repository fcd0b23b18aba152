"""What comes back from an address: an answer with its tokens, or why there is none and whether asking again may help.

In: the status, text and waiting time of a response. Out: Reply or Failure. Its own file because everything that a
server can say is read here, without a network.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from tunewright.text.private import masked, masked_start

Reach = Literal["try", "row", "all"]
"""try: another try may do. row: this question is refused. all: so will every other be."""

SHOWN_CHARACTERS = 200
"""Of what a server says."""
_TRY_AGAIN = (408, 409, 425, 429, 500, 502, 503, 504, 529)
"""529: overloaded, as some say it."""
_FOR_ALL = {
    401: "the key is not accepted: look at {key_env}",
    403: "the key may not use this model or address: look at {key_env} and {field}.model",
    404: "look at {field}.url, which often ends in /v1, and {field}.model",
    402: "the account has no money left",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    text: str
    is_stopped: bool
    """The model ended it itself, before the cap."""
    tokens_in: int | None
    """As the address counts them; None where it does not say."""
    tokens_out: int | None
    seconds: float
    """From sending to the last byte, of the try that succeeded."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a question has no answer."""

    why: str
    reach: Reach
    fix: str = ""
    """What a person can do; {field} and {key_env} stand for the address's own."""
    wait_seconds: float | None = None
    """What the server asks to wait before another try."""


def parsed_reply(text: str, *, seconds: float) -> Reply | Failure:
    """Of a response that says it went well.

    >>> parsed_reply('{"choices": [{"message": {"content": "4"}, "finish_reason": "stop"}]}', seconds=1.0).text
    '4'
    """
    try:
        body = json.loads(text)
    except ValueError:
        return _nonsense(f"what it sent is not JSON: {shown(text)}")
    except RecursionError:
        return _nonsense("what it sent is JSON too deep to read")
    if isinstance(body, dict) and body.get("error"):  # some say 200 and mean no
        return _refused_late(body["error"], text)
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return _nonsense(f"its reply has no choices: {shown(text)}")
    message, end = choices[0].get("message"), choices[0].get("finish_reason")
    content = _content(message.get("content")) if isinstance(message, dict) else None
    if content is None or (not content and end == "length"):
        hidden = ": all its tokens went into thinking" if end == "length" else ""
        return Failure(f"its reply has no text{hidden}", "row", "a larger evaluate.max_new_tokens, or {field}.body")
    n_in, n_out = (_count(body.get("usage"), of=name) for name in ("prompt_tokens", "completion_tokens"))
    return Reply(content, end != "length", n_in, n_out, seconds)


def _refused_late(error: Any, text: str) -> Failure:
    """A gateway that has begun its answer puts the status into it."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and 400 <= code < 600:
        return refused(code, text)
    return Failure(f"it says {shown(_message(text))}", "try", "look at {field}.model and {field}.body")


def refused(status: int, text: str, *, retry_after: str | None = None, now: float | None = None) -> Failure:
    """Of a response that says it did not go well.

    retry_after: the header. now: seconds since 1970, for a date that the server names.
    """
    said = shown(_message(text))
    why = f"HTTP {status}" + (f", it says {said}" if said else "")
    if 300 <= status < 400:
        return Failure(f"{why}: it has moved, and rows go nowhere else", "all", "write the new address: {field}.url")
    if status in _TRY_AGAIN:
        wait = _wait(retry_after, now=time.time() if now is None else now)
        fix = "ask slower: {field}.at_once=1, or later" if status == 429 else "run the same command again later"
        return Failure(why, "try", fix, wait)
    if status in _FOR_ALL:
        return Failure(why, "all", _FOR_ALL[status])
    return Failure(why, "row", "look at {field}.model and {field}.body: what the address takes is its own affair")


def shown(text: str) -> str:
    """The beginning, on one line; what is private in it is masked: servers quote the rows that they refuse."""
    line = " ".join(text.split())
    if len(line) <= SHOWN_CHARACTERS:
        return masked(line)
    return f"{masked_start(line, least=SHOWN_CHARACTERS)[:SHOWN_CHARACTERS]} ..."


def _nonsense(why: str) -> Failure:
    return Failure(why, "try", "look at {field}.url: it must be OpenAI-compatible, and often ends in /v1")


def _content(value: Any) -> str | None:
    """A text, or a list of parts of which some are text."""
    if isinstance(value, list):
        parts = [part.get("text") for part in value if isinstance(part, dict)]
        return "".join(part for part in parts if isinstance(part, str)) if parts else None
    return value if isinstance(value, str) else None


def _count(usage: Any, *, of: str) -> int | None:
    value = usage.get(of) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _message(text: str) -> str:
    """The words of an error in JSON, or the text as it is, without tags."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return re.sub(r"<[^<>]*>", " ", text)
    error = body.get("error", body.get("detail", body.get("message"))) if isinstance(body, dict) else None
    found = error.get("message") if isinstance(error, dict) else error
    return str(found) if found else text


def _wait(value: str | None, *, now: float) -> float | None:
    """Retry-After: seconds, or a date. Source: RFC 9110, 10.2.3."""
    if value is None:
        return None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value.strip()):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None
