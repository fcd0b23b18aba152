"""`tunewright trace`: one row, from the user's file to its scores.

In: a run and a row id. Out: its stops, one below the other. Its own file because one file a verb.
"""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewright.cli.console import Console, open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.token_view import show_tokens
from tunewright.cli.words import number, one_line, table
from tunewright.core.errors import PlanError
from tunewright.core.run import MANIFEST, find_run
from tunewright.core.values import Row
from tunewright.report.words import system_name

if TYPE_CHECKING:
    from tunewright.text.token_view import Tokens
    from tunewright.verbs.trace import Answer, RowTrace

Words = Annotated[
    list[str],
    typer.Argument(metavar="[RUN] ROW_ID", help="The run (left out: the newest) and the row, as in train:17."),
]
SHOWN_LABELS = 12
"""Above this the names of all classes are not listed."""


def trace(words: Words, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR) -> int:
    """Show one row's whole way: your file, the row, its tokens and which are trained, every answer and score."""
    from tunewright.verbs.trace import row_ids  # torch takes seconds: --help does not wait
    from tunewright.verbs.trace import trace as row_trace  # torch takes seconds: --help does not wait

    with open_console(wants_json=json, is_quiet=quiet) as console:
        if len(words) > 2:
            raise PlanError(
                f"trace takes a run and a row id, not {len(words)} words",
                where="command line",
                fix="tunewright trace demo train:17",
            )
        if len(words) == 1 and _is_run(words[0], runs_dir=runs_dir):
            run = find_run(words[0], runs_dir=runs_dir)
            raise PlanError(
                f"{words[0]} is a run; the row to trace is missing",
                where="command line",
                why="a row id is the data key and the line or record number, as in train:17",
                fix="tunewright trace " + " ".join(map(shlex.quote, (words[0], *row_ids(run)[:1]))),
            )
        found = row_trace(find_run(words[0] if len(words) == 2 else None, runs_dir=runs_dir), words[-1])
        if not json:
            _show(console, found)
        console.answer(found)
    return 0


def _is_run(word: str, *, runs_dir: Path) -> bool:
    places = (runs_dir / word / MANIFEST, Path(word) / MANIFEST)
    return any(os.path.isfile(place) for place in places)  # noqa: PTH113  (Path raises where a word is too long for a name)


def _show(console: Console, found: RowTrace) -> None:
    for line in way_lines(found):
        console.result(line, style="" if line.startswith(" ") else "bold")
    if found.row is None:
        return
    console.result(f"as tokens of {found.model}", style="bold")
    for tokens in found.tokens:
        console.result(f"  {token_words(tokens, found)}")
        show_tokens(console, tokens, trained_word=_trained_word(found))
    for line in answer_lines(found):
        console.result(line, style="" if line.startswith(" ") else "bold")


def way_lines(found: RowTrace) -> Iterator[str]:
    """From the file to the split; headings stand at the left edge."""
    yield f"{found.row_id} of run {Path(found.run).name}"
    yield f"in your file {found.source.path}"
    yield from (f"  {column}: {one_line(str(value))}" for column, value in found.source.values.items())
    if found.source.why_not:
        yield f"  not shown: {found.source.why_not}"
    for finding in found.findings:
        yield f"  {finding.severity}: {finding.check}: {one_line(finding.message, width=140)}"
    if found.dropped:
        yield "dropped"
        yield f"  why: {found.dropped.reason}{f' ({one_line(found.dropped.detail)})' if found.dropped.detail else ''}"
        return
    assert found.row is not None, "a row is kept or dropped"
    yield f"kept, in {found.split}"
    yield from _row_lines(found.row)


def _row_lines(row: Row) -> Iterator[str]:
    if row.text:
        yield f"  text: {one_line(row.text)}"
    if row.label is not None:
        yield f"  label: {row.label}"
    for message in row.messages:
        yield f"  {message.role}{' (trained)' if message.is_trained else ''}: {one_line(message.content)}"
    if row.group is not None:
        yield f"  group: {row.group}"


def token_words(tokens: Tokens, found: RowTrace) -> str:
    """How many tokens, and which of them count."""
    word, n_seen = _trained_word(found), len(tokens.pieces) - tokens.n_cut
    what = f"the label is {word}: {_label_words(tokens, found)}" if found.task == "classify" else ""
    if found.task in ("multilabel", "regress"):
        said = found.row.label if found.row else ""
        what = f"the {'number is' if found.task == 'regress' else 'labels are'} {word}: {said}"
    return f"{n_seen:,} tokens, {tokens.n_cut:,} cut; {what or f'{tokens.n_trained:,} {word}'}"


def _trained_word(found: RowTrace) -> str:
    return "trained on" if found.split == "train" else "scored"


def _label_words(tokens: Tokens, found: RowTrace) -> str:
    if tokens.label_index is None:
        return "none that train has"
    return f"{found.labels[tokens.label_index]}, class {tokens.label_index + 1} of {len(found.labels)}"


def answer_lines(found: RowTrace) -> Iterator[str]:
    """What every system answered, and how it was scored."""
    if not found.answers:
        yield "answers"
        yield "  none: only test rows are asked" if found.split != "test" else "  none yet: tunewright evaluate PLAN"
        return
    yield f"answers (right: {one_line(found.answers[0].prediction.reference)})"
    rows = [("", "answer", "probability", "scores")]
    rows += [(system_name(a.prediction.system), *_answer_words(a)) for a in found.answers]
    yield table(rows, indent="  ")


def _answer_words(answer: Answer) -> tuple[str, str, str]:
    scores = ", ".join(f"{s.metric} {number(s.value)}" for s in answer.scores if math.isfinite(s.value))
    probability = number(answer.probability) if answer.probability is not None else ""
    return one_line(answer.prediction.answer, width=60), probability, scores
