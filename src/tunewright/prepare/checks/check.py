"""What a check is: it is shown rows and answers with findings, rows that should go, and rows as they should be.

In: nothing. Out: Check, Look, Found. Its own file because a check of another package is built from these three alone:
a distribution offers one under the entry point group `tunewright.checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tunewright.core.values import Action, Dropped, Finding, Row, Split, Task
from tunewright.prepare.keys import Keyed

ALL_TASKS: tuple[Task, ...] = ("classify", "multilabel", "regress", "generate", "text")

Moment = Literal["reading", "repair", "given", "left", "split", "tokens"]
"""When a check looks; some look twice. reading: while files are read. repair: first of all, each sees what the one
before it mended. given: at the rows of each file before any is dropped; what they drop goes when all have looked. left:
at what is left of each file then. split: at the rows of train, validation and test. tokens: when the model's tokens are
counted."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a check is shown."""

    task: Task
    moment: Moment
    rows: Mapping[Split, tuple[Keyed, ...]]
    """repair, given, left: by the file they stand in; split: by the split they are in."""
    actions: Mapping[str, Action]
    """Of every check, what the plan asks for or the default."""
    seed: int = 0
    own: frozenset[Split] = frozenset()
    """split: what our own split made of the train file; the others are files that were looked at before."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row that a person should look at: a line of review.csv."""

    row_id: str
    check: str
    reason: str
    suggestion: str = ""
    """What the cell should say instead; empty when nobody can tell."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a finding stands on: rows that belong together, to be looked at."""

    check: str
    kind: str
    """As the check calls it: near, span, cluster ..."""
    row_ids: tuple[str, ...]
    value: float
    """How much: a similarity, a share."""
    words: str = ""
    """What they share; empty for whole rows."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a check came to. Nothing is changed in place: whoever asked decides by it."""

    findings: tuple[Finding, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    repaired: Mapping[str, Row] = field(default_factory=dict)
    """Row id to the row as it should be."""
    suspects: tuple[Suspect, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    refusal: str = ""
    """Why the run must not go on; empty when it may."""
    not_run: str = ""
    """Why the check could not look; empty when it did. A check that did not run never says ok."""


class Looking(Protocol):
    """The work of a check: pure, the same answer for the same look."""

    def __call__(self, look: Look, /) -> Found: ...


@dataclass(frozen=True, slots=True)
class Check:
    """One question that is asked of the data."""

    finds: str
    """What it looks for, in words that follow "no"."""
    moments: tuple[Moment, ...]
    look: Looking | None = None
    """None: whoever does the moment's work looks on the way (reading files, counting tokens)."""
    actions: tuple[Action, ...] = ("report",)
    """What a plan may ask for; the first is the default."""
    tasks: tuple[Task, ...] = ALL_TASKS
