"""A row as its task sees it: text with a class, or turns with the trained ones marked.

In: Row. Out: Example. Its own file because training, evaluation, prediction and serving must all see a row the same
way: this is the only place that decides it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tunewright.core.label_sets import labels_of
from tunewright.core.scale import Scale
from tunewright.core.values import Example, Message, Row, Task
from tunewright.text.clean import clean_text


def render(row: Row, *, task: Task, labels: Sequence[str] = (), scale: Scale | None = None) -> Example:
    """The example that the model learns from or is asked.

    labels: sorted label names (classify); a label outside them has no index and counts as wrong when scored.
    scale: of the train rows' numbers (regress); None where a row is only asked.

    >>> render(Row("train:2", text="hi", label="b"), task="classify", labels=("a", "b")).label_index
    1
    """
    if task == "classify":
        index = labels.index(row.label) if row.label in labels else None
        return Example(row.row_id, text=row.text, label_index=index)
    if task == "multilabel":
        known = None if row.label is None else [labels.index(name) for name in labels_of(row.label) if name in labels]
        return Example(row.row_id, text=row.text, label_indices=None if known is None else tuple(known))
    if task == "regress":
        number = None if row.label is None or scale is None else scale.standard(float(row.label))
        return Example(row.row_id, text=row.text, number=number)
    if task == "text":
        return Example(row.row_id, text=row.text)
    return Example(row.row_id, messages=row.messages)


def prompt_of(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The turns before the last assistant turn: what the model is given when it must answer.

    >>> [m.role for m in prompt_of([Message("user", "2+2?"), Message("assistant", "4")])]
    ['user']
    """
    last = max((i for i, m in enumerate(messages) if m.role == "assistant"), default=len(messages))
    return tuple(messages[:last])


def reference_of(messages: Sequence[Message]) -> str:
    """The last assistant turn's text: what the answer is held against; empty without one."""
    return next((m.content for m in reversed(messages) if m.role == "assistant"), "")


def label_question(text: str, *, labels: Sequence[str], shown: Sequence[tuple[str, str]] = ()) -> tuple[Message, ...]:
    """The prompt that asks an untuned decoder for a label by name.

    shown: texts with their labels, as turns before it; the list of labels stands once, at the beginning.

    >>> [m.role for m in label_question("hi", labels=("a", "b"), shown=[("hello", "a")])]
    ['user', 'assistant', 'user']
    """
    texts = [f"Text: {one}\nLabel:" for one in (*(one for one, _ in shown), text)]
    texts[0] = f"Which of these labels fits the text best?\nLabels: {', '.join(labels)}\n{texts[0]}"
    answers = [label for _, label in shown]
    turns = [(Message("user", asks), Message("assistant", label)) for asks, label in zip(texts, answers, strict=False)]
    return (*(message for turn in turns for message in turn), Message("user", texts[-1]))


def with_examples(messages: Sequence[Message], shown: Sequence[Sequence[Message]]) -> tuple[Message, ...]:
    """A conversation with others before it, behind its own system message; only its own turns are answers.

    >>> hi, yes = Message("user", "hi"), Message("assistant", "yes", is_trained=True)
    >>> [(m.content, m.is_trained) for m in with_examples([hi, yes], [[hi, yes]])]
    [('hi', False), ('yes', False), ('hi', False), ('yes', True)]
    """
    n_system = sum(message.role == "system" for message in messages[:1])
    turns = [replace(m, is_trained=False) for some in shown for m in some if m.role != "system"]
    return (*messages[:n_system], *turns, *messages[n_system:])


def opening(system: str | None) -> tuple[Message, ...]:
    """How every conversation begins: the system message that the run was trained with, if it was."""
    return (Message("system", clean_text(system)),) if system and system.strip() else ()


def said(text: str) -> Message:
    """What a person says, cleaned as rows are."""
    return Message("user", clean_text(text))
