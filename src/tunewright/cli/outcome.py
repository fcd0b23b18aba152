"""What a run came to, in words: the table of systems, the verdict, where the page is, what to type next.

In: an Outcome, or metrics.json as values. Out: text. Its own file because run, demo, evaluate and report end alike.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tunewright.cli.console import Console
from tunewright.cli.words import duration, interval, number, table
from tunewright.core.errors import RequirementsMissed
from tunewright.core.requirements import Checked
from tunewright.core.run import Run
from tunewright.core.systems import SCRATCH, is_scratch
from tunewright.outcome import Outcome
from tunewright.report.words import metric_name, system_name
from tunewright.required import metrics_of

SHORT_NAMES = {
    "few_shot": "Examples in prompt",
    "majority": "Most common answer",
    "mean": "Mean of training",
    "linear_probe": "Linear probe",
    "scratch": "From scratch",
}
"""Where the report's names are too long for a table of 80 columns."""
NAME_COLUMNS = 18
VERDICT_STYLES = {"better": "bold green", "worse": "bold red"}


def show_outcome(console: Console, outcome: Outcome, *, seconds: float) -> None:
    """The end of a run, for people and for programs."""
    folder, metrics = outcome.run.folder, outcome.metrics
    if outcome.was_finished:
        console.result(f"nothing to do: {outcome.run.name} is finished")
    else:
        console.result("\n" + systems_table(metrics))
    console.result("")
    show_verdict(console, outcome.verdict)
    show_alarms(console, metrics)
    show_requirements(console, outcome.requirements)
    report = folder / "report.html"
    console.result(f"\nreport  {shown_path(report)}")
    console.result(f"next    {next_command(folder, metrics)}")
    if not outcome.was_finished:
        console.note(f"done in {duration(seconds)}")
    console.answer(
        {
            "run": str(folder),
            "verdict": outcome.verdict,
            "metrics": metrics,
            "requirements": [asdict(one) for one in outcome.requirements],
            "report": str(report),
            "was_finished": outcome.was_finished,
            "seconds": round(seconds, 3),
        }
    )


def show_verdict(console: Console, verdict: Mapping[str, Any]) -> None:
    """The sentence, then what limits it."""
    console.paragraph(verdict.get("sentence", ""), style=VERDICT_STYLES.get(str(verdict.get("status")), "bold"))
    for detail in verdict.get("details", ()):
        if not detail.startswith("Against "):  # those stand in the table
            console.paragraph(detail, indent="  ")


def show_alarms(console: Console, metrics: Mapping[str, Any]) -> None:
    """What was forgotten, where it is too much, and personal data that can be had word for word."""
    alarm = (metrics.get("forgetting") or {}).get("alarm") or {}
    if alarm.get("is_on"):
        console.paragraph(alarm["sentence"], style="bold red")
        for line in alarm["advice"]:
            console.paragraph(f"try: {line}", indent="  ")
    warning = ((metrics.get("memorisation") or {}).get("private") or {}).get("warning")
    if warning:
        console.paragraph(warning, style="bold red")


def show_requirements(console: Console, found: Sequence[Checked]) -> None:
    """What the plan asks, each with what was measured."""
    for one in found:
        word, style = ("met", "green") if one.is_met else ("not met", "red")
        console.result(f"required: {one.condition}: {word} ({one.found})", style=style)


def show_missed(console: Console, missed: RequirementsMissed) -> None:
    """The table and the verdict of a run that ends with this error, which says the rest."""
    metrics = metrics_of(Run(Path(missed.folder)))
    if metrics:
        console.result("\n" + systems_table(metrics) + "\n")
        show_verdict(console, metrics["verdict"])
        console.result("")


def systems_table(metrics: Mapping[str, Any]) -> str:
    """Systems by primary metric, the measured model first, then the best; each with its interval and the comparison."""
    name, subject = metrics["primary_metric"], metrics.get("subject", "tuned")
    found = {system: of[name] for system, of in metrics["systems"].items() if name in of}
    against = {c["b"]: c for c in metrics["comparisons"] if c["a"] == subject and c["metric"] == name}
    rows = [
        ("", metric_name(name), "95 % interval", "the tuned model is" if subject == "tuned" else "the outside model is")
    ]
    for system in ranked(found, subject=subject):
        metric = found[system]
        compared = _comparison_words(against[system]) if system in against else ""
        rows.append((short_name(system), number(metric["value"]), interval(metric["ci95"]), compared))
    not_run = [f"not run: {short_name(system)} ({why})" for system, why in metrics.get("not_run", {}).items()]
    return "\n".join([table(rows), *not_run])


def short_name(system: str) -> str:
    """A system's name for a column; a folder by its end, which tells it from others.

    >>> short_name("tfidf"), short_name("path:/home/somebody/models/my-adapter-of-monday"), short_name("scratch:10x")
    ('Keyword model', '…adapter-of-monday', 'From scratch 10x')
    """
    if is_scratch(system):
        return " ".join((SHORT_NAMES[SCRATCH], system.partition(":")[2])).strip()
    name = SHORT_NAMES.get(system) or system_name(system)
    return name if len(name) <= NAME_COLUMNS else f"…{name[1 - NAME_COLUMNS :]}"


def ranked(found: Mapping[str, Mapping[str, Any]], *, subject: str = "tuned") -> Sequence[str]:
    """The subject, then the others from good to bad; what has no value comes last."""

    def place(system: str) -> tuple[bool, bool, float]:
        value = found[system]["value"]
        sign = -1.0 if found[system]["is_higher_better"] else 1.0
        return system != subject, value is None or value != value, sign * (value or 0.0)

    return sorted(found, key=place)


def next_command(folder: Path, metrics: Mapping[str, Any]) -> str:
    """The most useful thing to type now."""
    run = shlex.quote(Run(folder).word)
    if metrics.get("task") == "classify":
        return f'tunewright why {run} "a text of yours"'
    return (
        f"tunewright chat {run}"
        if metrics.get("task") in ("generate", "regress")
        else f"tunewright trace {run} {_a_test_row(folder)}"
    )


def shown_path(path: Path) -> str:
    """Relative to where the user stands, when it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _comparison_words(comparison: Mapping[str, Any]) -> str:
    difference = comparison["difference"]
    if difference is None or difference != difference:
        return f"not compared: {comparison['test']}"
    parts = [
        comparison["verdict"],
        f"by {number(abs(difference))}" if comparison["verdict"] != "not distinguishable" else "",
    ]
    p_value = comparison["p_value"]
    if p_value is not None and p_value == p_value:
        parts.append("(p < .001)" if p_value < 0.001 else f"(p {number(p_value)})")
    return " ".join(part for part in parts if part)


def _a_test_row(folder: Path) -> str:
    path = folder / "evaluate" / "predictions.parquet"
    if not path.is_file():
        return "ROW_ID"
    import pyarrow.parquet as pq  # a tenth of a second that labels need not pay

    ids = pq.read_table(path, columns=["row_id"]).column("row_id").slice(0, 1).to_pylist()
    return str(ids[0]) if ids else "ROW_ID"
