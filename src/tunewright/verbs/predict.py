"""A file's rows with the model's answers beside them.

In: a run, a file, the name of the file to write. Out: that file, and Predicted. Its own file because a long file is
worked on in chunks: memory stays flat, and a command that was killed goes on after the last whole chunk.
"""

from __future__ import annotations

import json
import math
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tunewright.core.errors import DataError, PlanError
from tunewright.core.events import NoteEvent, ProgressEvent, Tracker, null_tracker
from tunewright.core.files import file_digest
from tunewright.core.label_sets import joined
from tunewright.core.run import Run
from tunewright.core.values import Subject, Task
from tunewright.serve.ask import asked
from tunewright.serve.chunks import ChunkSize, chunks
from tunewright.serve.columns import shape_for
from tunewright.serve.made_from import MadeFrom, made_from
from tunewright.serve.parts import (
    Cells,
    Finished,
    finish,
    finished,
    n_answered,
    parts,
    parts_path,
    read_parts,
    whole_parts,
    write_part,
)
from tunewright.serve.write import DELIMITED, Output, free_names, writer_for
from tunewright.tables.remarks import is_formula
from tunewright.tables.shape import Shape
from tunewright.tables.stream import Stream, open_stream
from tunewright.verbs.asking import Asking, asking

if TYPE_CHECKING:
    from tunewright.serve.answer import Answered

CHUNK_ROWS: dict[Task, int] = {"classify": 2048, "multilabel": 2048, "regress": 2048, "generate": 32, "text": 256}
"""Rows answered before anything is written: seconds of a small model, so that a kill costs no more."""
CHUNK_CHARACTERS = 2**20
"""A chunk of long rows ends earlier: their tokens, which stand in memory before they are cut, take some 300 bytes for
every 4 characters. Ours: 2,048 rows of the usual length reach it hardly ever."""
CELLS: dict[Task, tuple[str, ...]] = {
    "classify": ("prediction", "probability", "error"),
    "multilabel": ("prediction", "probabilities", "error"),
    "regress": ("prediction", "error"),
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

    classify: prediction, probability. multilabel: prediction, the labels with the separator of the run's files, and
    probabilities, a JSON object. regress: prediction, a number. generate: prediction, is_stopped. text: bits_per_byte.
    And error: why a row has no answer; empty when it has one.
    chunk_rows: left out: CHUNK_ROWS.
    Raises DataError: `source` cannot be read or lacks the column that is asked; PlanError: `out` has no known ending,
    is `source`, or a value would need a training; RunError: `out` is there already and was made from something else.
    """
    started = time.perf_counter()
    ready = writer_for(out)
    _refuse_itself(source, out)
    how = asking(run, overrides)
    again = partial(_command, run=run, out=out, overrides=overrides)
    stream = open_stream(source, format=how.format, sheet=how.sheet, another=again)
    shape = shape_for(stream, shape=how.shape, named=how.named)
    columns = free_names(CELLS[how.subject.task], taken=stream.columns)
    size = ChunkSize(chunk_rows or CHUNK_ROWS[how.subject.task], CHUNK_CHARACTERS)
    origin = _origin(source, how, shape, size)
    result, pace = finished(out, origin, source=source), Pace(0, 0.0)
    was_finished = result is not None
    if result is None:
        for note in _notes(stream, shape, columns):
            tell(note)
        write = ready(Output(stream, partial(read_parts, parts_path(out)), columns))
        with parts(out, origin, tell=tell) as folder:
            pace = _answer_chunks(folder, stream, how=how, shape=shape, size=size, tell=tell)
            _refuse_changed(source, origin)
            work = folder / f"whole{out.suffix}"
            write(work)
            result = Finished(stream.n_read, sum(1 for cells in read_parts(folder) if cells["error"]))
            warning = _formula_note(folder, out)
            finish(out, work, origin, result, source=source)
        if warning:
            tell(warning)
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


def _answer_chunks(folder: Path, stream: Stream, *, how: Asking, shape: Shape, size: ChunkSize, tell: Tracker) -> Pace:
    """Every chunk that is not there yet as a part of its own."""
    n_before = n_answered(folder)
    if n_before == stream.n_read:
        return Pace(0, 0.0)
    from tunewright.model.subject import load_subject  # loads torch, which takes seconds
    from tunewright.serve.answer import Limits, answered  # the same: a wrong column is told at once

    if n_before:
        tell(NoteEvent(f"going on after the {n_before:,} rows that are answered already"))
    loaded = load_subject(how.subject, tell=tell)
    limits = Limits(how.subject.max_length, how.max_new_tokens)
    n_done, started = n_before, time.perf_counter()
    for index, records in enumerate(chunks(islice(stream, n_before, None), size), start=whole_parts(folder)):
        progress = partial(_tell_progress, tell, stream.n_read, n_before, n_done, started)
        rows = asked(records, shape=shape, system=how.system)
        found = answered(loaded, rows, limits=limits, progress=progress)
        cells = partial(_cells, subject=how.subject, separator=how.shape.label_separator)
        write_part(folder, index, list(map(cells, found)))
        n_done += len(records)
        progress(len(records))
    return Pace(n_done - n_before, time.perf_counter() - started)


def _tell_progress(tell: Tracker, n_rows: int, n_before: int, n_done: int, started: float, n_more: int) -> None:
    """n_before: answered by an earlier command. n_done: before this chunk. n_more: of this chunk."""
    done = n_done + n_more
    rows_per_second = (done - n_before) / max(1e-9, time.perf_counter() - started)
    rate = f"{rows_per_second:,.0f} rows/s" if rows_per_second >= 10 else f"{rows_per_second:.1f} rows/s"
    left = (n_rows - done) / rows_per_second if rows_per_second else math.nan
    tell(ProgressEvent("predicting", done, n_rows, rate=rate, seconds_left=left))


def _cells(one: Answered, *, subject: Subject, separator: str | None) -> Cells:
    """separator: between several labels, as in the run's own files."""
    p, task = one.probability, subject.task
    rounded = [round(each, PROBABILITY_DIGITS) for each in one.probabilities]
    answer = joined(one.answer, separator=separator) if task == "multilabel" else one.answer
    every = {
        "prediction": None if one.error else answer if one.number is None else one.number,
        "probabilities": None
        if one.error
        else json.dumps(dict(zip(subject.labels, rounded, strict=False)), ensure_ascii=False),
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


def _formula_note(folder: Path, out: Path) -> NoteEvent | None:
    """The answers stay as the model wrote them: this file is read by programs too."""
    if out.suffix.lower() not in DELIMITED:
        return None
    n = sum(1 for cells in read_parts(folder) if is_formula(cells.get("prediction")))
    words = "1 answer begins like a formula" if n == 1 else f"{n:,} answers begin like formulas"
    text = f"{words} and stands as written: in a spreadsheet open {out.name} as text (Data > From Text/CSV)"
    return NoteEvent(text, level="warning") if n else None


def _origin(source: Path, how: Asking, shape: Shape, size: ChunkSize) -> MadeFrom:
    options = {
        "shape": shape,
        "read": [how.format, how.sheet],
        "system": how.system,
        "max_new_tokens": how.max_new_tokens,
        "chunks": size,
    }
    return made_from(source, how.subject, options=options)


def _command(path: Path | None, *, run: Run, out: Path, overrides: Sequence[str]) -> str:
    """What to type for the answers to another file; None: one that we cannot name."""
    file = shlex.quote(str(path)) if path else "FILE"
    folder = Path(run.folder)
    here = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    values = "".join(f" {shlex.quote(word)}" for word in overrides)
    return f"tunewright predict {shlex.quote(str(here))} {file} -o {shlex.quote(str(out))}{values}"


def _refuse_itself(source: Path, out: Path) -> None:
    if out.exists() and source.exists() and out.samefile(source):
        other = out.with_name(f"{out.stem}-answers{out.suffix}")
        raise PlanError("the answers would take the place of your file", where=f"-o {out}", fix=f"-o {other}")


def _refuse_changed(source: Path, made_from: MadeFrom) -> None:
    if file_digest(source) != made_from.input:
        raise DataError("the file was changed while it was read", where=str(source), fix="run the same command again")
