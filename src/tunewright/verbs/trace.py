"""One row's whole way: from the line of the user's file to its scores.

In: a run and a row id. Out: RowTrace: the record as written, the row or why it was dropped, its tokens with the trained
ones marked, every system's answer and score. Its own file because it reads what all stages left, and runs none.
"""

from __future__ import annotations

import difflib
import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from tunewright.core.errors import DataError, RunError, TunewrightError
from tunewright.core.plan import Plan
from tunewright.core.planfile import load_plan
from tunewright.core.run import Run
from tunewright.core.section import is_auto
from tunewright.core.values import SPLITS, Dropped, Finding, Prediction, Row, Score, Split
from tunewright.evaluate.score import row_scores
from tunewright.evaluate.write import read_predictions
from tunewright.model.load import load_tokenizer
from tunewright.prepare.given import named_files
from tunewright.tables.files import file_tags
from tunewright.tables.read import read_table
from tunewright.text.rows import read_rows
from tunewright.text.token_view import Tokens, row_tokens


@dataclass(frozen=True, slots=True)
class Source:
    """The row as the user wrote it."""

    path: str
    """The file that the plan names."""
    values: dict[str, Any]
    """Cells by column; empty when the file cannot be read any more."""
    why_not: str = ""
    """Why there are no values."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one system answered, and how it was scored."""

    prediction: Prediction
    probability: float | None
    """Of the answer; None when the system has none."""
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True)
class RowTrace:
    """Every stop of one row."""

    run: str
    """Folder."""
    row_id: str
    task: str
    source: Source
    dropped: Dropped | None
    """Set: the way ends here."""
    split: Split | None
    row: Row | None
    findings: tuple[Finding, ...]
    """Those that name this row."""
    model: str
    """The folder whose tokenizer was used."""
    labels: tuple[str, ...]
    tokens: tuple[Tokens, ...]
    answers: tuple[Answer, ...]
    """Empty for rows that are not in the test split, and before evaluation."""


def trace(run: Run, row_id: str) -> RowTrace:
    """Assemble the way from the run's folder and the user's file, if it is still there.

    Raises DataError when the run has no such row, RunError when its data has not been prepared.
    """
    plan, labels = _plan(run), _labels(run)
    split, row = _kept(run, row_id)
    dropped = None if row else _dropped(run, row_id)
    model = _model_folder(run)
    tokens: tuple[Tokens, ...] = ()
    if row is not None:
        tokenizer = load_tokenizer(model, trust_remote_code=plan.model.trust_remote_code)
        tokens = row_tokens(row, plan=plan, labels=labels, tokenizer=tokenizer)
    return RowTrace(
        run=str(run.folder),
        row_id=row_id,
        task=plan.task,
        source=_source(run, row_id, plan=plan),
        dropped=dropped,
        split=split,
        row=row,
        findings=tuple(_findings(run, row_id)),
        model=model,
        labels=labels,
        tokens=tokens,
        answers=tuple(_answers(run, row_id, plan=plan)),
    )


def row_ids(run: Run) -> tuple[str, ...]:
    """Of every row that was read, kept or dropped, in the order of the data.

    Raises RunError when the run's data has not been prepared.
    """
    kept = [row.row_id for split in SPLITS for row in read_rows(run.stage("prepare"), split)]
    dropped = pq.read_table(run.stage("prepare") / "dropped.parquet", columns=["row_id"]).column(0).to_pylist()
    return tuple(sorted({*kept, *dropped}, key=_place))


def _ids_of(run: Run, split: Split) -> list[str]:
    return sorted((row.row_id for row in read_rows(run.stage("prepare"), split)), key=_place)


def _place(row_id: str) -> tuple[int, tuple[tuple[int, str], ...]]:
    """Of an id in the order of the data: train before test, 9 before 10."""
    role = row_id.partition(":")[0]
    pieces = re.split(r"(\d+)", row_id)
    return (*SPLITS, role).index(role), tuple((int(p), "") if p.isdecimal() else (-1, p) for p in pieces)


def _plan(run: Run) -> Plan:
    path = run.folder / "resolved.yaml"
    if not path.is_file():
        raise RunError("this run has not been prepared", where=str(run.folder), fix="tunewright run PLAN")
    return Plan.model_validate(yaml.safe_load(path.read_text(encoding="utf-8"))["plan"])


def _labels(run: Run) -> tuple[str, ...]:
    path = run.stage("prepare") / "facts.json"
    return tuple(json.loads(path.read_text(encoding="utf-8"))["labels"]) if path.is_file() else ()


def _kept(run: Run, row_id: str) -> tuple[Split | None, Row | None]:
    for split in SPLITS:
        for row in read_rows(run.stage("prepare"), split):
            if row.row_id == row_id:
                return split, row
    return None, None


def _dropped(run: Run, row_id: str) -> Dropped:
    """Raises DataError with the ids that there are when the row was not even dropped."""
    records = pq.read_table(run.stage("prepare") / "dropped.parquet").to_pylist()
    found = next((record for record in records if record["row_id"] == row_id), None)
    if found:
        return Dropped(**found)
    raise _no_such_row(run, row_id, known=row_ids(run))


def _no_such_row(run: Run, row_id: str, *, known: Sequence[str]) -> DataError:
    role = row_id.partition(":")[0]
    own = [one for one in known if one.startswith(f"{role}:")]
    of_split = [one for split in SPLITS if split == role for one in _ids_of(run, split)]
    near = difflib.get_close_matches(row_id, own or known, n=1, cutoff=0.5)
    why, example = "a row id is the data key and the line or record number, as in train:17", (near or known[:1])
    if own:
        why = f"its rows of data.{role} are {own[0]} to {own[-1]}, by the line or record number where each begins"
    elif of_split:
        keys = ", ".join(dict.fromkeys(f"data.{one.partition(':')[0]}" for one in of_split))
        why = f"its {role} rows were split from {keys} and keep their ids there: {of_split[0]} to {of_split[-1]}"
        example = of_split[:1]
    words = " ".join(map(shlex.quote, (run.word, *example)))
    return DataError(f"{run.name} has no row {row_id}", where="command line", why=why, fix=f"tunewright trace {words}")


def _source(run: Run, row_id: str, *, plan: Plan) -> Source:
    """The record in the user's file. The file may be gone or changed since: said, never an error."""
    path, tag = _named_file(run, row_id, plan=plan)
    role = row_id.partition(":")[0]
    try:
        asked = load_plan(run.folder / "plan.yaml").plan.data  # the resolved one has the train file's format for all
        format_ = None if is_auto(asked.format) else asked.format
        table = read_table(path, role=role, format=format_, sheet=asked.sheet, tag=tag)
    except TunewrightError as error:
        return Source(str(path), {}, why_not=error.what)
    found = next((record for record in table.records if record.row_id == row_id), None)
    if found is None:
        return Source(str(path), {}, why_not="this row could not be read, or the file has changed since the run")
    return Source(str(path), found.values)


def _named_file(run: Run, row_id: str, *, plan: Plan) -> tuple[Path, str]:
    """The file that a row id names, and the id's tag for it: empty when its role has one file (see prepare/given)."""
    role, _, rest = row_id.partition(":")
    tag = rest.rpartition(":")[0]
    split = next((split for split in SPLITS if split == role), None)
    names = named_files(plan, split) if split else ()
    folder = Path(run.manifest().get("folder", ""))
    if not names:
        return folder, tag
    name = next((name for name, own in zip(names, file_tags(names), strict=True) if own == tag), names[0])
    return folder / name, tag


def _findings(run: Run, row_id: str) -> Iterator[Finding]:
    path = run.stage("prepare") / "findings.json"
    for record in json.loads(path.read_text(encoding="utf-8"))["findings"] if path.is_file() else ():
        if row_id in record["row_ids"]:
            yield Finding(**{**record, "row_ids": tuple(record["row_ids"])})


def _model_folder(run: Run) -> str:
    """The trained model's own tokenizer, else the chosen model's."""
    for name in ("model", "adapter"):
        if (folder := run.stage("train") / name).is_dir():
            return str(folder)
    return str(json.loads((run.stage("select") / "card.json").read_text(encoding="utf-8"))["path"])


def _answers(run: Run, row_id: str, *, plan: Plan) -> Iterator[Answer]:
    path = run.stage("evaluate") / "predictions.parquet"
    if not path.is_file():
        return
    records = pq.read_table(path, filters=[("row_id", "=", row_id)]).to_pylist()
    probabilities = {record["system"]: record["probability"] for record in records}
    for prediction in read_predictions(path):
        if prediction.row_id == row_id:
            yield Answer(
                prediction,
                probabilities.get(prediction.system),
                row_scores(prediction, task=plan.task, labels=_labels(run)),
            )
