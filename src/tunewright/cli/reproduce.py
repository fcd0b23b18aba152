"""`tunewright reproduce`: a run done again, and what differs.

In: a run. Out: the verdict, what went in, what came out, side by side. Its own file because one file a verb.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tunewright.cli.console import open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir, RunWord
from tunewright.cli.outcome import shown_path
from tunewright.cli.progress import event_printer
from tunewright.cli.words import number, one_line, table
from tunewright.core.errors import EvalError
from tunewright.core.run import find_run
from tunewright.report.words import metric_name, system_name
from tunewright.tables.words import few

if TYPE_CHECKING:
    from tunewright.verbs.differences import Change, Differences, Measured
    from tunewright.verbs.reproduce import Reproduction

STYLES = {"identical": "bold green", "same within the interval": "bold", "differs": "bold red"}
SHOWN_CHANGES = 12
NAME_WIDTH = 40


def reproduce(run: RunWord = None, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR) -> int:
    """Do a run again beside itself and say what differs. Exit 6: it differs, and nothing that went in explains it."""
    from tunewright.verbs.reproduce import reproduce as reproduced  # torch takes seconds: --help does not wait

    with open_console(wants_json=json, is_quiet=quiet) as console:
        with event_printer(console) as tell:
            done = reproduced(find_run(run, runs_dir=runs_dir), tell=tell)
        console.result(sentence(done.found), style=STYLES[done.found.verdict])
        if not json:
            for line in reproduced_lines(done):
                console.result(line)
        console.answer(done)
    return 0 if done.found.is_explained else EvalError.exit_code


def sentence(found: Differences) -> str:
    """The verdict and what stands behind it."""
    went_in = f"{len(found.changes)} things that went in differ" if found.changes else "all that went in is the same"
    if found.verdict == "identical":
        return "identical: weights, losses, answers and scores are the same to the last bit"
    if found.verdict == "same within the interval":
        within = f"not bit for bit, but the primary score ({metric_name(found.primary_metric)}) lies in the other's"
        return f"same within the interval: {within} 95 % interval{_outside(found)}; {went_in}"
    if found.missing:
        return f"differs: only one of the two runs has {few(found.missing)}; {went_in}"
    return f"differs: the primary scores are further apart than their intervals{_outside(found)}; {went_in}"


def _outside(found: Differences) -> str:
    """Scores beside the primary one that lie outside the other's interval, named."""
    primary = (found.subject, found.primary_metric)
    away = [m for m in found.metrics if not m.is_within and not _is_equal(m) and (m.system, m.metric) != primary]
    return f"; outside it: {few([_score_name(m, found) for m in away])}" if away else ""


def _score_name(m: Measured, found: Differences) -> str:
    return ("" if m.system == found.subject else f"{system_name(m.system)}: ") + metric_name(m.metric)


def reproduced_lines(done: Reproduction) -> Iterator[str]:
    """What went in, what came out, the scores."""
    found = done.found
    yield f"\nagain    {shown_path(Path(done.again))}{' (was there already)' if done.was_finished else ''}"
    yield from _went_in(found)
    if found.weights:
        w = found.weights
        gap = f"; largest difference {w.largest_difference:.3g}, first in {w.different[0]}" if w.different else ""
        yield f"weights  {w.n_same:,} of {w.n:,} tensors bit for bit{gap}"
    if found.losses:
        found_losses = found.losses
        first = found_losses.first_different_step
        gap = f"; first other at step {first}, by at most {found_losses.largest_difference_nats:.3g} nats"
        yield f"losses   {found_losses.n_same:,} of {found_losses.n:,} steps digit for digit{gap if first else ''}"
    for answers in found.answers:
        if answers.system == found.subject or answers.n_same != answers.n:
            yield f"answers  {system_name(answers.system)}: {answers.n_same:,} of {answers.n:,} the same"
    yield from _scores(found)


def _scores(found: Differences) -> Iterator[str]:
    """The subject's, and of the others what differs."""
    shown = [m for m in found.metrics if m.system == found.subject or not _is_equal(m)]
    rows = [("", "first", "again", "difference", "within 95 %")]
    for m in shown:
        gap = "0" if m.difference == 0 else number(m.difference)
        within = "yes" if m.is_within else "no" if math.isfinite(m.ci95[0]) else "no interval"
        name = one_line(_score_name(m, found), width=NAME_WIDTH)
        rows.append((name, number(m.value), number(m.value_again), gap, within))
    yield "\n" + table(rows)
    if n_others := len(found.metrics) - len(shown):
        yield f"{n_others} scores of the other systems: the same"


def _is_equal(m: Measured) -> bool:
    return m.value == m.value_again or (math.isnan(m.value) and math.isnan(m.value_again))


def _went_in(found: Differences) -> Iterator[str]:
    names = {"data": "data", "version": "versions", "machine": "machine", "stage": "stages"}
    for kind, name in names.items():
        changes = [change for change in found.changes if change.kind == kind]
        is_unknown = kind == "data" and "data_digests" in found.unknown
        if not changes:
            yield f"{name:<9}{'not noted down by the first run' if is_unknown else 'the same'}"
        for change in changes[:SHOWN_CHANGES]:
            yield f"{name:<9}{_change_words(change)}"


def _change_words(change: Change) -> str:
    if change.kind in ("data", "stage"):
        return f"{change.name}: changed ({change.then[:8]} then, {change.now[:8]} now)"
    return f"{change.name}: {change.then} then, {change.now} now" + (f"; back: {change.fix}" if change.fix else "")
