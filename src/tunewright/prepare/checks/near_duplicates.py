"""Train rows that are nearly the same.

In: train rows without exact repeats. Out: a finding, the clusters as evidence, and who goes. Its own file because near
copies are often meant: they are shown, and dropped only when asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.core.values import Dropped, Finding
from tunewright.prepare.checks.check import Check, Evidence, Found, Look
from tunewright.prepare.checks.ends import is_long, joined_ends, partly
from tunewright.prepare.keys import Keyed, whole_words
from tunewright.prepare.similar import LEAST, Pair, clusters, similar_pairs
from tunewright.tables.words import few, rows

NAME = "near_duplicates"


def look(shown: Look) -> Found:
    """drop leaves of near copies with the same label the first one; near copies with different labels are named.

    Of texts of megabytes the ends are compared, and all of it where rows are dropped.
    """
    train = shown.rows["train"]
    action = shown.actions[NAME]
    texts = [whole_words(k) for k in train]
    seen = texts if action == "drop" else list(map(joined_ends, texts))
    pairs = [pair for pair in similar_pairs(seen) if texts[pair.left] != texts[pair.right]]
    long = [k.row.row_id for k, text in zip(train, texts, strict=True) if action != "drop" and is_long(text)]
    all_of_it = f"compare all of it: prepare.actions.{NAME}=drop"
    in_part = partly(NAME, long, what="near copies", suggestion=all_of_it)
    if not pairs:
        return Found(in_part)
    groups = clusters(pairs)
    ids = tuple(train[i].row.row_id for i in sorted(i for group in groups for i in group))
    is_torn = shown.task != "regress"  # two numbers are seldom the same
    torn = [group for group in groups if is_torn and len({train[i].row.label for i in group}) > 1]
    labels = f"; {len(torn)} of the groups have rows with different labels, as {_torn(train, torn[0])}" if torn else ""
    dropped = tuple(_copies(train, pairs)) if action == "drop" else ()
    done = f"{rows(len(dropped))} left out" if action == "drop" else "all stay"
    message = (
        f"{rows(len(ids), 'train')} in {len(groups):,} groups are nearly the same "
        f"(at least {LEAST:g} of their 5-letter pieces are equal){labels}; {done}"
    )
    suggestion = f"keep one of each: prepare.actions.{NAME}=drop"
    if action == "drop":
        suggestion = f"keep them: prepare.actions.{NAME}=report"
    group_of = {i: group for group in groups[:SHOWN] for i in group}
    least: dict[Sequence[int], float] = {}
    for pair in pairs:
        if (group := group_of.get(pair.left)) is not None:  # the other one is in the same
            least[group] = min(pair.jaccard, least.get(group, 1.0))
    return Found(
        (Finding(NAME, "warning" if torn else "info", message, ids, suggestion, action), *in_part),
        dropped=dropped,
        evidence=tuple(
            Evidence(NAME, "cluster", tuple(train[i].row.row_id for i in group), least[group])
            for group in groups[:SHOWN]
        ),
    )


CHECK = Check("row that is nearly another", ("left",), look, actions=("report", "drop"))
SHOWN = 200
"""Clusters kept as evidence."""


def _torn(train: Sequence[Keyed], group: Sequence[int]) -> str:
    return few([f"{train[i].row.row_id} {train[i].row.label!r}" for i in group])


def _copies(train: Sequence[Keyed], pairs: Sequence[Pair]) -> list[Dropped]:
    """In file order: a row goes when a row that stays is nearly the same and says the same label."""
    nearest: dict[int, list[Pair]] = {}
    for pair in pairs:
        nearest.setdefault(pair.right, []).append(pair)
    gone: dict[int, Dropped] = {}
    for i in sorted(nearest):
        for pair in nearest[i]:
            twin = train[pair.left].row
            if pair.left not in gone and twin.label == train[i].row.label:
                gone[i] = Dropped(
                    train[i].row.row_id, NAME, f"nearly says what {twin.row_id} says ({pair.jaccard:.2f})"
                )
                break
    return list(gone.values())
