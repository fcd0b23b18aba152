"""Rows that say the same: repeated ones, and the same text under different labels.

In: train rows with their keys, and what to do. Out: Deduplicated: who stays, who goes and whose row it repeats.
Its own file because it is the one place that takes readable rows out of training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.core.values import Action, Dropped, Finding, Split
from tunewright.prepare.keys import Keyed
from tunewright.tables.words import few, rows

DUPLICATES = "duplicates"
CONFLICTS = "conflicting_labels"


@dataclass(frozen=True, slots=True)
class Deduplicated:
    """kept + dropped = rows, always; kept rows are in their order."""

    kept: tuple[Keyed, ...]
    dropped: tuple[Dropped, ...]
    findings: tuple[Finding, ...]


def deduplicated(train: Sequence[Keyed], *, duplicates: Action, conflicts: Action) -> Deduplicated:
    """Train rows with one row for each text (each conversation).

    duplicates: drop leaves the first row of each; report leaves all.
    conflicts, for a text with different labels: fix leaves the first row with its most common label (when repeated
    rows may go), report one row for each label, drop none.
    """
    if conflicts == "fix" and duplicates != "drop":
        conflicts = "report"
    texts = _by_text(train)
    clashes = [text for text in texts if len({k.row.label for k in text}) > 1]
    gone: dict[str, Dropped] = {}
    if conflicts == "drop":
        gone = {k.row.row_id: _conflict(k, text) for text in clashes for k in text}
    if duplicates == "drop":
        for text in texts:
            gone |= {d.row_id: d for d in _repeats(text, by_label=conflicts != "fix") if d.row_id not in gone}
    return Deduplicated(
        kept=tuple(k for k in train if k.row.row_id not in gone),
        dropped=tuple(gone[k.row.row_id] for k in train if k.row.row_id in gone),
        findings=(*_found_repeats("train", texts, action=duplicates), *_found_conflicts(clashes, conflicts)),
    )


def reported_duplicates(split: Split, held_out: Sequence[Keyed]) -> tuple[Finding, ...]:
    """Repeated rows of a validation or test file: they are said, and stay."""
    return _found_repeats(split, _by_text(held_out), action="report")


def _by_text(rows_: Sequence[Keyed]) -> list[list[Keyed]]:
    """Rows that say the same, in order, by first appearance; only texts that stand there twice or more."""
    texts: dict[str, list[Keyed]] = {}
    for k in rows_:
        texts.setdefault(k.whole, []).append(k)
    return [text for text in texts.values() if len(text) > 1]


def _repeats(text: Sequence[Keyed], *, by_label: bool) -> list[Dropped]:
    """All rows of one text but the one that stays (for each label)."""
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


def _conflict(k: Keyed, text: Sequence[Keyed]) -> Dropped:
    others = few([other.row.row_id for other in text if other is not k])
    return Dropped(k.row.row_id, CONFLICTS, f"labelled {k.row.label!r}; the same text has another label in {others}")


def _found_repeats(split: Split, texts: Sequence[Sequence[Keyed]], *, action: Action) -> tuple[Finding, ...]:
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
            DUPLICATES,
            "info",
            f"{rows(len(again), split)} {'repeats' if len(again) == 1 else 'repeat'} an earlier one {how}; {done}",
            tuple(again),
            change,
            action,
        ),
    )


def _found_conflicts(clashes: Sequence[Sequence[Keyed]], action: Action) -> tuple[Finding, ...]:
    if not clashes:
        return ()
    ids = tuple(k.row.row_id for text in clashes for k in text)
    first = clashes[0]
    labels = " and ".join(sorted({repr(k.row.label) for k in first}))
    done = {
        "fix": "the most common label of each stays (of equals, the first)",
        "drop": "all of them are dropped",
        "report": "every label stays",
    }[action]
    return (
        Finding(
            CONFLICTS,
            "warning",
            f"{len(clashes)} {'text has' if len(clashes) == 1 else 'texts have'} different labels "
            f"({rows(len(ids), 'train')}), as {first[0].row.text[:60]!r}: {labels}; {done}",
            ids,
            "correct the labels in the file, or leave all out: prepare.actions.conflicting_labels=drop",
            action,
        ),
    )
