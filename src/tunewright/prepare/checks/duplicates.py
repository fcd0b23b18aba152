"""Rows that repeat an earlier one: same text, or same conversation.

In: rows of each file. Out: who goes and whose row it repeats, and a finding for each file. Its own file because it is
one question: does training see this row twice?
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tunewright.core.values import Action, Dropped, Finding, Split
from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.prepare.keys import Keyed, by_text
from tunewright.tables.words import rows

NAME = "duplicates"


def look(shown: Look) -> Found:
    """Train rows that repeat another go (when asked to); repeated rows of other files are said, and stay."""
    findings: list[Finding] = []
    dropped: list[Dropped] = []
    for split, part in shown.rows.items():
        texts = by_text(part)
        action = shown.actions[NAME] if split == "train" else "report"
        findings += _found(split, texts, action=action)
        if action == "drop":
            by_label = shown.actions["conflicting_labels"] != "fix"
            dropped += [gone for text in texts for gone in _repeats(text, by_label=by_label)]
    return Found(tuple(findings), tuple(dropped))


CHECK = Check("row that repeats another", ("given",), look, actions=("drop", "report"))


def _repeats(text: Sequence[Keyed], *, by_label: bool) -> list[Dropped]:
    """All rows of one text but the one that stays: the first of each label, or the first with the most common one."""
    stays: dict[str | None, Keyed] = {}
    for k in text:
        stays.setdefault(k.row.label, k)
    if not by_label:
        counts = Counter(k.row.label for k in text)
        common = max(counts, key=lambda label: counts[label])  # the first of the most common
        stays = dict.fromkeys(counts, stays[common])
    return [_repeat(k, stays[k.row.label]) for k in text if k is not stays[k.row.label]]


def _repeat(k: Keyed, first: Keyed) -> Dropped:
    other = "" if k.row.label == first.row.label else f" under the label {first.row.label!r}, not {k.row.label!r}"
    return Dropped(k.row.row_id, "duplicate", f"says the same as {first.row.row_id}{other}")


def _found(split: Split, texts: Sequence[Sequence[Keyed]], *, action: Action) -> tuple[Finding, ...]:
    again = [k.row.row_id for text in texts for k in text[1:]]
    if not again:
        return ()
    n_exact = sum(len(text) - len({k.whole_exact for k in text}) for text in texts)
    how = "word for word"
    if n_exact < len(again):
        how = f"up to case and punctuation ({n_exact:,} of them word for word)"
    done = "the first one stays" if action == "drop" else "all stay"
    change = "keep them: prepare.actions.duplicates=report"
    if action != "drop":
        change = (
            "keep one of each: prepare.actions.duplicates=drop"
            if split == "train"
            else f"mend data.{split} if it matters"
        )
    return (
        Finding(
            NAME,
            "info",
            f"{rows(len(again), split)} {'repeats' if len(again) == 1 else 'repeat'} an earlier one {how}; {done}",
            tuple(again),
            change,
            action,
        ),
    )
