"""What a run decided: the resolved plan and what stands beside it, written and read again.

In: a run. Out: Decided, and the Subject, Shape that later verbs use the trained model with. Its own file because every
verb that takes a finished run (predict, chat, why, explain, export, compare) starts from it, without torch.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from tunewright.core.errors import PlanError, RunError
from tunewright.core.evaluate_plan import OUTSIDE
from tunewright.core.files import write_text
from tunewright.core.plan import Plan, plan_dict
from tunewright.core.planfile import plan_from
from tunewright.core.run import Run
from tunewright.core.scale import Scale
from tunewright.core.section import is_auto
from tunewright.core.systems import folder_of
from tunewright.core.values import Choice, DataFacts, ModelCard, Subject
from tunewright.tables.shape import Shape

RESOLVED = "resolved.yaml"
MAY_CHANGE = ("data", "run", "evaluate")
"""Sections that a finished run may be used with other values of: how to read a file, where and how to answer."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The resolved plan and what the stages need beside it."""

    plan: Plan
    card: ModelCard
    facts: DataFacts
    predicted_peak_memory_bytes: int
    predicted_memory: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Bytes by term, and how they were found; empty for runs of earlier versions."""


def choices_as_dicts(choices: Iterable[Choice]) -> list[dict[str, Any]]:
    """For resolved.yaml: field, value, reason."""
    return [
        {"field": c.field, "value": list(c.value) if isinstance(c.value, tuple) else c.value, "reason": c.reason}
        for c in choices
    ]


def write_decided(run: Run, decided: Decided, *, choices: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> None:
    """resolved.yaml: the plan, each choice with its reason, what was understood differently from how it was written.

    choices: field, value and reason of each.
    """
    record = {
        "plan": plan_dict(decided.plan),
        "choices": list(choices),
        "notes": list(notes),
        "predicted_peak_memory_bytes": decided.predicted_peak_memory_bytes,
        "predicted_memory": decided.predicted_memory,
    }
    text = yaml.safe_dump(json.loads(json.dumps(record)), sort_keys=False, allow_unicode=True, width=110)
    write_text(run.folder / RESOLVED, text)


def read_decided(run: Run) -> Decided:
    """What `run` decided.

    Raises RunError when it has not decided yet, or a file of it is gone or damaged.
    """
    try:
        record = yaml.safe_load((run.folder / RESOLVED).read_text(encoding="utf-8"))
        card = json.loads((run.stage("select") / "card.json").read_text(encoding="utf-8"))
        facts = json.loads((run.stage("prepare") / "facts.json").read_text(encoding="utf-8"))
        scale = Scale(**facts["scale"]) if facts.get("scale") else None
        return Decided(
            plan=Plan.model_validate(record["plan"]),
            card=ModelCard(**{**card, "languages": tuple(card["languages"])}),
            facts=DataFacts(**{**facts, "labels": tuple(facts["labels"]), "sample": (), "scale": scale}),
            predicted_peak_memory_bytes=int(record["predicted_peak_memory_bytes"]),
            predicted_memory=dict(record.get("predicted_memory") or {}),
        )
    except FileNotFoundError as error:
        raise RunError(
            f"the run {run.name} has not been prepared",
            where=str(run.folder),
            why=f"{Path(error.filename).name} is not there",
            fix=f"tunewright run {run.folder / 'plan.yaml'}",
        ) from error
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError) as error:
        raise RunError(
            f"what the run {run.name} decided cannot be read",
            where=str(run.folder),
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix=f"tunewright run {run.folder / 'plan.yaml'}",
        ) from error


def read_shape(run: Run) -> Shape:
    """How the run's files were read: which column is what.

    Raises RunError when the run was prepared by a version that did not keep it.
    """
    path = run.stage("prepare") / "shape.json"
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Shape(**{**record, "slice_columns": tuple(record.get("slice_columns", ())), "choices": ()})
    except (OSError, ValueError, TypeError) as error:
        raise RunError(
            "this run does not say which column is what",
            where=str(path),
            fix=f"tunewright run {run.folder / 'plan.yaml'}",
        ) from error


def used_with(decided: Decided, overrides: Sequence[str], *, also: Sequence[str] = ()) -> Decided:
    """The same decision used with other values: run.device=cpu, data.text_column=body, evaluate.max_new_tokens=64.

    also: sections that may change too, because the stage they belong to is made anew. auto means as decided.
    Raises PlanError for a value that would make another model: that needs a training.
    """
    asked = plan_from({}, folder=Path(), name="", overrides=overrides)
    plan = decided.plan
    for field in asked.given:
        section, _, name = field.partition(".")
        if section not in (*MAY_CHANGE, *also):
            raise PlanError(
                f"{field} made this model and cannot be changed now",
                where="command line",
                why=f"a finished run takes other values of {', '.join(MAY_CHANGE)} only",
                fix=f"tunewright run PLAN {next(w for w in overrides if w.partition('=')[0].endswith(name))}",
            )
        value = getattr(getattr(asked.plan, section), name)
        if is_auto(value):
            continue
        plan = plan.with_(**{section: getattr(plan, section).with_(**{name: value})})
    return replace(decided, plan=plan)


def subject_of(run: Run, decided: Decided) -> Subject:
    """The model that the run's verdict is about: the one it trained, else the outside folder that it measured.

    Raises RunError when it was not trained yet.
    """
    plan = decided.plan
    outside = next((name for name in plan.evaluate.systems if name.startswith(OUTSIDE)), "")
    is_ours = "tuned" in plan.evaluate.systems or not outside
    if is_ours and run.manifest().get("stages", {}).get("train", {}).get("status") != "done":
        raise RunError(
            f"the run {run.name} is not trained yet",
            where=str(run.folder),
            fix=f"tunewright train {run.folder / 'plan.yaml'}",
        )
    return subject(
        decided, name="tuned" if is_ours else outside, folder=run.stage("train") if is_ours else folder_of(outside)
    )


def subject(decided: Decided, *, name: str, folder: Path) -> Subject:
    plan = decided.plan
    return Subject(
        name=name,
        folder=str(folder),
        card=decided.card,
        task=plan.task,
        labels=decided.facts.labels,
        max_length=plan.prepare.max_length,
        device=plan.run.device,
        dtype=plan.model.dtype,
        threads=plan.run.threads,
        trust_remote_code=plan.model.trust_remote_code,
        quantization=plan.model.quantization,
    )
