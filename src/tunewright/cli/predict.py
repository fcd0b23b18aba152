"""`tunewright predict`: a file's rows with the model's answers beside them.

In: a run, a file, the name of the file to write. Out: where it is, and how many rows have no answer. Its own file
because one file a verb.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tunewright.cli.console import open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.outcome import shown_path
from tunewright.cli.progress import event_printer
from tunewright.cli.typed import typed
from tunewright.cli.words import duration
from tunewright.core.run import find_run
from tunewright.verbs.predict import Predicted
from tunewright.verbs.predict import predict as predicted

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="[RUN] IN [a.b=c ...]",
        help="The run (left out: the newest), the file, and plan values that win: data.text_column=body",
    ),
]
Out = Annotated[
    Path, typer.Option("-o", "--output", metavar="OUT", help="The file to write: .csv, .tsv, .jsonl or .parquet.")
]


def predict(words: Words, output: Out, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR) -> int:
    """Write a file's rows, in their order and with all their columns, with the model's answer beside each.

    Killed or stopped, the same command goes on where it stopped. A hidden note beside OUT, .OUT.made_from.json, says
    what the answers were made from: without it OUT counts as a file of yours.
    """
    with open_console(wants_json=json, is_quiet=quiet) as console:
        given = typed(words, needs=("IN",), example="tunewright predict tickets new.csv -o answers.csv")
        run = find_run(given.run, runs_dir=runs_dir)
        with event_printer(console) as tell:
            done = predicted(run, Path(given.others[0]), output, overrides=given.overrides, tell=tell)
        console.result(_sentence(done))
        console.answer(done)
    return 0


def _sentence(done: Predicted) -> str:
    where = shlex.quote(shown_path(Path(done.output)))
    n_errors = done.rows_with_error
    counts = f"{done.rows - n_errors:,} of {done.rows:,} rows have an answer"
    counts += f"; the column {done.columns['error']} says why {n_errors:,} have none" if n_errors else ""
    if done.was_finished:
        return f"nothing to do: {where} is finished; {counts}"
    return f"{where}: {counts} ({duration(done.seconds)})"
