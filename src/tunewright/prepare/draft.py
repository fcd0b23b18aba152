"""Everything that prepare knows before a model is chosen, and the folder it is written to.

In: nothing. Out: Draft, and the files of the prepare stage. Its own file because the stage makes it, check shows it,
and the pipeline publishes it even when the run is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core.files import write_atomically, write_json
from tunewright.core.values import SPLITS, Change, Choice, DataFacts, Dropped, Finding, Row, Split, Task
from tunewright.prepare.cards import SHOWN_ROWS, Cards, cards
from tunewright.prepare.examine import Examined
from tunewright.prepare.keys import keyed
from tunewright.prepare.ledger import ledger
from tunewright.prepare.review import write_review
from tunewright.prepare.reviewed import Decision
from tunewright.tables.shape import Shape
from tunewright.text.rows import write_dropped, write_rows

if TYPE_CHECKING:  # it counts with torch's batches: reading and checking data do not wait for that
    from tunewright.prepare.counted import Counted

_CHANGE = pa.schema([(name, pa.string()) for name in ("row_id", "check", "field", "before", "after")])


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that prepare knows before a model is chosen. rows_read = kept + dropped, always."""

    task: Task
    splits: dict[Split, tuple[Row, ...]]
    """In the order of the files."""
    dropped: tuple[Dropped, ...]
    repaired: dict[str, int]
    findings: tuple[Finding, ...]
    checks: dict[str, dict[str, str]]
    """{name: {status: ok | found | not run, why}}."""
    facts: DataFacts
    choices: tuple[Choice, ...]
    rows_read: int
    refusal: str | None
    """Why the run must not go on; the evidence is published all the same."""
    shape: Shape
    """Which column is what; predicting reads files in the same way."""
    seen: Examined
    """What the checks said, beside their findings; without rows."""
    decisions: tuple[Decision, ...] = ()
    """A person's, done."""
    cards: Cards = field(default_factory=Cards)
    """What there is to look at behind each finding."""


def write_draft(draft: Draft, work: Path, *, counted: Counted | None) -> None:
    """The prepare folder: rows of each split, dropped rows, mended cells, ledger.json, findings.json, evidence.json,
    cards.json.

    counted: None when no token was counted (a refused run).
    """
    for split in SPLITS:
        write_rows(work / f"{split}.parquet", draft.splits[split])
    write_dropped(work / "dropped.parquet", draft.dropped)
    _write_changes(work / "changes.parquet", draft.seen.changes)
    rows = {row.row_id: row for split in SPLITS for row in draft.splits[split]}
    decided = [one.line for one in draft.decisions]
    write_review(work / "review.csv", draft.seen.suspects, rows=rows, decided=decided)
    write_json(work / "evidence.json", {"evidence": list(draft.seen.evidence)})
    write_json(work / "cards.json", shown_cards(draft, counted=counted))
    account = ledger(
        rows_read=draft.rows_read,
        splits=draft.splits,
        dropped=draft.dropped,
        repaired=draft.repaired,
        tokens=counted.account if counted else None,
        reviewed={one.row_id: one.line[-1].strip() for one in draft.decisions},
    )
    write_json(work / "ledger.json", account)
    write_json(work / "findings.json", findings_record(draft, counted=counted))
    write_json(work / "shape.json", replace(draft.shape, choices=()))


def findings_record(draft: Draft, *, counted: Counted | None) -> dict[str, Any]:
    """The content of findings.json; what tokens say is known once they are counted."""
    if counted is None:
        return {"findings": list(draft.findings), "checks": draft.checks}
    return {"findings": [*draft.findings, *counted.findings], "checks": {**draft.checks, **counted.checks}}


def shown_cards(draft: Draft, *, counted: Counted | None) -> Cards:
    """The content of cards.json: also the first rows of what tokens say, once they are counted."""
    if counted is None or not counted.findings:
        return draft.cards
    ids = {row_id for finding in counted.findings for row_id in finding.row_ids[:SHOWN_ROWS]}
    sides = {split: keyed([row for row in part if row.row_id in ids]) for split, part in draft.splits.items()}
    more = cards(counted.findings, seen=Examined({}), sides=sides, splits=draft.splits, dropped=())
    return replace(draft.cards, cards=(*draft.cards.cards, *more.cards))


def _write_changes(path: Path, changes: Sequence[Change]) -> None:
    """Every mended cell as it was and as it is: what a check did can be undone from here.

    Half a character (a lone surrogate) is written as \\ud83d: a Parquet text cannot hold it.
    """
    cells = [{name: _whole(cell) for name, cell in asdict(change).items()} for change in changes]
    with write_atomically(path) as temporary:
        pq.write_table(pa.Table.from_pylist(cells, schema=_CHANGE), temporary)


def _whole(cell: str) -> str:
    return cell.encode("utf-8", "backslashreplace").decode("utf-8")
