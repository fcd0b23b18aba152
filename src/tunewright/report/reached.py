"""What the page says about which weights a training changed.

In: summary.json's `reached`. Out: a frozen view. Its own file because a share of trained weights hides what it leaves
out: a training that never touches the experts looks the same in one number.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.report import numbers
from tunewright.report.read import Record, as_list, as_record

_KINDS = {
    "attention": "Attention",
    "mlp": "MLP",
    "experts": "Routed experts",
    "router": "Router of the experts",
    "norms": "Norms",
    "embeddings": "Embeddings",
    "head": "Output layer, head",
    "other": "Other modules",
}


@dataclass(frozen=True, slots=True)
class Reached:
    """Finished text."""

    kinds: tuple[tuple[str, str, str, str], ...]
    """(kind of module, its weights, how many per cent of them change, weights that learn)."""
    blocks: str
    """One sentence on the blocks; empty when the model has none."""
    missed: tuple[str, ...]
    """Matrices that change in no block."""


def reached_of(summary: Record) -> Reached | None:
    """None for a run of an older version, or without a training."""
    found = as_record(summary.get("reached"))
    kinds = {str(kind): as_record(part) for kind, part in as_record(found.get("by_kind")).items()}
    if not kinds:
        return None
    return Reached(
        kinds=tuple(_line(_KINDS.get(kind, kind), part) for kind, part in kinds.items()),
        blocks=_blocks([as_record(part) for part in as_list(found.get("by_block"))]),
        missed=tuple(
            f"{as_record(one).get('name')} ({_share(numbers.number(as_record(one).get('share')))} of its blocks)"
            for one in as_list(found.get("missed"))
        ),
    )


def _line(kind: str, part: Record) -> tuple[str, str, str, str]:
    n, reached = numbers.number(part.get("n_weights")), numbers.number(part.get("n_reached"))
    share = _share(reached / n) if n > 0 else ""
    return kind, numbers.rounded_count_text(n), share, numbers.rounded_count_text(part.get("n_trained"))


def _blocks(parts: list[Record]) -> str:
    """Runs of alike blocks, as in: blocks 0 to 19 stay as they were; 99 % of the weights of blocks 20 to 23 change."""
    runs: list[tuple[int, int, str]] = []
    for i, part in enumerate(parts):
        n = numbers.number(part.get("n_weights"))
        share = _share(numbers.number(part.get("n_reached")) / n) if n > 0 else ""
        if runs and runs[-1][2] == share:
            runs[-1] = (runs[-1][0], i, share)
        else:
            runs.append((i, i, share))
    told = "; ".join(f"{_named(first, last)}: {share or numbers.NOT_MEASURED}" for first, last, share in runs)
    return f"Weights that change, by block: {told}." if told else ""


def _named(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def _share(value: float) -> str:
    """Whole per cents, but never 0 % of something or 100 % of almost all."""
    if 0 < value < 0.005:
        return "under 1 %"
    return "over 99 %" if 0.995 <= value < 1 else f"{100 * value:.0f} %"
