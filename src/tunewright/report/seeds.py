"""Each training of a plan that was trained with several seeds: what it reached, and how long it took.

In: metrics.json's `seeds`. Out: a table. Its own file because it is there only where a plan asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.report import numbers
from tunewright.report.read import RunFiles, as_list, as_record


@dataclass(frozen=True, slots=True)
class SeedLine:
    name: str
    value: str
    steps: str
    seconds: str


def seed_lines(run: RunFiles) -> tuple[SeedLine, ...]:
    """In the order of the seeds, then their mean; empty for one training."""
    found = as_record(run.metrics.get("seeds"))
    metric = str(run.metrics.get("primary_metric") or "")
    values, steps, seconds = (
        as_list(part) for part in (as_record(found.get("values")).get(metric), found.get("steps"), found.get("seconds"))
    )
    seeds = as_list(found.get("seeds"))
    if not len(seeds) == len(values) == len(steps) == len(seconds) or not seeds:
        return ()
    lines = [
        SeedLine(
            f"seed {seed}" + (", the model that is kept" if i == 0 else ""),
            numbers.metric_text(values[i], metric=metric),
            numbers.count_text(steps[i]),
            numbers.seconds_text(seconds[i]),
        )
        for i, seed in enumerate(seeds)
    ]
    mean = as_record(found.get("primary"))
    between = numbers.interval_text(mean.get("ci95"), metric=metric)
    value = numbers.metric_text(mean.get("value"), metric=metric)
    lines.append(SeedLine("mean, over seeds and rows", f"{value} ({between})" if between else value, "", ""))
    return tuple(lines)
