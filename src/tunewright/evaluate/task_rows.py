"""The rows on which a tuned model is held against itself before tuning: a bounded, seeded part.

In: rows, a tokenizer. Out: encoded rows. Its own file because what was forgotten and what was learned by heart are
measured on rows drawn by one rule, and the rule bounds what that costs.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from tunewright.core.plan import Plan
from tunewright.core.values import Encoded, Row
from tunewright.model.load import Loaded
from tunewright.text.encode import encode
from tunewright.text.render import render

ROWS = {"cpu": 64}
ROWS_ON_GPU = 200
TOKENS_A_ROW = 256
"""On average: more rows are left out once this many tokens have been drawn."""


def drawn(rows: Sequence[Row], *, plan: Plan, name: str) -> tuple[Row, ...]:
    """At most 64 rows on a processor, 200 on a GPU, in the file's order. name: another draw for another purpose."""
    most = ROWS.get(plan.run.device, ROWS_ON_GPU)
    if len(rows) <= most:
        return tuple(rows)
    kept = set(random.Random(f"{name}:{plan.run.seed}").sample(range(len(rows)), most))
    return tuple(row for i, row in enumerate(rows) if i in kept)


def encoded_rows(rows: Sequence[Row], *, plan: Plan, loaded: Loaded) -> tuple[Encoded, ...]:
    """As in training; a long document is several pieces of one row."""
    length = min(plan.prepare.max_length, loaded.card.context_tokens)
    examples = [render(row, task=plan.task) for row in rows]
    return encode(examples, tokenizer=loaded.tokenizer, task=plan.task, max_length=length)


def bounded(encoded: Sequence[Encoded], *, n_rows: int) -> tuple[Encoded, ...]:
    """The first pieces that have no more than TOKENS_A_ROW tokens for each of n_rows; one at least."""
    kept: list[Encoded] = []
    size = 0
    for piece in encoded:
        size += len(piece)
        if kept and size > n_rows * TOKENS_A_ROW:
            break
        kept.append(piece)
    return tuple(kept)
