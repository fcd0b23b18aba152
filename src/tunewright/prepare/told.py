"""What the checks said, as it may be told and written: private values masked.

In: findings, and everything else the checks came to. Out: the same, masked. Its own file because it is the one gate
between checks, which quote rows, and findings.json, evidence.json, review.csv, notes and screens: a check cannot forget
what is done here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tunewright.core.values import Finding, Row, Split
from tunewright.prepare.cards import LANGUAGE, cards
from tunewright.prepare.checks.check import Evidence
from tunewright.prepare.checks.private_rows import without
from tunewright.prepare.draft import Draft
from tunewright.prepare.examine import Examined
from tunewright.prepare.keys import Keyed
from tunewright.prepare.marks import said
from tunewright.text.clean import normalised
from tunewright.text.marked import marked, stretch
from tunewright.text.private import KINDS, masked


def as_told(draft: Draft, *, sides: Mapping[Split, Sequence[Keyed]]) -> Draft:
    """The draft with everything that was quoted masked, and the rows to look at behind each finding.

    sides: the rows of each file as they were looked at, before any was dropped.
    """
    shown = cards(draft.findings, seen=draft.seen, sides=sides, splits=draft.splits, dropped=draft.dropped)
    return replace(
        draft, findings=masked_findings(draft.findings), seen=masked_seen(draft.seen, sides=sides), cards=shown
    )


def masked_row(row: Row) -> tuple[Row, bool]:
    """The row without private values, and whether there were any."""
    label, group = (masked(cell) if cell else cell for cell in (row.label, row.group))
    told = without(replace(row, label=label, group=group), KINDS)
    return told, told != row


def masked_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings as they may be told: whatever a check has quoted of a row."""
    return tuple(replace(f, message=masked(f.message), suggestion=masked(f.suggestion)) for f in findings)


def masked_seen(seen: Examined, *, sides: Mapping[Split, Sequence[Keyed]]) -> Examined:
    """What the checks said, as it may be written: shared words as they stand in the row, masked.

    Normalised words have lost the signs by which an address or a number is known.
    """
    told = {one.row_ids[-1] for one in seen.evidence if _is_of_rows(one)}
    texts = {k.row.row_id: said(k.row) for part in sides.values() for k in part if k.row.row_id in told}
    return replace(
        seen,
        evidence=tuple(_masked_evidence(one, texts) for one in seen.evidence),
        suspects=tuple(replace(one, reason=masked(one.reason)) for one in seen.suspects),
        refusals=tuple(map(masked, seen.refusals)),
        not_run={check: masked(why) for check, why in seen.not_run.items()},
    )


def _is_of_rows(one: Evidence) -> bool:
    """Its words stand in its rows: a language's name does not, `es` may."""
    return bool(one.words and one.row_ids) and one.kind != LANGUAGE


def _masked_evidence(one: Evidence, texts: Mapping[str, str]) -> Evidence:
    text = texts.get(one.row_ids[-1], "") if _is_of_rows(one) else ""
    place = stretch(text, one.words) if text else None
    if place is None:  # what nobody finds in the row again is kept only if its signs still stand in it
        is_bare = " " in one.words and one.words == normalised(one.words)
        return replace(one, words="" if is_bare and text else masked(one.words))
    shown = marked(text, [place], most=4 * (place[1] - place[0]) + 100)
    return replace(one, words="".join(piece.text for piece in shown.pieces if piece.is_marked))
