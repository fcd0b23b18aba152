"""`tunewright prepare|select|train|evaluate|explain|export`: one stage, and what it needs.

In: a plan or data file, or a run, and overrides. Out: what the stage found, in a few lines. Its own file because they
differ only in the stage and its words.
"""

from __future__ import annotations

import json as json_module
import shlex
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from tunewright.cli.console import Console, has_colour, open_console
from tunewright.cli.exported import exported_lines
from tunewright.cli.options import RUNS_DIR, Json, Overrides, PlanOrRun, PlanPath, Quiet, RunsDir
from tunewright.cli.outcome import show_requirements, show_verdict, shown_path, systems_table
from tunewright.cli.progress import event_printer
from tunewright.cli.run import run_aloud
from tunewright.cli.selected import selected_lines
from tunewright.cli.verbs import DATA_SUFFIXES
from tunewright.cli.words import duration, number, size
from tunewright.core.planfile import load_plan
from tunewright.core.run import Run, find_run
from tunewright.outcome import Outcome
from tunewright.tables.words import told
from tunewright.text.review_table import n_undecided
from tunewright.verbs.on_run import on_run

Push = Annotated[
    str, typer.Option("--push", metavar="OWNER/NAME", help="Upload the target repo to the Hub, private, by your token.")
]
RESULTS = {
    "prepare": ("prepare", "ledger.json"),
    "select": ("select", "candidates.json"),
    "train": ("train", "summary.json"),
    "evaluate": ("evaluate", "metrics.json"),
    "explain": ("explain", "explanations.json"),
    "export": ("export", "export.json"),
}
"""Where each stage's result stands."""
AFTER = {"prepare": "train", "select": "train", "train": "evaluate", "evaluate": "run"}
"""What is typed next; after the others the report."""


def prepare(
    plan: PlanPath, overrides: Overrides = None, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR
) -> int:
    """Read, clean and split the data, and count every row and token. The model is chosen too: it counts the tokens."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        return _stage("prepare", plan, overrides or [], console=console, runs_dir=runs_dir)


def select(
    plan: PlanPath, overrides: Overrides = None, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR
) -> int:
    """Choose the pre-trained model that suits the data and this machine."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        return _stage("select", plan, overrides or [], console=console, runs_dir=runs_dir)


def train(
    plan: PlanPath, overrides: Overrides = None, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR
) -> int:
    """Train, after preparing and selecting where that is not done yet. A stopped training goes on."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        return _stage("train", plan, overrides or [], console=console, runs_dir=runs_dir)


def evaluate(
    plan: PlanPath, overrides: Overrides = None, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR
) -> int:
    """Measure the tuned model beside its rivals, after the stages before where they are not done yet."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        return _stage("evaluate", plan, overrides or [], console=console, runs_dir=runs_dir)


def explain(
    plan: PlanOrRun, overrides: Overrides = None, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR
) -> int:
    """Find the words that carried the answers to a sample of test rows, and check them against random words."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        if _is_file(plan):
            return _stage("explain", plan, overrides or [], console=console, runs_dir=runs_dir)
        return _on_run("explain", find_run(str(plan), runs_dir=runs_dir), overrides or [], console=console)


def export(
    plan: PlanOrRun,
    overrides: Overrides = None,
    push: Push = "",
    json: Json = False,
    quiet: Quiet = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> int:
    """Write the model as folders that other software loads; each must answer like the proven model, or none is kept."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        words = overrides or []
        if push:
            from tunewright.verbs.push import refuse_push, with_repo  # the Hub's client: --help does not wait

            refuse_push(push)
            words = with_repo(words)
        if _is_file(plan):
            return _stage("export", plan, words, console=console, runs_dir=runs_dir, push=push)
        return _on_run("export", find_run(str(plan), runs_dir=runs_dir), words, console=console, push=push)


def _is_file(word: Path) -> bool:
    """A plan or data file, there or missing; anything else means a run."""
    return word.is_file() or word.suffix.lower() in DATA_SUFFIXES


def _on_run(
    stage: Literal["explain", "export"], run: Run, overrides: list[str], *, console: Console, push: str = ""
) -> int:
    started = time.monotonic()
    with event_printer(console) as tell:
        outcome = on_run(run, stage, overrides, tell=tell)
    return _told(stage, outcome, again=[], console=console, started=started, push=push)


def _stage(stage: str, plan: Path, overrides: list[str], *, console: Console, runs_dir: Path, push: str = "") -> int:
    started = time.monotonic()
    outcome = run_aloud(load_plan(plan, overrides=overrides), console=console, runs_dir=runs_dir, until=stage)
    return _told(stage, outcome, again=[str(plan), *overrides], console=console, started=started, push=push)


def _told(stage: str, outcome: Outcome, *, again: list[str], console: Console, started: float, push: str = "") -> int:
    """What the stage found. again: the words that named the plan. push: where the exported repository goes."""
    folder, name = RESULTS[stage]
    found = json_module.loads((outcome.run.stage(folder) / name).read_text(encoding="utf-8"))
    if outcome.was_finished:
        console.result(f"nothing to do: {stage} of {outcome.run.name} is finished")
    _show(stage, found, run=outcome.run, console=console)
    show_requirements(console, outcome.requirements if stage == "evaluate" else ())
    pushed = _pushed(outcome.run, push, console=console) if push else None
    console.result(f"\nfolder  {shown_path(outcome.run.stage(folder))}")
    words = again if stage in AFTER else [outcome.run.word]
    console.result(f"next    {shlex.join(['tunewright', AFTER.get(stage, 'report'), *words])}")
    console.answer(
        {
            "run": str(outcome.run.folder),
            "stage": stage,
            "result": found,
            "requirements": [asdict(one) for one in outcome.requirements],
            "was_finished": outcome.was_finished,
            "seconds": round(time.monotonic() - started, 3),
            **({"pushed": pushed} if stage == "export" else {}),
        }
    )
    return 0


def _pushed(run: Run, name: str, *, console: Console) -> str:
    from tunewright.verbs.push import push

    url = push(run.stage("export"), name)
    console.result(f"pushed  {url} (private)")
    return url


def _show(stage: str, found: Mapping[str, Any], *, run: Run, console: Console) -> None:
    if stage == "prepare":
        for line in prepared_lines(found):
            console.result(line)
        _show_doctor(console, run)
        for i, line in enumerate(review_lines(run)):
            console.result(line if i else f"\n{line}")
    elif stage == "select":
        for line in selected_lines(found):
            console.result(line)
    elif stage == "train":
        for line in trained_lines(found):
            console.result(line)
    elif stage == "explain":
        for line in explained_lines(found, folder=shown_path(run.stage("explain"))):
            console.result(line)
    elif stage == "export":
        for line in exported_lines(found, folder=shown_path(run.stage("export"))):
            console.result(line)
    else:
        console.result(systems_table(found) + "\n")
        show_verdict(console, found["verdict"])


def _show_doctor(console: Console, run: Run) -> None:
    """The lights and cards of the data, as `check` shows them."""
    from tunewright.cli.data_doctor import doctor_lines  # what reads a run takes a moment: --help does not wait
    from tunewright.report.doctor import doctor_of

    found, cards = (_read(run, name) for name in ("findings.json", "cards.json"))
    doctor = doctor_of(found.get("findings", ()), found.get("checks", {}), cards.get("cards", ()))
    if doctor:
        console.result("")
        for line in doctor_lines(doctor, has_colour=has_colour(console.people), whole="findings.json"):
            console.line(line)


def prepared_lines(ledger: Mapping[str, Any]) -> list[str]:
    """Rows and tokens."""
    kept = ", ".join(f"{n:,} {split}" for split, n in ledger["rows_kept"].items())
    dropped = ", ".join(f"{n:,} {reason.replace('_', ' ')}" for reason, n in ledger["dropped"].items()) or "none"
    lines = [f"{ledger['rows_read']:,} rows read: {kept}; dropped: {dropped}"]
    if tokens := ledger["tokens"].get("train"):
        trained = f", {tokens['trained_on']:,} of them trained on" if tokens["trained_on"] else ""
        n_cut = tokens["rows_cut"]
        cut = f"{tokens['cut']:,} cut in {n_cut:,} {'row' if n_cut == 1 else 'rows'}"
        lines.append(f"{tokens['total']:,} tokens in train{trained}; {cut}")
    return lines


def review_lines(run: Run) -> list[str]:
    """How many rows wait for a person, and how to decide about them."""
    path = run.stage("prepare") / "review.csv"
    n_open = n_undecided(path)
    if not n_open:
        return []
    how = f"cp {shlex.quote(shown_path(path))} . and fill in its column decision; then prepare.review=review.csv"
    return [f"{told(n_open, 'waits', 'wait')} for a person's decision (none is needed)", f"  try: {how}"]


def trained_lines(summary: Mapping[str, Any]) -> list[str]:
    """What changed, how long it took, how well it went."""
    score = summary.get("validation_score")
    trained, total = summary["trainable_parameters"], summary["total_parameters"]
    return [
        f"{summary['method']}: {trained:,} of {total:,} weights ({trained / total:.1%})",
        f"{summary['steps']} steps in {duration(summary['seconds'])}, "
        f"{summary['tokens_per_second'] or 0:,.0f} tokens/s, peak memory {size(summary['peak_memory_bytes'])}",
        f"best validation at step {summary['best_step']}: loss {number(summary['validation_loss_nats'])}"
        + (f", accuracy {number(score)}" if score is not None else ""),
    ]


def explained_lines(found: Mapping[str, Any], *, folder: str) -> list[str]:
    """How many answers were explained, whether their pictures are worth looking at, and which labels are doubted."""
    lines = []
    if summary := found.get("summary"):
        share = summary["share_better_than_random"]
        better = f"; {share:.0%} of the pictures are better than random words" if share is not None else ""
        lines += [f"{len(found['rows']):,} of {found['rows_in_test']:,} test rows, drawn by seed{better}"]
        lines += [summary["sentence"]]
    return lines + doubted_lines(found.get("label_errors") or {}, folder=folder)


def doubted_lines(found: Mapping[str, Any], *, folder: str) -> list[str]:
    """Labels that are probably wrong, what it cost to know, and how to decide about them."""
    if not found:
        return []
    if found.get("not_run"):
        return [f"label errors: not run, {found['not_run']}"]
    cost = f"{found['n_models']} more trainings, {duration(found['seconds'])}"
    lines = [f"label errors: {found['sentence']} ({cost})"]
    lines += [f"  not looked at: {n:,} rows ({why})" for why, n in found["not_looked"].items() if n]
    if found["n_suspects"]:
        file = found["file"]
        how = f"cp {shlex.quote(f'{folder}/{file}')} . and fill in its column decision"
        lines.append(f"  try: {how}; then prepare.review={file}")
    return lines


def _read(run: Run, name: str) -> Mapping[str, Any]:
    """A file of prepare; empty where an older run has none."""
    path = run.stage("prepare") / name
    return dict(json_module.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
