"""The account of rows and tokens: what was read, kept, dropped and mended.

In: a draft's rows and the token account. Out: the content of ledger.json. Its own file because it is a public contract
and an identity: rows_read = rows_kept + rows_dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tunewright.core.values import SPLITS, Dropped, Row, Split
from tunewright.prepare.turns import turn_account


def ledger(
    *,
    rows_read: int,
    splits: Mapping[Split, Sequence[Row]],
    dropped: Sequence[Dropped],
    repaired: Mapping[str, int],
    tokens: Mapping[str, Any] | None,
    reviewed: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """{rows_read, rows_kept, dropped, repaired, tokens, reviewed, turns}.

    tokens are empty when none was counted (a refused run). reviewed: row id to what a person decided, in their word.
    turns: empty where rows are no conversations.
    """
    kept = {split: len(splits[split]) for split in SPLITS}
    assert rows_read == sum(kept.values()) + len(dropped), (rows_read, kept, len(dropped))
    return {
        "rows_read": rows_read,
        "rows_kept": kept,
        "dropped": dict(sorted(Counter(d.reason for d in dropped).items())),
        "repaired": dict(sorted(repaired.items())),
        "tokens": dict(tokens or {}),
        "reviewed": dict(reviewed or {}),
        "turns": {s: asdict(turn_account(part)) for s, part in splits.items() if any(row.messages for row in part)},
    }
