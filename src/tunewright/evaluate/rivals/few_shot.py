"""Which train rows a question is asked with, and how many of them fit.

In: train and test rows. Out: for each test row its nearest train rows; of these the ones that a prompt has room for.
Its own file because what is shown decides what prompting can do: never a validation or test row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tunewright.core.values import Message, Row
from tunewright.text.nearest import nearest
from tunewright.text.render import prompt_of, reference_of

MOST_SHOWN = 8
"""Examples, since every one makes every prompt longer. Source for the nearest ones, the nearest last: Liu et al. 2022,
arXiv 2101.06804, Lu et al. 2022 on order; 8 as in most published prompts of chat models."""


def shown_rows(train: Sequence[Row], test: Sequence[Row], *, labels: Sequence[str]) -> Mapping[str, tuple[Row, ...]]:
    """By test row id, the nearest first.

    By the words of the question (text/nearest): no pass of a model over all train rows, and a decoder's own vectors are
    poor ones. A train row that repeats a test row is shown like any other: the tuned model has learned from it too, and
    what is left without such rows is told beside (without_leaked).
    """
    known = [row for row in train if can_be_shown(row, labels)]
    found = nearest([asked_text(row) for row in known], [asked_text(row) for row in test], n=MOST_SHOWN)
    return {row.row_id: tuple(known[i] for i in places) for row, places in zip(test, found, strict=True)}


def can_be_shown(row: Row, labels: Sequence[str]) -> bool:
    """It has an answer; a conversation's turns alternate, so that others can stand before and after it."""
    if not row.messages:
        return row.label in labels
    roles = [m.role for m in turns_of(row) if m.role != "system"]
    return bool(reference_of(row.messages)) and roles == ["user", "assistant"] * (len(roles) // 2)


def asked_text(row: Row) -> str:
    """What a row asks, without its answer and the system message."""
    return row.text or "\n".join(m.content for m in prompt_of(row.messages) if m.role != "system")


def fitting(nearest_first: Sequence[Row], *, fits: Callable[[tuple[Row, ...]], bool]) -> tuple[Row, ...]:
    """As many of the nearest as fit, the nearest last."""
    for n in range(len(nearest_first), 0, -1):
        shown = tuple(reversed(nearest_first[:n]))
        if fits(shown):
            return shown
    return ()


def turns_of(row: Row) -> tuple[Message, ...]:
    """Question and answer of a conversation, without what comes after the answer."""
    return (*prompt_of(row.messages), Message("assistant", reference_of(row.messages)))
