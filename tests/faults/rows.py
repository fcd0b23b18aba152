"""Rows of tables that the faults start from.

In: how many. Out: text. Its own file because most faults are one change to the same small table.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.pipeline.data import ENDINGS, WORDS

LABELLED: tuple[tuple[str, str], ...] = tuple(
    (f"{word} {ending}", label) for label, words in WORDS.items() for word in words for ending in ENDINGS[:4]
)
"""48 texts of 3 labels."""
PAIRS: tuple[dict[str, str], ...] = tuple(
    {"prompt": f"say {i}", "completion": f"you said {i}, fine"} for i in range(40)
)


def csv(rows: Sequence[Sequence[str]] = LABELLED, *, header: str = "text,label") -> str:
    """A table without anything to quote."""
    return "".join(line + "\n" for line in (header, *(",".join(row) for row in rows)))


def jsonl(rows: Sequence[object]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


ROWS = csv()
CHATS = jsonl(PAIRS)
