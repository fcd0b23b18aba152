"""Answers of an address, kept as they come: what was paid for once is not asked again.

In: a file, questions. Out: the Replies that it has, new ones written behind them. Its own file because a stopped or
changed evaluation goes on from it: the key of an answer is the whole request, so another question finds nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tunewright.core.files import digest, json_text, line_writer
from tunewright.core.values import Message
from tunewright.evaluate.remote.reply import Failure, Reply
from tunewright.evaluate.remote.send import Address


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about one row."""

    row_id: str
    messages: tuple[Message, ...]
    max_tokens: int


def request_body(question: Question, address: Address) -> dict[str, Any]:
    """What is sent: the likeliest answer, nothing drawn."""
    body = {
        "model": address.api.model,
        "messages": [{"role": m.role, "content": m.content} for m in question.messages],
        "temperature": 0,
        "max_tokens": question.max_tokens,
    }
    return {name: value for name, value in (body | address.api.body).items() if value is not None}


def request_key(question: Question, address: Address) -> str:
    """Of the address and all that is sent: never of the key that opens it."""
    return digest([address.api.endpoint, request_body(question, address)])


@dataclass(frozen=True, slots=True)
class Known:
    """What the file says, by request key."""

    replies: Mapping[str, Reply]
    failures: Mapping[str, str]
    """Why, of those that have no reply."""

    def of(self, keys: Collection[str]) -> Known:
        """Of these alone."""
        return Known(
            {key: reply for key, reply in self.replies.items() if key in keys},
            {key: why for key, why in self.failures.items() if key in keys},
        )


def read_kept(path: Path) -> Known:
    """A line that a kill has torn, or that somebody changed, is left out."""
    replies: dict[str, Reply] = {}
    failures: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n") if path.is_file() else ():
        try:
            record = json.loads(line)
            key = str(record["key"])
            if "failed" in record:
                failures[key] = str(record["failed"])
                continue
            replies[key] = Reply(**record["reply"])
        except (ValueError, TypeError, KeyError):
            continue
    return Known(replies, {key: why for key, why in failures.items() if key not in replies})


@dataclass(frozen=True, slots=True)
class Keeper:
    """Writes behind what is there; each line is on disk when the call returns."""

    write: Callable[[str], None]

    def keep(self, question: Question, address: Address, found: Reply | Failure) -> None:
        what = {"failed": found.why} if isinstance(found, Failure) else {"reply": asdict(found)}
        line = {"key": request_key(question, address), "row_id": question.row_id, **what}
        self.write(json_text(line, indent=None))


@contextmanager
def keeper(path: Path) -> Iterator[Keeper]:
    """Raises RunError where the file cannot be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with line_writer(path) as write:
        yield Keeper(write)
