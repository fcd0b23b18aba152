"""What there is to look at behind each finding: the first rows themselves, side by side where they belong together.

In: findings and what the checks said, the rows as they were looked at. Out: Card for each check that found something,
small whatever the data's size, private values masked. Its own file because the page, the terminal and `--json` show the
same rows, and the rows are gone when the page is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from tunewright.core.values import SPLITS, Change, Dropped, Finding, Row, Split
from tunewright.prepare.checks.check import Evidence, Suspect
from tunewright.prepare.examine import Examined
from tunewright.prepare.keys import Keyed
from tunewright.prepare.marks import row_marks, said
from tunewright.text.marked import Marked, changed, marked, whole_detail
from tunewright.text.names import names_in, why_no_names, without_names
from tunewright.text.private import masked

SHOWN_GROUPS = 4
"""Of a check; the others are counted."""
SHOWN_ROWS = 4
"""Of a group, and rows of a check whose rows stand alone."""
LANGUAGE = "language"
"""Kind of evidence that counts: its value is a language's share, its words are the language."""
_SCANNED = 200
"""Rows of a finding whose partners are looked for."""
_SAME, _ALONE = "same", "alone"
_NAMES = "names"


@dataclass(frozen=True, slots=True)
class CardRow:
    """A row as a report shows it."""

    row_id: str
    place: str
    """The split it is in, or why it was left out."""
    label: str
    seems: str
    """What its label looks like; empty when nobody doubts it."""
    note: str
    text: Marked


@dataclass(frozen=True, slots=True)
class CardGroup:
    """Rows that are looked at side by side."""

    kind: str
    """As in evidence: exact, near, span, cluster ...; same: by their text or group; alone: they do not belong
    together."""
    value: float
    """How similar, as the check counts it; 1 for the same."""
    rows: tuple[CardRow, ...]
    n_rows: int
    """With those that are not shown."""


@dataclass(frozen=True, slots=True)
class CardChange:
    """A mended cell."""

    row_id: str
    field: str
    before: Marked
    after: Marked


@dataclass(frozen=True, slots=True)
class Card:
    """What to look at for one check."""

    check: str
    groups: tuple[CardGroup, ...]
    n_groups: int
    """With those that are not shown; 1 for rows that stand alone."""
    changes: tuple[CardChange, ...]
    n_changes: int


@dataclass(frozen=True, slots=True)
class Language:
    """A language and its share of the rows that are long enough to tell."""

    language: str
    share: float


@dataclass(frozen=True, slots=True)
class Cards:
    """cards.json."""

    cards: tuple[Card, ...] = ()
    languages: tuple[Language, ...] = ()


@dataclass(frozen=True, slots=True)
class _Group:
    kind: str
    ids: tuple[str, ...]
    value: float = 1.0
    words: str = ""


def cards(
    findings: Sequence[Finding],
    *,
    seen: Examined,
    sides: Mapping[Split, Sequence[Keyed]],
    splits: Mapping[Split, Sequence[Row]],
    dropped: Sequence[Dropped],
) -> Cards:
    """In the order of the findings.

    sides: the rows of each file before any was dropped. splits, dropped: where they went.
    """
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.check, []).append(finding)
    evidence: dict[str, list[Evidence]] = {}
    for one in seen.evidence:
        evidence.setdefault(one.check, []).append(one)
    groups = {check: _groups(check, some, evidence.get(check, ()), sides=sides) for check, some in found.items()}
    wanted = {row_id for some in groups.values() for group in some[:SHOWN_GROUPS] for row_id in group.ids[:SHOWN_ROWS]}
    facts = _Facts(
        rows={k.row.row_id: k.row for part in sides.values() for k in part if k.row.row_id in wanted},
        places=_places(wanted, splits=splits, dropped=dropped),
        suspects={(s.check, s.row_id): s for s in seen.suspects if s.row_id in wanted},
        details={d.row_id: d.detail for d in dropped if d.row_id in wanted},
    )
    changes: dict[str, list[Change]] = {}
    unnamed = {change.row_id for change in seen.changes if change.check == _NAMES}
    for change in seen.changes:
        if change.row_id not in unnamed:  # a name that was taken out is not shown as it was
            changes.setdefault(change.check, []).append(change)
    made = (_card(check, groups[check], changes.get(check, ()), facts=facts) for check in found)
    languages = [one for one in seen.evidence if one.kind == LANGUAGE]
    return Cards(
        tuple(card for card in made if card.groups or card.changes),
        tuple(Language(one.words, one.value) for one in sorted(languages, key=lambda one: -one.value)),
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    """Of the rows that are shown."""

    rows: Mapping[str, Row]
    places: Mapping[str, str]
    suspects: Mapping[tuple[str, str], Suspect]
    details: Mapping[str, str]


def _places(wanted: set[str], *, splits: Mapping[Split, Sequence[Row]], dropped: Sequence[Dropped]) -> dict[str, str]:
    places: dict[str, str] = {row.row_id: split for split in SPLITS for row in splits[split] if row.row_id in wanted}
    return {**places, **{d.row_id: f"left out: {d.reason.replace('_', ' ')}" for d in dropped if d.row_id in wanted}}


def _groups(
    check: str, findings: Sequence[Finding], evidence: Sequence[Evidence], *, sides: Mapping[Split, Sequence[Keyed]]
) -> list[_Group]:
    """The ones to look at first come first."""
    ids = tuple(dict.fromkeys(row_id for finding in findings for row_id in finding.row_ids))
    known = [_Group(one.kind, one.row_ids, one.value, one.words) for one in evidence if one.kind != LANGUAGE]
    if check == "leakage":
        paired = [replace(group, ids=_one_of_each_file(group.ids)) for group in known]
        return _some_of_each(sorted(paired, key=lambda group: -group.value))
    if known:
        return _torn_first(known, sides=sides)
    if check in _GROUPED:
        return _together(ids, _GROUPED[check], sides=sides)
    return [_Group(_ALONE, ids)] if ids else []


_GROUPED: Mapping[str, Callable[[Keyed], str | None]] = {
    "duplicates": lambda k: k.whole,
    "conflicting_labels": lambda k: k.whole,
    "group_overlap": lambda k: k.row.group,
}
"""Checks whose rows belong together, and by what."""


def _together(
    ids: Sequence[str], key: Callable[[Keyed], str | None], *, sides: Mapping[Split, Sequence[Keyed]]
) -> list[_Group]:
    """Rows with the same key as the finding's first and last rows: all that have it, in the order of the files."""
    wanted = {*ids[:_SCANNED], *ids[-_SCANNED:]}
    keys = {key(k) for part in sides.values() for k in part if k.row.row_id in wanted}
    together: dict[str, list[str]] = {}
    for part in sides.values():
        for k in part:
            own = key(k)
            if own is not None and own in keys:
                together.setdefault(own, []).append(k.row.row_id)
    return [_Group(_SAME, tuple(members)) for members in together.values() if len(members) > 1]


def _one_of_each_file(ids: Sequence[str]) -> tuple[str, ...]:
    """The first row of each file before the others: those are what stands side by side."""
    first = dict.fromkeys(row_id.partition(":")[0] for row_id in ids)
    heads = [next(row_id for row_id in ids if row_id.startswith(f"{role}:")) for role in first]
    return tuple(dict.fromkeys([*heads, *ids]))


_KINDS = ("exact", "span", "answer", "near", "reworded", "normalised")
"""What there is most to see in comes first."""


def _some_of_each(groups: Sequence[_Group]) -> list[_Group]:
    """The first of each kind before the others: a kind that is rarer is not hidden by one that is frequent."""
    first = {group.kind: i for i, group in reversed(list(enumerate(groups)))}
    heads = sorted(first.values(), key=lambda i: _KINDS.index(groups[i].kind) if groups[i].kind in _KINDS else -1)
    return [*(groups[i] for i in heads), *(group for i, group in enumerate(groups) if i not in heads)]


def _torn_first(groups: Sequence[_Group], *, sides: Mapping[Split, Sequence[Keyed]]) -> list[_Group]:
    """Groups whose rows have different labels before the others."""
    wanted = {row_id for group in groups for row_id in group.ids}
    labels = {k.row.row_id: k.row.label for part in sides.values() for k in part if k.row.row_id in wanted}
    return sorted(groups, key=lambda group: len({labels.get(row_id) for row_id in group.ids}) < 2)


def _card(check: str, groups: Sequence[_Group], changes: Sequence[Change], *, facts: _Facts) -> Card:
    """A mended row is shown once, as it was and as it is."""
    diffs = tuple(islice(filter(None, map(_change, changes)), SHOWN_ROWS))
    own = [group for group in groups if group.kind != _ALONE or not diffs]
    shown = [_group(check, group, facts=facts) for group in own[:SHOWN_GROUPS]]
    return Card(check, tuple(group for group in shown if group.rows), len(own), diffs, len(changes))


def _group(check: str, group: _Group, *, facts: _Facts) -> CardGroup:
    ids = group.ids[:SHOWN_ROWS]
    rows = [facts.rows.get(row_id) or Row(row_id, text=whole_detail(facts.details.get(row_id, ""))) for row_id in ids]
    rows = [_without_names(row) for row in rows] if check == _NAMES and not why_no_names() else rows
    texts = [said(row) for row in rows]
    spans = row_marks(check, rows, kind=group.kind, words=group.words)
    made = tuple(
        _row(check, row, marked(text, own), facts=facts, is_alone=group.kind == _ALONE)
        for row, text, own in zip(rows, texts, spans, strict=True)
    )
    is_told = any(row.text.text or row.label or row.note for row in made)
    return CardGroup(group.kind, round(group.value, 4), made if is_told else (), len(group.ids))


def _without_names(row: Row) -> Row:
    """A model found them once: it is asked again for the few rows that are shown."""
    text = said(row)
    (found,) = names_in([text])
    return Row(row.row_id, text=without_names(text, found), label=row.label)


def _row(check: str, row: Row, text: Marked, *, facts: _Facts, is_alone: bool) -> CardRow:
    suspect = facts.suspects.get((check, row.row_id))
    seems = suspect.suggestion if suspect else ""
    return CardRow(
        row_id=row.row_id,
        place=facts.places.get(row.row_id, ""),
        label=_short(row.label or ""),
        seems=_short(seems),
        note=_short(suspect.reason) if suspect and not seems and is_alone else "",
        text=text,
    )


def _short(text: str) -> str:
    return masked(text)[:120]


def _change(change: Change) -> CardChange | None:
    """None for one that would look the same on both sides: a private value that was masked."""
    before, after = changed(change.before, change.after)
    made = CardChange(change.row_id, change.field, marked(change.before, before), marked(change.after, after))
    return made if made.before.text != made.after.text else None
