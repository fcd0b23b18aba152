"""The known texts that are most like another: by the words they share.

In: known texts, asked texts. Out: for each asked text the places of the nearest known ones. Its own file because it
is a search over all pairs whose memory must stay small, and no model is asked.
Axes: N asked texts of a part, K known texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from tunewright.text.keywords import keyword_features

PART_SCORES = 4_000_000
"""Similarities that are held at once: 32 MB."""


def nearest(known: Sequence[str], asked: Sequence[str], *, n: int) -> tuple[tuple[int, ...], ...]:
    """Places of the n nearest, the nearest first, by cosine of the keyword model's TF-IDF features (text/keywords).

    Equally near ones in their own order; fewer than n only where fewer are known.

    >>> nearest(["the card is lost", "why this fee", "my card"], ["a lost card", "a fee"], n=2)
    ((0, 2), (1, 0))
    """
    n = min(n, len(known))
    if not any(re.search(r"\w", text) for text in known):
        return (tuple(range(n)),) * len(asked)
    features = keyword_features(known)
    known_KW = features.fit_transform(known).tocsr()
    size = max(1, PART_SCORES // max(1, len(known)))
    found: list[tuple[int, ...]] = []
    for start in range(0, len(asked), size):
        part_NK = (features.transform(asked[start : start + size]) @ known_KW.T).toarray()
        found += [tuple(line) for line in np.argsort(-part_NK, axis=1, kind="stable")[:, :n].tolist()]
    return tuple(found)
