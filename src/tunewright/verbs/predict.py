"""A file's rows with the model's answers beside them.

In: a run, a file, the name of the file to write. Out: that file, and Predicted. Its own file because a long file is
worked on in chunks: memory stays flat, and a command that was killed goes on after the last whole chunk.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tunewright.core.errors import DataError, PlanError
from tunewright.core.events import NoteEvent, ProgressEvent, Tracker, null_tracker
from tunewright.core.files import code_digest, digest, file_digest
from tunewright.core.run import Run, versions
from tunewright.core.values import Dropped, Subject, Task
from tunewright.serve.ask import asked
from tunewright.serve.columns import shape_for
from tunewright.serve.parts import (
    Cells,
    Finished,
    MadeFrom,
    finish,
    finished,
    parts,
    read_parts,
    whole_parts,
    write_part,
)
from tunewright.serve.write import Output, free_names, writer_for
from tunewright.tables.shape import Shape
from tunewright.tables.stream import Stream, open_stream
from tunewright.tables.table import Record
from tunewright.verbs.asking import Asking, asking

if TYPE_CHECKING:
    from tunewright.serve.answer import Answered

CHUNK_ROWS: dict[Task, int] = {"classify": 2048, "generate": 32, "text": 256}
"""Rows answered before anything is written: seconds of a small model, so that a kill costs no more."""
CELLS: dict[Task, tuple[str, ...]] = {
    "classify": ("prediction", "probability", "error"),
    "generate": ("prediction", "is_stopped", "error"),
    "text": ("bits_per_byte", "error"),
}
"""What stands beside a row. An answer that is written has no honest probability; whether the model ended it itself is
known. A model of raw text gives no answer: how well it knows the row's text is what it can say about it."""
PROBABILITY_DIGITS = 6
"""A float32 has no more."""


@dataclass(frozen=True, slots=True)
class Predicted:
    """What was written. rows = rows with an answer + rows_with_error, always."""

    run: str
    input: str
    output: str
    rows: int
    rows_with_error: int
    seconds: float
    rows_per_second: float | None
    """Of the rows answered now, loading left out; None when there were none."""
    columns: dict[str, str]
    """Ours, and what they are called in the file."""
    was_finished: bool
    """Nothing had to be done."""


def predict(
    run: Run,
    source: Path,
    out: Path,
    *,
    overrides: Sequence[str] = (),
    tell: Tracker = null_tracker,
    chunk_rows: int | None = None,
) -> Predicted:
    """Write `out`: the rows of `source` in their order, with all their columns and ours.

    classify: prediction, probability. generate: prediction, is_stopped. text: bits_per_byte. And error: why a row has
    no answer; empty when it has one.
    chunk_rows: left out: CHUNK_ROWS.
    Raises DataError: `source` cannot be read or lacks the column that is asked; PlanError: `out` has no known ending,
    is `source`, or a value would need a training; RunError: `out` is there already and was made from something else.
    """
    started = time.perf_counter()
    write = writer_for(out)
    _refuse_itself(source, out)
    how = asking(run, overrides)
    stream = open_stream(source, format=how.format, sheet=how.sheet)
    shape = shape_for(stream, shape=how.shape, named=how.named)
    columns = free_names(CELLS[how.subject.task], taken=stream.columns)
    size = chunk_rows or CHUNK_ROWS[how.subject.task]
    made_from = _made_from(source, how, shape, chunk_rows=size)
    result, pace = finished(out, made_from), Pace(0, 0.0)
    was_finished = result is not None
    if result is None:
        for note in _notes(stream, shape, columns):
            tell(note)
        with parts(out, made_from, tell=tell) as folder:
            pace = _answer_chunks(folder, stream, how=how, shape=shape, chunk_rows=size, tell=tell)
            _refuse_changed(source, made_from)
            work = folder / f"whole{out.suffix}"
            write(work, Output(stream, partial(read_parts, folder), columns))
            n_errors = sum(1 for cells in read_parts(folder) if cells["error"])
            result = Finished(stream.n_read, n_errors)
            finish(out, work, made_from, result)
    return Predicted(
        run=str(run.folder),
        input=str(source),
        output=str(out),
        rows=result.rows,
        rows_with_error=result.rows_with_error,
        seconds=round(time.perf_counter() - started, 3),
        rows_per_second=pace.rows_per_second,
        columns=columns,
        was_finished=was_finished,
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """How much was answered now, and how long that took."""

    rows: int
    seconds: float

    @property
    def rows_per_second(self) -> float | None:
        return round(self.rows / self.seconds, 1) if self.rows else None


def _answer_chunks(folder: Path, stream: Stream, *, how: Asking, shape: Shape, chunk_rows: int, tell: Tracker) -> Pace:
    """Every chunk that is not there yet as a part of its own."""
    n_before = min(whole_parts(folder) * chunk_rows, stream.n_read)
    if n_before == stream.n_read:
        return Pace(0, 0.0)
    from tunewright.model.subject import load_subject  # loads torch, which takes seconds
    from tunewright.serve.answer import Limits, answered  # the same: a wrong column is told at once

    if n_before:
        tell(NoteEvent(f"going on after the {n_before:,} rows that are answered already"))
    loaded = load_subject(how.subject)
    limits = Limits(how.subject.max_length, how.max_new_tokens)
    n_done, started = n_before, time.perf_counter()
    for records in _chunks(stream, chunk_rows=chunk_rows, n_before=n_before):
        progress = partial(_tell_progress, tell, stream.n_read, n_before, n_done, started)
        rows = asked(records, shape=shape, system=how.system)
        found = answered(loaded, rows, limits=limits, progress=progress)
        write_part(folder, n_done // chunk_rows, [_cells(one, how.subject.task) for one in found])
        n_done += len(records)
        progress(len(records))
    return Pace(n_done - n_before, time.perf_counter() - started)


def _chunks(stream: Stream, *, chunk_rows: int, n_before: int) -> Iterator[list[Record | Dropped]]:
    rows = islice(stream, n_before, None)
    while chunk := list(islice(rows, chunk_rows)):
        yield chunk


def _tell_progress(tell: Tracker, n_rows: int, n_before: int, n_done: int, started: float, n_more: int) -> None:
    """n_before: answered by an earlier command. n_done: before this chunk. n_more: of this chunk."""
    done = n_done + n_more
    rows_per_second = (done - n_before) / max(1e-9, time.perf_counter() - started)
    rate = f"{rows_per_second:,.0f} rows/s" if rows_per_second >= 10 else f"{rows_per_second:.1f} rows/s"
    left = (n_rows - done) / rows_per_second if rows_per_second else math.nan
    tell(ProgressEvent("predicting", done, n_rows, rate=rate, seconds_left=left))


def _cells(one: Answered, task: Task) -> Cells:
    p = one.probability
    every = {
        "prediction": one.answer if not one.error else None,
        "probability": None if p is None else round(p, PROBABILITY_DIGITS),
        "is_stopped": one.is_stopped,
        "bits_per_byte": one.bits_per_byte,
        "error": one.error,
    }
    return {name: every[name] for name in CELLS[task]}


def _notes(stream: Stream, shape: Shape, columns: Mapping[str, str]) -> Iterator[NoteEvent]:
    yield NoteEvent(stream.how)
    yield from (NoteEvent(finding.message) for finding in stream.findings)
    column = shape.text_column or shape.prompt_column or shape.messages_column
    yield NoteEvent(f"the model reads the column {column}")
    if shape.input_column and shape.input_column not in stream.columns:
        yield NoteEvent(f"there is no column {shape.input_column}: prompts are {column} alone", level="warning")
    for name, column in columns.items():
        if name != column:
            yield NoteEvent(f"the file has a column {name} of its own: ours is called {column}")


def _made_from(source: Path, how: Asking, shape: Shape, *, chunk_rows: int) -> MadeFrom:
    options = {
        "subject": asdict(replace(how.subject, folder="", name="")),
        "shape": asdict(shape),
        "read": [how.format, how.sheet],
        "system": how.system,
        "max_new_tokens": how.max_new_tokens,
        "chunk_rows": chunk_rows,
    }
    return MadeFrom(
        input=file_digest(source),
        model=_model_digest(how.subject),
        options=digest(options),
        code=digest([code_digest(("serve", "tables", "text", "model", "core")), versions()]),
    )


def _model_digest(subject: Subject) -> str:
    """Of the weights' own bytes: a run trained anew under its old name is another model."""
    folder = Path(subject.folder)
    inside = [folder / name for name in ("model", "adapter") if (folder / name).is_dir()] or [folder]
    files = sorted(path for place in inside for path in place.rglob("*") if path.is_file())
    return digest([subject.card.fingerprint, {str(p.relative_to(folder)): file_digest(p) for p in files}])


def _refuse_itself(source: Path, out: Path) -> None:
    if out.exists() and source.exists() and out.samefile(source):
        other = out.with_name(f"{out.stem}-answers{out.suffix}")
        raise PlanError("the answers would take the place of your file", where=f"-o {out}", fix=f"-o {other}")


def _refuse_changed(source: Path, made_from: MadeFrom) -> None:
    if file_digest(source) != made_from.input:
        raise DataError("the file was changed while it was read", where=str(source), fix="run the same command again")
