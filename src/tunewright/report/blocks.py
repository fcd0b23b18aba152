"""What the page says about blocks that were chosen by measuring: a bar a block, and why.

In: summary.json as values. Out: a frozen view. Its own file because the choice comes before the training, and its
figures are none of the training's.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from tunewright.report import charts, numbers
from tunewright.report.read import Record, as_list, as_record


@dataclass(frozen=True, slots=True)
class FoundBlocks:
    """Finished text and a drawing."""

    chart: Markup
    reason: str
    separation: str
    """How far each block's states tell the classes apart; empty where that was not measured."""


def found_blocks_of(summary: Record) -> FoundBlocks | None:
    """None when the plan did not ask to find the blocks."""
    search = as_record(summary.get("layer_search"))
    signals = [as_record(signal) for signal in as_list(search.get("signals"))]
    if not signals:
        return None
    trained = as_list(search.get("blocks"))
    pulls = [numbers.number(signal.get("pull")) for signal in signals]
    return FoundBlocks(
        chart=charts.columns(
            pulls,
            is_ours=[i in trained for i in range(len(pulls))],
            title="Relative gradient of each block",
            description=f"{len(trained)} of {len(pulls)} blocks were trained.",
        ),
        reason=str(search.get("reason") or ""),
        separation=_separation([numbers.number(signal.get("separation")) for signal in signals]),
    )


def _separation(scores: list[float]) -> str:
    if not all(numbers.is_known(score) for score in scores):
        return ""
    shares = ", ".join(f"{i}: {numbers.percent_text(score)}" for i, score in enumerate(scores))
    return f"Before the training, rows were nearest to the mean of their own class behind block {shares}."
