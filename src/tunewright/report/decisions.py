"""What the page says about decisions: the models compared, every choice with its reason, versions and machine.

In: candidates.json, card.json, resolved.yaml and run.json as values. Out: a frozen view. Its own file because reasons
are the half of a result that numbers do not show.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import yaml

from tunewright.report import numbers
from tunewright.report.read import Record, RunFiles, as_list, as_record
from tunewright.text.private import masked


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model that was considered."""

    name: str
    is_chosen: bool
    architecture: str
    parameters: str
    context: str
    licence: str
    memory: str
    fits: str
    tokens_per_byte: str
    task_fit: str
    reason: str
    filters: tuple[tuple[str, bool, str], ...]
    """(what it must be, whether it is, what was found)."""
    facts_from: str
    effort: str


@dataclass(frozen=True, slots=True)
class Decisions:
    """Finished text."""

    model: str
    model_facts: tuple[tuple[str, str], ...]
    candidates: tuple[Candidate, ...]
    left_out: tuple[tuple[str, str], ...]
    """(model, why it was not compared)."""
    size_rules: tuple[str, ...]
    choices: tuple[tuple[str, str, str], ...]
    """(field, value, reason)."""
    notes: tuple[str, ...]
    plan: str
    """The resolved plan as YAML; empty when there is none."""
    machine: tuple[tuple[str, str], ...]
    versions: tuple[tuple[str, str], ...]
    stages: tuple[tuple[str, str, str], ...]
    """(stage, status, time)."""


def decisions_of(run: RunFiles) -> Decisions:
    return Decisions(
        model=model_name(run),
        model_facts=_model_facts(run),
        candidates=_candidates(run),
        left_out=tuple((str(one.get("name") or ""), str(one.get("reason") or "")) for one in run.left_out),
        size_rules=run.size_rules,
        choices=_choices(run),
        notes=tuple(str(note) for note in as_list(run.decision.get("notes"))),
        plan=yaml.safe_dump(run.plan, sort_keys=False, allow_unicode=True, width=100) if run.plan else "",
        machine=_machine(run),
        versions=tuple((str(k), str(v)) for k, v in as_record(run.manifest.get("versions")).items()),
        stages=_stages(run),
    )


def model_name(run: RunFiles) -> str:
    """As the plan names it; empty when none was chosen."""
    return str(run.card.get("name") or as_record(run.plan.get("model")).get("name") or "")


def _model_facts(run: RunFiles) -> tuple[tuple[str, str], ...]:
    card = run.card
    if not card:
        return ()
    return (
        ("Architecture", f"{card.get('architecture', '')}, {card.get('model_type', '')}"),
        ("Parameters", numbers.rounded_count_text(card.get("n_parameters"))),
        ("Blocks", f"{numbers.count_text(card.get('n_layers'))}, {numbers.count_text(card.get('hidden_size'))} wide"),
        ("Reads at most", f"{numbers.count_text(card.get('context_tokens'))} tokens"),
        ("Licence", str(card.get("licence") or "unknown")),
        ("Languages", ", ".join(str(word) for word in as_list(card.get("languages"))) or "not stated"),
    )


def _candidates(run: RunFiles) -> tuple[Candidate, ...]:
    chosen = model_name(run)
    ranked = sorted(run.candidates, key=lambda c: (not numbers.is_known(c.get("rank")), numbers.number(c.get("rank"))))
    return tuple(
        Candidate(
            name=str(c.get("name") or ""),
            is_chosen=bool(chosen) and str(c.get("name")) == chosen,
            architecture=str(c.get("architecture") or ""),
            parameters=numbers.rounded_count_text(c.get("n_parameters")),
            context=numbers.count_text(c.get("context_tokens")),
            licence=str(c.get("licence") or "unknown"),
            memory=numbers.bytes_text(c.get("need_bytes")),
            fits={True: "fits", False: "does not fit"}.get(bool(c.get("fits")), "")
            if c.get("fits") is not None
            else "unknown",
            tokens_per_byte=numbers.significant_text(c.get("tokens_per_byte")),
            task_fit=_value(c.get("task_fit")) if c.get("task_fit") is not None else "",
            reason=str(c.get("reason") or ""),
            filters=tuple(
                (str(one.get("name") or ""), bool(one.get("is_passed")), str(one.get("words") or ""))
                for one in map(as_record, as_list(c.get("filters")))
            ),
            facts_from=str(c.get("facts_from") or ""),
            effort="; ".join(str(words) for words in as_list(c.get("effort"))),
        )
        for c in ranked
    )


def _choices(run: RunFiles) -> tuple[tuple[str, str, str], ...]:
    found = [_with_found(as_record(choice), run) for choice in as_list(run.decision.get("choices"))]
    return tuple((str(c.get("field") or ""), _value(c.get("value")), masked(str(c.get("reason") or ""))) for c in found)


def _with_found(choice: Record, run: RunFiles) -> Record:
    """The choice with what was found before the training, where the plan left it to be found."""
    asked = {"train.learning_rate": ("learning_rate_search", "rate"), "train.layers": ("layer_search", "blocks")}
    name, key = asked.get(str(choice.get("field")), ("", ""))
    search = as_record(run.summary.get(name))
    return choice | {"value": search.get(key), "reason": search.get("reason")} if search else choice


def _value(value: object) -> str:
    """As a plan would write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_value(item) for item in value) or "none"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _machine(run: RunFiles) -> tuple[tuple[str, str], ...]:
    found = as_record(run.manifest.get("machine"))
    if not found:
        return ()
    rate = numbers.number(found.get("matrix_flops"))
    lines = [
        ("System", str(found.get("system") or "unknown")),
        ("Processor", str(found.get("processor") or "unknown")),
        ("Cores", numbers.count_text(found.get("n_cores"))),
        ("Memory", numbers.bytes_text(found.get("memory_bytes"))),
        ("bfloat16 in hardware", _value(found.get("has_bf16"))),
        ("Accelerator", str(found.get("accelerator") or "none")),
        ("Matrix rate", f"{rate / 1e9:,.0f} GFLOP/s" if numbers.is_known(rate) else numbers.NOT_MEASURED),
        ("Started", str(run.manifest.get("started") or "unknown")),
        ("Seed", str(run.seed)),
    ]
    return tuple(lines)


def _stages(run: RunFiles) -> tuple[tuple[str, str, str], ...]:
    lines = []
    for stage in ("prepare", "select", "train", "evaluate"):
        record = run.status(stage)
        time = numbers.seconds_text(record.get("seconds")) if record else ""
        lines.append((stage, str(record.get("status") or "not run"), time))
    return tuple(lines)
