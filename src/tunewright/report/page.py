"""report.html: one page that needs nothing beside it, no network and no script.

In: RunFiles. Out: the page's text. Its own file because it is the one place where views meet the template.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from importlib.resources import files

from markupsafe import Markup

from tunewright.core.run import versions
from tunewright.core.systems import TUNED
from tunewright.report import numbers, words
from tunewright.report.confidence import BelievedConfidence, confidence_of
from tunewright.report.data import Data, data_of
from tunewright.report.decisions import Decisions, decisions_of
from tunewright.report.doubts import LabelDoubts, label_doubts_of
from tunewright.report.environment import environment
from tunewright.report.examples import Group, examples_of
from tunewright.report.explanations import Explanations, explanations_of
from tunewright.report.exported import Exported, exported_of
from tunewright.report.forgetting import Forgetting, forgetting_of
from tunewright.report.glossary import glossary
from tunewright.report.judged import Judge, judge_of
from tunewright.report.likelier import LikelierWords, likelier_of
from tunewright.report.mistakes import Mistakes, mistakes_of
from tunewright.report.parts import Parts, parts_of
from tunewright.report.race import RaceView, race_of
from tunewright.report.read import RunFiles, as_record
from tunewright.report.results import Results, Verdict, primary_of, results_of, verdict_of
from tunewright.report.rows import has_rows_page
from tunewright.report.training import Training, memory_words, minutes_of, training_of


@dataclass(frozen=True, slots=True)
class Key:
    """One of the key numbers."""

    label: str
    value: str
    note: str


@dataclass(frozen=True, slots=True)
class Page:
    """What the template draws; None means: not run."""

    name: str
    word: str
    """The name as a command takes it."""
    task: str
    started: str
    verdict: Verdict
    keys: tuple[Key, ...]
    test_set_uses: str
    results: Results | None
    judge: Judge | None
    race: RaceView | None
    training: Training | None
    data: Data | None
    confidence: BelievedConfidence | None
    parts: Parts | None
    forgetting: Forgetting | None
    mistakes: Mistakes | None
    examples: tuple[Group, ...]
    has_rows: bool
    """rows.html lies beside this page."""
    likelier: LikelierWords | None
    explanations: Explanations | None
    label_doubts: LabelDoubts | None
    exported: Exported | None
    why_unexplained: str
    """Why answers of this task are not explained; empty where they can be."""
    decisions: Decisions
    subject: str
    """What the verdict is about, inside a sentence: the tuned model, the model my-adapter."""
    is_outside: bool
    """Another tool has trained that model."""
    glossary: tuple[tuple[str, str], ...]
    commands: tuple[tuple[str, str], ...]
    made_by: str
    style: Markup


def report_html(run: RunFiles) -> str:
    """The whole page."""
    return environment(is_html=True).get_template("report.html.j2").render(page=page_of(run))


def page_of(run: RunFiles) -> Page:
    """Every section as a finished view."""
    results, training, decisions = results_of(run), training_of(run), decisions_of(run)
    return Page(
        name=run.name,
        word=shlex.quote(run.name),
        task=words.TASKS.get(run.task, run.task),
        started=str(run.manifest.get("started") or "")[:10],
        verdict=verdict_of(run),
        keys=_keys(run, decisions),
        test_set_uses=_uses(run),
        results=results,
        judge=judge_of(run),
        race=race_of(run),
        training=training,
        data=data_of(run),
        confidence=confidence_of(run),
        parts=parts_of(run),
        forgetting=forgetting_of(run),
        mistakes=mistakes_of(run),
        examples=examples_of(run),
        has_rows=has_rows_page(run),
        likelier=likelier_of(run),
        explanations=explanations_of(run),
        label_doubts=label_doubts_of(run),
        exported=exported_of(run),
        why_unexplained=words.unexplained(run.task),
        decisions=decisions,
        subject=words.subject_name(run.subject),
        is_outside=run.subject != TUNED,
        glossary=glossary(_terms(run)),
        commands=_commands(run),
        made_by=f"tunewright {as_record(run.manifest.get('versions')).get('tunewright') or versions()['tunewright']}",
        style=Markup(
            (files("tunewright.report") / "templates" / "style.css").read_text(encoding="utf-8")
        ),  # ours, not data
    )


def _keys(run: RunFiles, decisions: Decisions) -> tuple[Key, ...]:
    metric = str(run.metrics.get("primary_metric") or "")
    primary = primary_of(run)
    between = numbers.interval_text(primary.get("ci95"), metric=metric)
    n_rows = as_record(run.facts.get("n_rows"))
    all_time, training_time = minutes_of(run)
    parameters = numbers.rounded_count_text(run.card.get("n_parameters")) if run.card else ""
    memory = run.summary.get("peak_memory_bytes")
    test_rows = run.metrics.get("rows", n_rows.get("test"))
    return (
        Key(
            words.metric_name(metric) if metric else "Primary metric",
            numbers.metric_text(primary.get("value"), metric=metric) if primary else "not run",
            f"95 % interval {between}" if between else "",
        ),
        Key(
            "Test rows",
            numbers.count_text(test_rows) if test_rows is not None else "not run",
            f"{numbers.count_text(n_rows['train'])} to train on" if "train" in n_rows else "",
        ),
        Key(
            "Model",
            decisions.model.split("/")[-1].removeprefix("starter:") or "not chosen",
            f"{parameters} parameters" if parameters else "",
        ),
        Key("Time", all_time, f"{training_time} of it training steps" if run.summary else "training not run"),
        Key("Peak memory", numbers.bytes_text(memory) if run.summary else "not run", memory_words(run.summary)),
    )


def _uses(run: RunFiles) -> str:
    uses = run.metrics.get("test_set_uses")
    if not numbers.is_known(uses):
        return ""
    times = "once" if uses == 1 else f"{numbers.count_text(uses)} times"
    return f"This test set has been scored {times} from this runs folder."


def _terms(run: RunFiles) -> set[str]:
    """Glossary words that stand on this page."""
    found = {"interval", "token", "seed", "fingerprint"}
    for system, metrics in as_record(run.metrics.get("systems")).items():
        found |= {str(system).partition(":")[0], *(str(name) for name in as_record(metrics))}
    if run.metrics:
        found |= {"signature", "base"}
    if run.metrics.get("comparisons"):
        found |= {"paired", "p_value"}
    if run.metrics.get("secondary"):
        found.add("holm")
    if run.metrics.get("confusion"):
        found.add("confusion")
    found |= {str(name).partition(":")[0] for name in as_record(run.metrics.get("not_run"))}
    if run.metrics.get("judge"):
        found |= {"judge", "paired", "p_value"}
    if run.steps:
        found |= {"loss", "nats", "learning_rate", "epoch", "validation", "checkpoint", "peak_memory"}
    if run.summary.get("method") == "lora":
        found |= {"lora", "adapter"}
    if run.summary.get("quantization"):
        found.add("quantisation")
    if run.ledger:
        found |= {"max_length", "leakage"}
    if run.card:
        found.add("context")
    if as_record(run.metrics.get("forgetting")).get("general"):
        found |= {"forgetting", "kl_divergence", "nats"}
    if as_record(run.metrics.get("memorisation")).get("sentence"):
        found.add("memorisation")
    if run.explanations.get("rows"):
        found |= {"occlusion", "nats", "p_value"}
    return found


def _commands(run: RunFiles) -> tuple[tuple[str, str], ...]:
    """What to type next; only commands that exist."""
    name = shlex.quote(run.name)
    judged = "let people judge the answers without knowing whose they are"
    is_judged = run.task == "generate" and "base" in as_record(run.metrics.get("systems"))
    return (
        *([(f"tunewright compare {name} --blind base", judged)] if is_judged else []),
        (f"tunewright report {name}", "make this page again"),
        ("tunewright run PLAN", "run the plan again: finished stages are skipped, changed ones are done anew"),
        ("tunewright show PLAN", "print every decision and its reason before anything runs"),
        ("tunewright runs", "list all runs"),
    )
