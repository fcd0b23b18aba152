"""The export stage: the proven model as folders that other software loads, each checked before it is published.

In: the resolved plan, the subject, the prepare folder. Out: a folder for each target, export.json. Its own file because
it is the one that touches files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tunewright.core.events import NoteEvent, ProgressEvent, Tracker, null_tracker
from tunewright.core.files import remove, write_json, write_text
from tunewright.core.plan import Plan
from tunewright.core.tasks import TASKS
from tunewright.core.values import Subject, Task
from tunewright.export.loading import SCRIPT, SCRIPT_LINE, compared_lines, loading_lines, readme
from tunewright.export.measure import Compare, metric_of, scored_pairs
from tunewright.export.parity import Parity, parity
from tunewright.export.plain import Asked, kind_of, plain_program
from tunewright.export.sample import sample
from tunewright.export.script import Form, classifier_script, gguf_script, language_script, requirements
from tunewright.export.source import Program, Source, Target
from tunewright.export.targets import chosen
from tunewright.export.whole import write_whole
from tunewright.model.load import Loaded
from tunewright.model.subject import load_subject
from tunewright.text.chat import end_token_ids


@dataclass(frozen=True, slots=True)
class ExportInputs:
    """What the stage is given."""

    plan: Plan
    """Resolved."""
    subject: Subject
    prepared: Path
    compare: Compare
    """How two models' answers to the same rows are compared: evaluation's own."""
    card: Callable[[], str]
    """The run's model card, as it lies beside the whole model."""


WHOLE = ".whole"
"""Where the whole model lies while other forms are made from it and it is not asked for itself."""
N_AFTER = 8
"""Tokens that may be written after a row."""


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
    source = Source(proven, subject.max_length, whole=partial(_whole, work, targets, proven, subject.max_length))
    notes = {name: target.write(work / name, source) for name, target in targets.items()}
    for name, target in targets.items():
        _write_plain(work / name, source, program=target.program, is_adapter=name == "adapter")
    for name, note in notes.items():
        if note:
            tell(NoteEvent(f"{name}: {note}"))
    tried = sample(
        inputs.prepared, loaded=proven, labels=subject.labels, max_length=subject.max_length, seed=plan.run.seed
    )
    metric = metric_of(proven.task, primary=plan.evaluate.primary_metric)
    scored = partial(scored_pairs, compare=inputs.compare, metric=metric, proven=proven, seed=plan.run.seed)
    records: dict[str, dict[str, Any]] = {}
    with plain_program() as load:
        for name, target in targets.items():
            asked = _asked(work / name, name, target=target, inputs=inputs, longest=max(map(len, tried.encoded)))
            found = parity(
                asked,
                load=load,
                proven=proven,
                measured=measured,
                sample=tried,
                scored=scored,
                progress=_progress(tell, name, total=len(tried.encoded)),
            )
            _tell(found, name, target=target, tell=tell, away=measured.quantization, task=subject.task)
            records[name] = _record(asked, found, note=notes[name], loading=_loading(name, target, proven))
            write_text(work / name / "README.md", _readme(name, records[name], target=target, inputs=inputs))
            write_json(work / name / "parity.json", records[name])
    remove(work / WHOLE)
    found_json = {"subject": subject.name, "targets": records, "left_out": left_out}
    write_json(work / "export.json", found_json)
    return found_json


def _write_plain(folder: Path, source: Source, *, program: Program, is_adapter: bool) -> None:
    """requirements.txt, and predict.py where the writer has not brought one."""
    forms: dict[str, Form] = {"in_llama_cpp": "gguf", "in_onnxruntime": "onnx"}
    loaded, form = source.loaded, forms.get(program) or kind_of(source.loaded)
    write_text(folder / "requirements.txt", requirements(form, is_adapter=is_adapter))
    if (folder / SCRIPT).is_file():
        return
    if form == "gguf":
        text = gguf_script(loaded)
    elif form == "classifier":
        text = classifier_script(loaded, max_length=source.max_length, is_adapter=is_adapter)
    else:
        ends = end_token_ids(loaded.tokenizer) if is_adapter else ()
        text = language_script(loaded, ends=ends, is_adapter=is_adapter)
    write_text(folder / SCRIPT, text)


def _loading(name: str, target: Target, proven: Loaded) -> tuple[str, ...]:
    if target.program != "in_transformers":
        return (SCRIPT_LINE,)
    return loading_lines(kind_of(proven), target=name, task=proven.task, n_classes=len(proven.labels))


def _readme(name: str, record: Mapping[str, Any], *, target: Target, inputs: ExportInputs) -> str:
    card = inputs.card() if target.is_repo else ""
    return f"{card}\n{compared_lines(record)}" if card else readme(inputs.subject, name=name, record=record)


def _whole(work: Path, targets: Mapping[str, Target], proven: Loaded, max_length: int) -> Path:
    """The folder that other forms are made from; written when the first one asks."""
    folder = work / ("merged" if "merged" in targets else WHOLE)
    if not folder.exists():
        write_whole(folder, proven, max_length=max_length)
    return folder


def _asked(folder: Path, name: str, *, target: Target, inputs: ExportInputs, longest: int) -> Asked:
    subject = inputs.subject
    return Asked(
        folder=folder,
        target=name,
        base=subject.card.path if name == "adapter" else "",
        device=subject.device,
        threads=subject.threads,
        trust_remote_code=subject.trust_remote_code,
        max_kl_nats=inputs.plan.export.max_kl_nats,
        program=target.program,
        n_positions=longest + N_AFTER,
    )


def _tell(found: Parity, name: str, *, target: Target, tell: Tracker, away: str | None, task: Task) -> None:
    if away and found.precision:
        tell(NoteEvent(f"{name}: {_away(found, same=TASKS[task].same_answer)}"))
    if found.unproven:
        tell(NoteEvent(f"{name} is unproven: {found.unproven}", level="warning"))
    if target.is_quantised and found.metric:
        tell(NoteEvent(f"{name}: {found.metric['words']}"))


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
        "read_by": found.read_by,
        "is_proven": not found.unproven,
        "unproven": found.unproven,
        "metric": found.metric,
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
