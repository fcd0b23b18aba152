"""The export stage: the proven model as folders that other software loads, each checked before it is published.

In: the resolved plan, the subject, the prepare folder. Out: a folder for each target, export.json. Its own file because
it is the one that touches files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tunewright.core.events import NoteEvent, ProgressEvent, Tracker, null_tracker
from tunewright.core.files import write_json, write_text
from tunewright.core.plan import Plan
from tunewright.core.tasks import TASKS
from tunewright.core.values import Subject
from tunewright.export.loading import loading_lines, readme
from tunewright.export.parity import Parity, parity
from tunewright.export.plain import Asked, kind_of, plain_program
from tunewright.export.sample import sample
from tunewright.export.targets import chosen
from tunewright.model.subject import load_subject


@dataclass(frozen=True, slots=True)
class ExportInputs:
    """What the stage is given."""

    plan: Plan
    """Resolved."""
    subject: Subject
    prepared: Path


def export(inputs: ExportInputs, *, work: Path, tell: Tracker = null_tracker) -> dict[str, Any]:
    """Write and check every target in `work`, and return export.json as values.

    Memory: the proven and the exported model at the same time, in two processes. Of a base in few bits the adapter is
    exported on the base as it was before; beside the gate stands how far that is from what was measured.
    Raises PlanError for a target that the model does not have, ExportError for one that does not answer like it.
    """
    plan, subject = inputs.plan, inputs.subject
    measured = load_subject(subject)
    proven = load_subject(replace(subject, quantization=None)) if measured.quantization else measured
    targets, left_out = chosen(plan.export.targets, proven)
    notes: dict[str, str] = {}
    for name, target in targets.items():
        notes[name] = target.write(work / name, proven, max_length=subject.max_length)
        if notes[name]:
            tell(NoteEvent(f"{name}: {notes[name]}"))
    tried = sample(
        inputs.prepared, loaded=proven, labels=subject.labels, max_length=subject.max_length, seed=plan.run.seed
    )
    records: dict[str, dict[str, Any]] = {}
    with plain_program() as load:
        for name in targets:
            asked = Asked(
                folder=work / name,
                target=name,
                base=subject.card.path if name == "adapter" else "",
                device=subject.device,
                threads=subject.threads,
                trust_remote_code=subject.trust_remote_code,
                max_kl_nats=plan.export.max_kl_nats,
            )
            progress = _progress(tell, name, total=len(tried.encoded))
            found = parity(asked, load=load, proven=proven, measured=measured, sample=tried, progress=progress)
            if measured.quantization:
                tell(NoteEvent(f"{name}: {_away(found, same=TASKS[subject.task].same_answer)}"))
            loading = loading_lines(kind_of(proven), target=name, task=subject.task, n_classes=len(proven.labels))
            records[name] = _record(asked, found, note=notes[name], loading=loading)
            write_text(work / name / "README.md", readme(subject, name=name, record=records[name]))
    found_json = {"subject": subject.name, "targets": records, "left_out": left_out}
    write_json(work / "export.json", found_json)
    return found_json


def _record(asked: Asked, found: Parity, *, note: str, loading: tuple[str, ...]) -> dict[str, Any]:
    """One target in export.json."""
    return {
        "path": asked.target,
        "size_bytes": sum(path.stat().st_size for path in asked.folder.rglob("*") if path.is_file()),
        "rows": found.rows,
        "split": found.split,
        "n": found.n,
        "kl_nats": {"mean": found.kl_nats_mean, "max": found.kl_nats_max, "worst_row": found.worst_row},
        "agreement": found.agreement,
        "measured_in": found.measured_in,
        "precision": found.precision,
        "limit_nats": asked.max_kl_nats,
        "checks": found.checks,
        "golden_ids_digest": found.golden_ids_digest,
        "loaded_with": found.versions,
        "signature": found.signature,
        "note": note,
        "loading": list(loading),
    }


def _away(found: Parity, *, same: str) -> str:
    """How far what was measured is from what is exported."""
    kl, share = found.precision["kl_nats_mean"], found.precision["agreement"]
    return f"the scores were measured in {found.measured_in}, {kl:.2g} nats away, {same} in {share:.1%}"


def _progress(tell: Tracker, name: str, *, total: int) -> Any:
    return lambda done: tell(ProgressEvent(f"checking {name}", done, total))
