"""The checks of one moment, asked one after the other.

In: keyed rows and the actions. Out: Examined: the rows as they go on, and everything the checks said. Its own file
because here, and nowhere else, what a check proposes is done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from tunewright.core.events import ProgressEvent, Tracker, null_tracker
from tunewright.core.values import Action, Change, Dropped, Finding, Row, Split, Task
from tunewright.prepare.checks.check import Evidence, Found, Look, Looking, Moment, Suspect
from tunewright.prepare.checks.table import all_checks
from tunewright.prepare.keys import Keyed, keyed

Sides = Mapping[Split, tuple[Keyed, ...]]


@dataclass(frozen=True, slots=True)
class Examined:
    """Rows in their order; a row that is not in `sides` any more is in `dropped`."""

    sides: Sides
    findings: tuple[Finding, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    changes: tuple[Change, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    refusals: tuple[str, ...] = ()
    not_run: Mapping[str, str] = field(default_factory=dict)
    """Check to why it could not look."""

    def and_then(self, later: Examined) -> Examined:
        """What both said; the rows are the later one's."""
        return Examined(
            later.sides,
            self.findings + later.findings,
            self.dropped + later.dropped,
            self.changes + later.changes,
            self.suspects + later.suspects,
            self.evidence + later.evidence,
            self.refusals + later.refusals,
            {**self.not_run, **later.not_run},
        )

    @property
    def n_repaired(self) -> dict[str, int]:
        """Rows mended, by check."""
        return dict(Counter(check for check, _ in {(change.check, change.row_id) for change in self.changes}))


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every look of a run at its data."""

    task: Task
    actions: Mapping[str, Action]
    seed: int = 0
    fixed: frozenset[str] = frozenset()
    """As in keyed."""
    settled: frozenset[str] = frozenset()
    """Rows that a person decided about: once repaired they stay as they are."""


def examined(
    moment: Moment,
    sides: Sides,
    terms: Terms,
    *,
    own: frozenset[Split] = frozenset(),
    tell: Tracker = null_tracker,
) -> Examined:
    """Every check of the moment that concerns the task.

    What they mend is seen by the next check, what they drop goes when all have looked (the first one's reason stands).
    own: as in Look. tell hears which check is at work.
    """
    made, order = Examined(sides), _order(terms.task)
    for done, (when, name, work) in enumerate(order):
        if when != moment:
            continue
        tell(ProgressEvent(WHAT, done, len(order), unit="checks", now=name.replace("_", " ")))
        look = Look(terms.task, moment, made.sides, terms.actions, terms.seed, own)
        found = work(look) if moment == "repair" else _unsettled(work(look), terms.settled)
        mended, changes = _mended(made.sides, found.repaired, check=name, fixed=terms.fixed)
        made = made.and_then(
            Examined(
                mended,
                found.findings,
                found.dropped,
                changes,
                found.suspects,
                found.evidence,
                (found.refusal,) if found.refusal else (),
                {name: found.not_run} if found.not_run else {},
            )
        )
    n_done = sum(MOMENTS.index(when) <= MOMENTS.index(moment) for when, _, _ in order)
    tell(ProgressEvent(WHAT, n_done, len(order), unit="checks"))
    gone: dict[str, Dropped] = {}
    for drop in made.dropped:
        gone.setdefault(drop.row_id, drop)
    left = {split: tuple(k for k in part if k.row.row_id not in gone) for split, part in made.sides.items()}
    return replace(made, sides=left, dropped=_in_order(gone, sides))


def _order(task: Task) -> list[tuple[Moment, str, Looking]]:
    """Every look of a run at its data, one after the other."""
    return [
        (moment, name, check.look)
        for moment in MOMENTS
        for name, check in all_checks().items()
        if moment in check.moments and task in check.tasks and check.look
    ]


WHAT = "looking at the data"
MOMENTS: tuple[Moment, ...] = ("repair", "given", "left", "split")
"""At which this file is asked; the others are looked at where the work of the moment is done."""


def _unsettled(found: Found, settled: frozenset[str]) -> Found:
    """Without what concerns only rows that a person has decided about. A leak stays one: no word makes a row unseen."""
    if not settled:
        return found
    return replace(
        found,
        findings=tuple(_unsettled_finding(f, settled) for f in found.findings if not _is_settled(f, settled)),
        dropped=tuple(d for d in found.dropped if d.reason in _UNDECIDABLE or d.row_id not in settled),
        repaired={row_id: row for row_id, row in found.repaired.items() if row_id not in settled},
        suspects=tuple(s for s in found.suspects if s.row_id not in settled),
    )


def _is_settled(finding: Finding, settled: frozenset[str]) -> bool:
    return finding.check not in _UNDECIDABLE and bool(finding.row_ids) and settled.issuperset(finding.row_ids)


def _unsettled_finding(finding: Finding, settled: frozenset[str]) -> Finding:
    """What was said of rows that do not go after all is put right."""
    n = sum(row_id in settled for row_id in finding.row_ids)
    if not n or finding.check in _UNDECIDABLE or finding.action not in ("drop", "fix"):
        return finding
    note = f"{n:,} of these rows {'was' if n == 1 else 'were'} decided by a person and {'stays' if n == 1 else 'stay'}"
    return replace(finding, message=f"{finding.message} ({note} as decided)")


_UNDECIDABLE = frozenset({"leakage", "group_overlap"})


def changes_of(before: Row, after: Row, *, check: str) -> Iterable[Change]:
    """Every cell in which two forms of a row differ."""
    if before.text != after.text:
        yield Change(before.row_id, check, "text", before.text, after.text)
    if before.label != after.label:
        yield Change(before.row_id, check, "label", before.label or "", after.label or "")
    if len(before.messages) != len(after.messages):  # turns were put together: shown as a whole
        yield Change(before.row_id, check, "messages", _as_text(before), _as_text(after))
        return
    for i, (old, new) in enumerate(zip(before.messages, after.messages, strict=True), start=1):
        if old.content != new.content:
            yield Change(before.row_id, check, f"message {i}", old.content, new.content)


def _as_text(row: Row) -> str:
    return "\n\n".join(f"{message.role}: {message.content}" for message in row.messages)


def _mended(
    sides: Sides, repaired: Mapping[str, Row], *, check: str, fixed: frozenset[str]
) -> tuple[Sides, tuple[Change, ...]]:
    if not repaired:
        return sides, ()
    changes: list[Change] = []
    mended: dict[Split, tuple[Keyed, ...]] = {}
    for split, part in sides.items():
        new = list(part)
        for i, k in enumerate(part):
            row = repaired.get(k.row.row_id)
            if row is not None and row != k.row:
                changes += changes_of(k.row, row, check=check)
                (new[i],) = keyed((row,), fixed=fixed)
        mended[split] = tuple(new)
    return mended, tuple(changes)


def _in_order(gone: Mapping[str, Dropped], sides: Sides) -> tuple[Dropped, ...]:
    return tuple(gone[k.row.row_id] for part in sides.values() for k in part if k.row.row_id in gone)
