"""`tunewright check`: what is known before a run, on one screen or two.

In: a plan or data file and overrides. Out: data, masks, memory, time, or one JSON object. Its own file because one
file a verb.
"""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tunewright.cli.console import Console, has_colour, open_console, show_error
from tunewright.cli.costs import cost_lines as money_lines
from tunewright.cli.length_prices import price_table
from tunewright.cli.memory_bars import bar_lines
from tunewright.cli.options import RUNS_DIR, Json, Overrides, PlanPath, Quiet, RunsDir
from tunewright.cli.progress import event_printer
from tunewright.cli.selected import candidate_table
from tunewright.cli.token_view import show_tokens
from tunewright.cli.words import duration, one_line, size, table
from tunewright.core.events import NoteEvent
from tunewright.core.plan import plan_dict
from tunewright.core.planfile import load_plan
from tunewright.core.probe import Probe
from tunewright.core.tasks import LABELLED, has_head
from tunewright.core.values import Split, Task

if TYPE_CHECKING:
    from tunewright.verbs.check import Check
    from tunewright.verbs.model_check import Memory, ModelCheck, SplitTokens, TimeEstimate
    from tunewright.verbs.resolution import Resolution

RowId = Annotated[str | None, typer.Option("--row", metavar="ROW_ID", help="The row to show token by token: train:17")]
NoStep = Annotated[bool, typer.Option("--no-step", help="Do not take the real training steps that are measured.")]

WIDTH = 80
SHOWN_TOKENS = 60
"""Of each stretch of a row that nobody asked for by name."""
STYLES = {"ok": "green", "failed": "bold red", "not run": "dim", "warning": "yellow", "error": "bold red", "info": ""}
_INDENT = 11


def check(
    plan: PlanPath,
    overrides: Overrides = None,
    row: RowId = None,
    no_step: NoStep = False,
    json: Json = False,
    quiet: Quiet = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> int:
    """Look at the data, the masks, memory and time before a run. Nothing is written; a missing starter is fetched."""
    from tunewright.verbs.check import check as look  # torch takes seconds: --help does not wait

    with open_console(wants_json=json, is_quiet=quiet) as console:
        loaded = load_plan(plan, overrides=overrides or ())
        with event_printer(console) as tell:
            for note in loaded.notes:
                tell(NoteEvent(note))
            found = look(loaded, runs_dir=runs_dir, row_id=row, takes_step=not no_step, tell=tell)
        command = shlex.join([str(plan), *(overrides or ())])
        if not json:
            _show(console, found, is_whole_row=row is not None, command=command)
        console.answer(as_object(found))
        if found.error:
            show_error(found.error)
            return found.error.exit_code
    return 0


def as_object(found: Check) -> dict[str, Any]:
    """The whole check for programs; `model` is null and `error` says why when it stopped before."""
    model = found.model
    return {
        **{name: getattr(found, name) for name in type(found).__slots__ if name not in ("model", "error")},
        "model": model and _model_object(model),
        "error": found.error and found.error.facts(),
    }


def _model_object(model: ModelCheck) -> dict[str, Any]:
    kept = {name: getattr(model, name) for name in type(model).__slots__ if name not in ("plan", "step_error")}
    return {**kept, "plan": plan_dict(model.plan)}


def _show(console: Console, found: Check, *, is_whole_row: bool, command: str) -> None:
    _say(console, data_lines(found))
    _show_doctor(console, found)
    if model := found.model:
        _say(console, model_lines(model))
        _show_row(console, model, is_whole=is_whole_row)
        _say(console, cost_lines(model, n_labels=found.n_labels))
    if not found.error:
        console.result(f"\n{'next':<{_INDENT}}tunewright run {command}")  # never wrapped: it is to be copied


def _show_doctor(console: Console, found: Check) -> None:
    """A light for each check, a card for each that found something."""
    from tunewright.cli.data_doctor import doctor_lines  # what reads a run takes a moment: --help does not wait
    from tunewright.report.doctor import doctor_of

    doctor = doctor_of(map(asdict, found.findings), found.checks, map(asdict, found.cards))
    if doctor:
        console.result("")
        for line in doctor_lines(doctor, has_colour=has_colour(console.people)):
            console.line(line)


def _say(console: Console, lines: Iterator[tuple[str, str]] | Sequence[tuple[str, str]]) -> None:
    """Each (word, text): the word in its own colour at the edge, the text wrapped beside it."""
    for word, text in lines:
        first = f"{word:<{_INDENT - 1}} " if word else ""
        wrapped = textwrap.wrap(
            text, WIDTH, initial_indent=first, subsequent_indent=" " * _INDENT, break_on_hyphens=False
        ) or [first.rstrip()]
        style = STYLES.get(word.strip(), "")
        for line in text.split("\n") if "\n" in text else wrapped:
            console.result(line, style=style)


def data_lines(found: Check) -> Iterator[tuple[str, str]]:
    """What the files hold."""
    for how in found.files:
        yield "file", how
    kept = ", ".join(f"{n:,} {split}" for split, n in found.rows_kept.items()) or "nothing could be divided"
    dropped = ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in found.dropped.items()) or "none"
    yield "rows", f"{found.rows_read:,} read: {kept}; left out: {dropped}"
    yield "task", f"{found.task}: {found.why_task}"
    labels = f" ({found.n_labels:,} labels)" if found.n_labels and found.task in LABELLED else ""
    columns = (
        f"{role} <- {one_line(name, width=40)}{labels if role == 'label' else ''}"
        for role, name in found.columns.items()
    )
    yield "columns", ", ".join(columns)


def model_lines(model: ModelCheck) -> Iterator[tuple[str, str]]:
    """The model, the promises about its ids and masks, the lengths."""
    plan = model.plan
    reason = next((c.reason for c in model.choices if c.field == "model.name"), "you asked")
    yield "", ""
    yield "model", f"{plan.model.name}: {model.n_parameters / 1e6:.1f} M parameters, licence {model.licence}; {reason}"
    if len(model.ranked.candidates) > 1:
        yield "", candidate_table(asdict(model.ranked))
    for words in model.ranked.rules:
        yield "rows", words
    train = plan.train
    how = f"{train.method}, {train.epochs:g} epochs, {train.batch_size} rows a batch"
    base = f" on a base in {plan.model.quantization}" if plan.model.quantization else ""
    yield "training", f"{how}, {plan.model.dtype}{base} on {plan.run.device}"
    for probe in model.probes:
        yield probe.status, probe_words(probe)
    yield "", ""
    yield "", length_table(model.tokens, max_length=plan.prepare.max_length)
    yield "", price_table(model.prices)
    for split, of in model.tokens.items():
        yield split, trained_words(of, split=split, task=plan.task)


def probe_words(probe: Probe) -> str:
    """The promise and what was seen; why it matters where it does not hold."""
    return f"{probe.name}: {probe.found}" + (f". {probe.why}" if probe.status == "failed" else "")


def length_table(tokens: Mapping[Split, SplitTokens], *, max_length: int) -> str:
    """Rows by split: how long, and how many were cut."""
    rows = [("tokens", "rows", "median", "95 %", "longest", "cut rows")]
    for split, of in tokens.items():
        cut = f"{of.rows_cut:,} (-{of.tokens_cut:,} tokens)" if of.rows_cut else "0"
        rows.append((split, f"{of.rows:,}", f"{of.median:,}", f"{of.p95:,}", f"{of.longest:,}", cut))
    return table(rows) + f"\n(a row may have {max_length:,} tokens: prepare.max_length)"


HAVE: dict[Task, str] = {"multilabel": "labels", "regress": "a number"}


def trained_words(of: SplitTokens, *, split: Split, task: Task) -> str:
    """N of M turns, T of U tokens."""
    turns = f"{of.turns_trained:,} of {of.turns:,}"
    if has_head(task):
        return f"{turns} rows have {HAVE.get(task, 'a label that train knows')}"
    unit = {"generate": "answers", "text": "pieces"}[task]
    word = "trained on" if split == "train" else "scored"
    return f"{turns} {unit}, {of.tokens_trained:,} of {of.tokens:,} tokens {word}"


def _show_row(console: Console, model: ModelCheck, *, is_whole: bool) -> None:
    shown = model.shown
    what = "number" if model.plan.task == "regress" else "label"
    label = f"; its {what} is {one_line(shown.row.label, width=40)}" if shown.row.label is not None else ""
    console.result(f"\n{shown.row.row_id} as the model sees it{label}", style="bold")
    if not is_whole:
        console.result("(a row of median length; another one: --row ROW_ID)")
    word = "trained on" if shown.split == "train" else "scored"
    for tokens in shown.tokens if is_whole else shown.tokens[:1]:
        show_tokens(console, tokens, trained_word=word, most=None if is_whole else SHOWN_TOKENS)
    if hidden := 0 if is_whole else len(shown.tokens) - 1:
        console.result(f"           and {hidden:,} more pieces of this document")


def cost_lines(model: ModelCheck, *, n_labels: int) -> Iterator[tuple[str, str]]:
    """Memory, time, disk, and what the test rows can tell apart."""
    yield "", ""
    yield "memory", memory_words(model.memory, why_not=model.why_no_step)
    terms = {name: value for name, value in model.memory.predicted.by_term().items() if isinstance(value, int)}
    yield "", "\n".join(f"{'':<{_INDENT}}{line}" for line in bar_lines(terms, limit_bytes=model.memory.limit_bytes))
    yield "time", time_words(model.time) if model.time else f"not run: {model.why_no_step}"
    if model.costs:
        yield from money_lines(model.costs, is_timed=model.time is not None)
    disk = f"the run folder takes up to {size(model.disk_bytes)}; {size(model.disk_free_bytes)} are free"
    is_full = model.disk_bytes > model.disk_free_bytes
    yield ("warning" if is_full else "disk"), disk + ("; another place: --runs-dir DIR" if is_full else "")
    yield "verdict", resolution_words(model.resolution, metric=model.plan.evaluate.primary_metric)


def memory_words(memory: Memory, *, why_not: str) -> str:
    """Predicted, measured, and how far apart.

    why_not: why nothing was measured.
    """
    limit = f"{size(memory.limit_bytes)} may be used"
    if memory.measured_bytes is None:
        return f"predicted peak {size(memory.predicted_bytes)}; measured: not run ({why_not}); {limit}"
    off = memory.measured_bytes / memory.predicted_bytes - 1
    return (
        f"predicted peak {size(memory.predicted_bytes)}, measured {size(memory.measured_bytes)} ({off:+.0%}); {limit}"
    )


def time_words(time: TimeEstimate) -> str:
    """The estimate with its range, and the steps that it stands on."""
    between = f"{duration(time.low_seconds)} to {duration(time.high_seconds)}"
    return (
        f"about {duration(_rounded(time.seconds))} ({between}): {time.n_steps:,} steps and validations; measured: "
        f"longest step {duration(time.longest_step_seconds)}, typical step {duration(time.typical_step_seconds)}"
    )


def _rounded(seconds: float) -> float:
    """An estimate is not known to the second: whole minutes from two minutes on."""
    return seconds if seconds < 120 else round(seconds / 60) * 60


def resolution_words(found: Resolution, *, metric: str) -> str:
    """Which differences the test set will probably show."""
    if math.isfinite(found.in_points):
        return (
            f"{found.n_test:,} test rows: a difference of {found.in_points:.0f} points or more will probably be "
            "noticed (8 times in 10), a smaller one may not; for finer ones: data.test=FILE"
        )
    return (
        f"{found.n_test:,} test rows: a difference of {found.in_deviations:.2f} standard deviations (of the rows' "
        f"differences in {metric}) will probably be noticed, a smaller one may not; for finer ones: data.test=FILE"
    )
