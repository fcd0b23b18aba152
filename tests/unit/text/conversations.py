"""Tokenizers, conversations and their rendering by hand, for the tests of this folder."""

from __future__ import annotations

from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from tests.tiny import CHATML, DECODER_SPECIAL, ENCODER_SPECIAL, THINKING, byte_tokenizer
from tunewright.core.values import Message

DECODER = byte_tokenizer(DECODER_SPECIAL, template=CHATML)
THINKER = byte_tokenizer(DECODER_SPECIAL, template=THINKING)
ENCODER = byte_tokenizer(ENCODER_SPECIAL)
START, END = 1, 2
"""Ids of <|im_start|> and <|im_end|>."""
NO_THOUGHT = "<think>\n\n</think>\n\n"

MARKERS = st.sampled_from(
    ["<|im_end|>", "<|im_start|>", "<|im_start|>assistant\n", "user", "assistant\n", "<think>", "\n"]
)
CONTENT = st.lists(st.text(max_size=8) | MARKERS, max_size=4).map("".join)
"""Any text, with what a template is made of inside it."""


@st.composite
def conversations(draw: st.DrawFn, *, contents: st.SearchStrategy[str] = CONTENT) -> tuple[Message, ...]:
    """System or not, then one to three exchanges; each answer is trained or not, the last one always."""
    messages = [Message("system", draw(contents))] if draw(st.booleans()) else []
    n = draw(st.integers(1, 3))
    for i in range(n):
        messages.append(Message("user", draw(contents)))
        messages.append(Message("assistant", draw(contents), is_trained=i == n - 1 or draw(st.booleans())))
    return tuple(messages)


def turns_of(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.content} for m in messages]


def ids_of(text: str, tokenizer: PreTrainedTokenizerFast = DECODER) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def chatml_by_hand(messages: tuple[Message, ...]) -> tuple[list[int], list[bool]]:
    """(ids, mask): every turn is start, role, line break, content, end, line break; content and end are trained."""
    ids: list[int] = []
    mask: list[bool] = []
    for m in messages:
        head, body, tail = ids_of(f"<|im_start|>{m.role}\n"), [*ids_of(m.content), END], ids_of("\n")
        ids += head + body + tail
        mask += [False] * len(head) + [m.is_trained] * len(body) + [False] * len(tail)
    return ids, mask
