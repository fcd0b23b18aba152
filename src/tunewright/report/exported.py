"""What the page and the model card say about the exported folders: how near each is to the proven model.

In: export.json as values. Out: a frozen view; None when nothing was exported. Its own file because both readers must be
told the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.report import numbers, words
from tunewright.report.read import Record, RunFiles, as_record

LEAST_NATS = 1e-6
"""Below this only float32 rounding is left."""


@dataclass(frozen=True, slots=True)
class ExportedFolder:
    """One target."""

    name: str
    size: str
    distance: str
    """Mean divergence from the proven model."""
    limit: str
    agreement: str
    compared: str
    note: str
    signature: str
    cost: str
    """The task's own metric beside the proven model's."""
    unproven: str
    """Why the software of its users has not shown it; empty where it has."""


@dataclass(frozen=True, slots=True)
class Exported:
    """The section."""

    folders: tuple[ExportedFolder, ...]
    left_out: tuple[tuple[str, str], ...]
    """Target, why."""
    precision: str
    """What leaving the measured precision changes; empty when it was float32."""


def exported_of(run: RunFiles) -> Exported | None:
    """None when export did not run."""
    targets = as_record(run.exported.get("targets"))
    if not targets:
        return None
    records = [as_record(record) for record in targets.values()]
    return Exported(
        folders=tuple(_folder(name, record) for name, record in zip(targets, records, strict=True)),
        left_out=tuple((name, str(why)) for name, why in as_record(run.exported.get("left_out")).items()),
        precision=_precision(records[0], same=words.same_answer(run.task)),
    )


def _folder(name: str, record: Record) -> ExportedFolder:
    kl = as_record(record.get("kl_nats"))
    return ExportedFolder(
        name=name,
        size=numbers.bytes_text(record.get("size_bytes")),
        distance=_nats(kl.get("mean")),
        limit=f"{numbers.number(record.get('limit_nats')):g}",
        agreement=numbers.percent_text(record.get("agreement")),
        compared=f"{numbers.count_text(record.get('n'))} answers of {numbers.count_text(record.get('rows'))} rows",
        note=str(record.get("note") or ""),
        signature=str(record.get("signature") or ""),
        cost=str(as_record(record.get("metric")).get("words") or ""),
        unproven=str(record.get("unproven") or ""),
    )


def _nats(value: object) -> str:
    if not numbers.is_known(value):
        return numbers.NOT_MEASURED
    known = numbers.number(value)
    return f"below {LEAST_NATS:g}" if known < LEAST_NATS else f"{known:.2g}"


def _precision(record: Record, *, same: str) -> str:
    own, how = as_record(record.get("precision")), str(record.get("measured_in") or "bfloat16")
    if not own:
        return ""
    return (
        f"The scores above were measured in {how}. In float32 the proven model itself is "
        f"{_nats(own.get('kl_nats_mean'))} nats away from that, with {same} in "
        f"{numbers.percent_text(own.get('agreement'))}."
    )
