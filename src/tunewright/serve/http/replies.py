"""The JSON that OpenAI's clients read: whole answers, chunks of a stream, lists.

In: values. Out: dicts and lines. Its own file because it is all of their format and nothing of ours.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tunewright.core.values import Task
from tunewright.serve.answer import Answered
from tunewright.serve.queue.wanted import Reason

Form = Literal["chat", "text"]
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Heading:
    """What every part of one answer bears."""

    form: Form
    id: str
    model: str
    created: int

    def whole(self) -> dict[str, Any]:
        name = "chat.completion" if self.form == "chat" else "text_completion"
        return {"id": self.id, "object": name, "created": self.created, "model": self.model}

    def part(self) -> dict[str, Any]:
        name = "chat.completion.chunk" if self.form == "chat" else "text_completion"
        return {**self.whole(), "object": name}


def usage(n_prompt: int, n_written: int) -> dict[str, int]:
    return {"prompt_tokens": n_prompt, "completion_tokens": n_written, "total_tokens": n_prompt + n_written}


def choice(form: Form, index: int, text: str, reason: Reason) -> dict[str, Any]:
    """One whole answer."""
    said: dict[str, Any] = {"text": text} if form == "text" else {"message": {"role": "assistant", "content": text}}
    return {"index": index, **said, "logprobs": None, "finish_reason": reason}


def piece(form: Form, index: int, text: str, *, is_first: bool = False) -> dict[str, Any]:
    """Some more of it."""
    delta = {"role": "assistant", "content": text} if is_first else {"content": text}
    said = {"text": text} if form == "text" else {"delta": delta}
    return {"index": index, **said, "logprobs": None, "finish_reason": None}


def end(form: Form, index: int, reason: Reason) -> dict[str, Any]:
    said: dict[str, Any] = {"text": ""} if form == "text" else {"delta": {}}
    return {"index": index, **said, "logprobs": None, "finish_reason": reason}


def line(value: Mapping[str, Any]) -> bytes:
    """One event of a stream.

    >>> line({"a": 1})
    b'data: {"a":1}\\n\\n'
    """
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def embeddings(vectors: Sequence[Sequence[float]], *, model: str, is_base64: bool, n_tokens: int) -> dict[str, Any]:
    """float, or base64 of little-endian float32, which the official client asks for."""
    data = [
        {"object": "embedding", "index": i, "embedding": _base64(vector) if is_base64 else list(vector)}
        for i, vector in enumerate(vectors)
    ]
    return {
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": n_tokens, "total_tokens": n_tokens},
    }


def labelled(
    found: Answered, index: int, *, task: Task, labels: Sequence[str], abstains_below: float
) -> dict[str, Any]:
    """One text's answer: label null where it is not sure enough; labels, number for models that give those."""
    if found.error:
        return {"index": index, "label": None, "error": found.error}
    if task == "regress":
        return {"index": index, "number": found.number}
    probabilities = dict(zip(labels, found.probabilities, strict=False)) or None
    if task == "multilabel":
        return {"index": index, "labels": json.loads(found.answer), "probabilities": probabilities}
    is_unsure = found.probability is not None and found.probability < abstains_below
    return {
        "index": index,
        "label": None if is_unsure else found.answer,
        "probability": found.probability,
        "probabilities": probabilities,
        "abstained": is_unsure,
    }


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
