"""How much each word carried an answer: how far the confidence falls when the word is left out.

In: a model's confidence in its own answer, with and without each piece. Out: importances in nats and their order.
Its own file because it is one method; its picture is only worth what faithfulness.py finds.
Source: Li, Monroe & Jurafsky 2016, "Understanding neural networks through representation erasure"; here the word is
deleted, not masked, because people write texts without a word and no mask token stands in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewright.explain.confidence import Confidence

Gone = frozenset[int]
"""Positions of the pieces that are left out."""
NOTHING: Gone = frozenset()


def single_removals(n_pieces: int) -> tuple[Gone, ...]:
    """Nothing gone, then each piece alone; nothing at all to ask when leaving one out leaves nothing to read.

    >>> [sorted(gone) for gone in single_removals(2)]
    [[], [0], [1]]
    """
    return (NOTHING, *(frozenset((i,)) for i in range(n_pieces) if n_pieces > 1))


def importances_nats(confidence: Mapping[Gone, Confidence], *, n_pieces: int) -> tuple[float, ...]:
    """For each piece; above 0: it spoke for the answer, below: against. Empty when it could not be left out."""
    if n_pieces < 2:
        return ()
    whole = confidence[NOTHING].log_p_nats
    return tuple(whole - confidence[frozenset((i,))].log_p_nats for i in range(n_pieces))


def by_importance(importances: Sequence[float]) -> tuple[int, ...]:
    """Positions, the most important first; of equals the one that is read first.

    >>> by_importance((0.1, 2.0, -1.0, 0.1))
    (1, 0, 3, 2)
    """
    return tuple(sorted(range(len(importances)), key=lambda i: (-importances[i], i)))
