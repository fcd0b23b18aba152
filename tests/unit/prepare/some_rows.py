"""Rows small enough to count in the head."""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.core.values import Message, Row


def labelled(pairs: Sequence[tuple[str, str]], *, role: str = "train") -> tuple[Row, ...]:
    """(text, label) pairs as rows train:2, train:3 ..."""
    return tuple(Row(f"{role}:{i}", text=text, label=label) for i, (text, label) in enumerate(pairs, start=2))


def asked(pairs: Sequence[tuple[str, str]], *, role: str = "train") -> tuple[Row, ...]:
    """(prompt, answer) pairs as conversations."""
    return tuple(
        Row(f"{role}:{i}", messages=(Message("user", prompt), Message("assistant", answer, is_trained=True)))
        for i, (prompt, answer) in enumerate(pairs, start=2)
    )
