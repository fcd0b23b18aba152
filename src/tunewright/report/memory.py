"""What the page says about memory: a bar a term of the prediction, what was measured, and the limit.

In: summary.json, the plan, the machine as values. Out: a frozen view. Its own file because what a plan may use is
known from three places, and a bar is only read against that limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from tunewright.core.errors import PlanError
from tunewright.core.machine import MEMORY_SHARE, size_bytes
from tunewright.report import charts, numbers
from tunewright.report.read import Record, RunFiles, as_record

TERMS = {
    "weights": "Weights",
    "copies": "Weights once more, in the type of the products",
    "gradients": "Gradients",
    "optimizer": "Optimizer: two moments a trained weight",
    "activations": "Activations, kept for the way back",
    "logits": "Output layer and its loss",
    "temporary": "Made and dropped within a pass",
    "caches": "Kept states of frozen blocks",
    "allocator": "Held by the allocator",
    "process": "The process with its libraries",
}
"""As model/memory names them, in words."""


@dataclass(frozen=True, slots=True)
class MemoryLine:
    name: str
    value: str
    bar: Markup
    is_sum: bool


@dataclass(frozen=True, slots=True)
class MemoryBars:
    """Finished text and drawings; largest term first, then the whole and what was measured."""

    lines: tuple[MemoryLine, ...]
    limit: str
    how: str
    """How the prediction was made."""
    off: str
    """By how much it was off; empty when nothing was measured."""


def memory_bars_of(run: RunFiles) -> MemoryBars | None:
    """None for a run without a training, or of a version that did not keep the terms."""
    found = as_record(run.summary.get("predicted_memory"))
    terms = {name: numbers.number(found.get(name)) for name in TERMS}
    known = {name: value for name, value in terms.items() if math.isfinite(value) and value > 0}
    if not known:
        return None
    total, peak = sum(known.values()), numbers.number(run.summary.get("peak_memory_bytes"))
    limit = _limit(run)
    most = max(value for value in (total, peak, limit) if math.isfinite(value))
    order = sorted(known, key=lambda name: -known[name])
    lines = [_line(TERMS[name], known[name], most=most, limit=limit) for name in order]
    lines.append(_line("Predicted in all", total, most=most, limit=limit, is_sum=True))
    if math.isfinite(peak):
        lines.append(_line("Measured", peak, most=most, limit=limit, is_sum=True))
    off = f"{100 * (total - peak) / peak:+.0f} %".replace("-", numbers.MINUS) if peak > 0 else ""
    return MemoryBars(
        lines=tuple(lines),
        limit=numbers.bytes_text(limit) if math.isfinite(limit) else "not known",
        how=str(found.get("how") or "by formula"),
        off=off,
    )


def _limit(run: RunFiles) -> float:
    """What the run may use: the plan's limit, else the usual share of the machine's; nan when neither is told."""
    asked = as_record(run.plan.get("run")).get("memory_limit")
    if asked:
        try:
            return float(size_bytes(str(asked)))
        except PlanError:
            return math.nan
    machine: Record = as_record(run.manifest.get("machine"))
    is_gpu = as_record(run.plan.get("run")).get("device") == "cuda"
    return MEMORY_SHARE * numbers.number(machine.get("accelerator_memory_bytes" if is_gpu else "memory_bytes"))


def _line(name: str, value: float, *, most: float, limit: float, is_sum: bool = False) -> MemoryLine:
    share = f"{100 * value / limit:.0f} % of the limit" if limit > 0 else ""
    bar = charts.amount_bar(
        value / most,
        mark=limit / most if limit > 0 else math.nan,
        title=f"{name}: {numbers.bytes_text(value)}" + (f", {share}" if share else ""),
        is_ours=is_sum,
    )
    return MemoryLine(name, numbers.bytes_text(value), bar, is_sum)
