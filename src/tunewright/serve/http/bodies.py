"""What clients send: the fields of OpenAI's API that change an answer, and those that we refuse.

In: JSON. Out: bodies, checked. Its own file because a field that would be ignored in silence must be refused: an answer
without the tools that were asked for looks like one with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_MESSAGES = 1_000
MAX_PROMPTS = 64
MAX_INPUTS = 2_048
"""Source: OpenAI's own limit for embeddings."""
MAX_STOPS = 16

_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    **dict.fromkeys(("tools", "functions", "logit_bias"), (None, [], {})),
    **dict.fromkeys(("tool_choice", "function_call"), (None, "none", "auto")),
    "response_format": (None, {"type": "text"}),
    **dict.fromkeys(("logprobs", "echo"), (None, False)),
    **dict.fromkeys(("top_logprobs", "presence_penalty", "frequency_penalty", "min_p"), (None, 0)),
    **dict.fromkeys(("n", "best_of", "repetition_penalty"), (None, 1)),
    "suffix": (None, ""),
    "top_k": (None, 0, -1),
    "modalities": (None, ["text"]),
    "audio": (None,),
    "dimensions": (None,),
}
"""Fields that we do not offer, with the values that ask for nothing."""

Text = Annotated[str, Field(max_length=2_000_000)]
Model = Annotated[str, Field(max_length=500, description="tuned or base, as GET /v1/models lists them")]


class Body(BaseModel):
    """What every request has."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    model: Model

    @model_validator(mode="before")
    @classmethod
    def _offered(cls, fields: Any) -> Any:
        if isinstance(fields, dict):
            asked = [name for name, neutral in _NEUTRAL.items() if name in fields and not _is_in(fields[name], neutral)]
            if asked:
                raise ValueError(f"{asked[0]} is not offered here: leave it out")
        return fields


class StreamOptions(BaseModel):
    """What a stream ends with."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    include_usage: bool | None = None


class Writing(Body):
    """How an answer is written."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    """Left out: 0, as evaluation measured the model; OpenAI's own default is 1."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int | None = Field(default=None, ge=1, le=10_000_000)
    """Left out: the run's evaluate.max_new_tokens. No more than the context leaves."""
    stop: Annotated[str, Field(max_length=500)] | list[Annotated[str, Field(max_length=500)]] | None = None
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(filter(None, given))[:MAX_STOPS]

    @property
    def wants_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


class TextPart(BaseModel):
    """A part of a message; we read text alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["text"]
    text: Text


class Turn(BaseModel):
    """One message."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | Annotated[list[TextPart], Field(max_length=MAX_MESSAGES)] | None = None

    def as_turn(self) -> dict[str, str]:
        """As a training file has it."""
        parts = self.content or ""
        text = parts if isinstance(parts, str) else "".join(part.text for part in parts)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class ChatBody(Writing):
    """POST /v1/chat/completions"""

    messages: list[Turn] = Field(min_length=1, max_length=MAX_MESSAGES)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=10_000_000)


class CompletionBody(Writing):
    """POST /v1/completions"""

    prompt: (
        Text
        | Annotated[list[Text], Field(min_length=1, max_length=MAX_PROMPTS)]
        | Annotated[list[int], Field(min_length=1, max_length=1_000_000)]
        | Annotated[list[list[int]], Field(min_length=1, max_length=MAX_PROMPTS)]
    )

    @property
    def prompts(self) -> list[str | list[int]]:
        if isinstance(self.prompt, str):
            return [self.prompt]
        ids = [one for one in self.prompt if isinstance(one, int)]
        return [ids] if ids else [one for one in self.prompt if not isinstance(one, int)]


class Inputs(Body):
    """Texts."""

    input: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_INPUTS)]

    @property
    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else list(self.input)


class EmbeddingBody(Inputs):
    """POST /v1/embeddings"""

    encoding_format: Literal["float", "base64"] | None = None


class ClassifyBody(Inputs):
    """POST /v1/classify"""

    abstain_below: float | None = Field(default=None, ge=0, le=1)
    """No label where the likeliest has a smaller probability."""
    min_accuracy: float | None = Field(default=None, gt=0, lt=1)
    """0.9, 0.95, 0.98 or 0.99: no label where the run's validation does not promise this accuracy."""


def _is_in(value: Any, neutral: tuple[Any, ...]) -> bool:
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in neutral)
