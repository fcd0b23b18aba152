"""The select folder: who was compared and why the first one won.

In: Ranked. Out: candidates.json. Its own file because every stage has one place that writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tunewright.core.files import write_json
from tunewright.core.values import Choice
from tunewright.select.candidate import Ranked

CANDIDATES = "candidates.json"


def write_candidates(work: Path, ranked: Ranked) -> None:
    """work/candidates.json: {"candidates", "left_out", "rules"}, lists, the chosen model first; nan as null.

    Raises RunError when it cannot be written.
    """
    write_json(work / CANDIDATES, ranked)


def won(ranked: Ranked, raced: Sequence[Choice]) -> Ranked:
    """The same models, with the race's reason beside the facts of the one that won it."""
    reasons = [choice.reason for choice in raced if choice.field == "model.name"]
    if not reasons:
        return ranked
    first, *others = ranked.candidates
    facts = first.reason.removeprefix("named in the plan; ")
    others = [replace(one, reason=one.reason.replace("the plan names", "the race was won by")) for one in others]
    return replace(ranked, candidates=(replace(first, reason=f"{reasons[0]}; {facts}"), *others))
