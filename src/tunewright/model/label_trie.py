"""The labels as a trie of token ids: what several labels begin with stands there once.

In: the ids of each label. Out: Trie: the tokens that must be read to score or to choose a label, and what each of them
follows. Its own file because scoring and constrained decoding must walk the same trie.
Axes: F tokens that are read, E edges (one a distinct beginning), L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewright.text.chat import Tokenizer

ROOT = -1
"""Stands for the prompt: what a label's first token follows."""


@dataclass(frozen=True, slots=True)
class Trie:
    """A label's last token is an edge only: nothing follows it, so it need not be read."""

    tokens_F: tuple[int, ...]
    parents_F: tuple[int, ...]
    """The token before, as a place in tokens_F, or ROOT; always an earlier one."""
    depths_F: tuple[int, ...]
    """Tokens between it and the prompt."""
    edges_E: tuple[tuple[int, int], ...]
    """(place in tokens_F or ROOT, the token that comes after it)."""
    paths: tuple[tuple[int, ...], ...]
    """The edges of each label, in order."""

    @property
    def sees(self) -> NDArray[np.bool_]:
        """F x F: True where token f may see token g: itself and what the same label has before it."""
        sees_FF = np.eye(len(self.tokens_F), dtype=bool)
        for f, parent in enumerate(self.parents_F):
            if parent != ROOT:
                sees_FF[f] |= sees_FF[parent]
        return sees_FF


def label_ids(labels: Sequence[str], *, tokenizer: Tokenizer) -> tuple[tuple[int, ...], ...]:
    """As they are written after the template's prompt, by themselves."""
    return tuple(tuple(tokenizer(label, add_special_tokens=False)["input_ids"]) for label in labels)


def trie_of(labels: Sequence[tuple[int, ...]]) -> Trie:
    """labels: the ids of each, none empty.

    >>> trie = trie_of([(5, 6, 7), (5, 6, 8), (9,)])
    >>> trie.tokens_F, trie.parents_F, trie.edges_E
    ((5, 6), (-1, 0), ((-1, 5), (0, 6), (1, 7), (1, 8), (-1, 9)))
    """
    read: dict[tuple[int, ...], int] = {(): ROOT}
    edges: dict[tuple[int, ...], int] = {}
    for ids in labels:
        for end in range(1, len(ids) + 1):
            edges.setdefault(ids[:end], len(edges))
            if end < len(ids):
                read.setdefault(ids[:end], len(read) - 1)
    del read[()]
    return Trie(
        tokens_F=tuple(ids[-1] for ids in read),
        parents_F=tuple(read.get(ids[:-1], ROOT) for ids in read),
        depths_F=tuple(len(ids) - 1 for ids in read),
        edges_E=tuple((read.get(ids[:-1], ROOT), ids[-1]) for ids in edges),
        paths=tuple(tuple(edges[ids[:end]] for end in range(1, len(ids) + 1)) for ids in labels),
    )
