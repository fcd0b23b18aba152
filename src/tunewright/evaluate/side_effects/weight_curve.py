"""An adapter between nothing and all of it: how much of the gain costs how much of what was known before.

In: the tuned model, some task rows and paragraphs. Out: a record of metrics.json: points over the weight, the best
weight in a sentence. Its own file because it answers what to do about forgetting without training again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tunewright.core.values import Encoded, Prediction, Row
from tunewright.evaluate.score import row_parts
from tunewright.evaluate.side_effects.forgetting import general_encoded, reference_predictions
from tunewright.evaluate.statistics.intervals import ratio_of
from tunewright.model.load import Loaded
from tunewright.model.pair import weighed, why_no_weight

Record = dict[str, Any]

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
MOST_ROWS = 16
"""Of each kind: enough for the shape of the curve; five weights of them cost as much as the general text."""
KEPT = 0.9
"""Share of the best gain that the advised weight keeps at least. Ours."""


def weight_curve(loaded: Loaded, task: Sequence[Encoded], general: Sequence[Row]) -> Record:
    """Bits per byte at each weight, on at most MOST_ROWS task rows and as many paragraphs, every topic among them."""
    why = why_no_weight(loaded)
    rows = [Row(row_id) for row_id in dict.fromkeys(piece.row_id for piece in task)][:MOST_ROWS]
    named = {row.row_id for row in rows}
    task = [piece for piece in task if piece.row_id in named]
    step = math.ceil(len(general) / MOST_ROWS) or 1
    some = general[::step]
    if why or not task or not some:
        reason = why or "there is no row to measure on"
        return {"reason": reason, "rows": 0, "paragraphs": 0, "points": [], "best": None, "sentence": ""}
    points = []
    for weight in WEIGHTS:
        with weighed(loaded, weight) as model:
            of_task = reference_predictions(model, task, rows=rows, system="")
            of_general = reference_predictions(model, general_encoded(model, some), rows=some, system="")
        points.append({"weight": weight, "task": bits(of_task), "general": bits(of_general)})
    best = best_weight(points)
    found = {"reason": "", "rows": len(rows), "paragraphs": len(some), "points": points, "best": best}
    return {**found, "sentence": sentence(points, best=best)}


def best_weight(points: Sequence[Record]) -> float | None:
    """Of those that keep most of the best gain, the one at which general text costs least; None without a gain."""
    zero = points[0]["task"]
    gains = {p["weight"]: zero - p["task"] for p in points if math.isfinite(p["task"]) and math.isfinite(p["general"])}
    most = max(gains.values(), default=0.0)
    if not most > 0:
        return None
    able = [p for p in points if gains.get(p["weight"], -math.inf) >= KEPT * most]
    return float(min(able, key=lambda p: (p["general"], -p["weight"]))["weight"])


def sentence(points: Sequence[Record], *, best: float | None) -> str:
    """What the best weight keeps of the gain, and of the rise on general text."""
    if best is None:
        return "At no weight of the adapter are the task's references likelier than before tuning."
    zero, one = points[0], points[-1]
    at = next(p for p in points if p["weight"] == best)
    gain, rise = zero["task"] - one["task"], one["general"] - zero["general"]
    if best == 1.0:
        return f"No smaller weight of the adapter keeps {100 * KEPT:g} % of the gain at less forgetting."
    told = (
        f"{100 * (zero['task'] - at['task']) / gain:.0f} % of the gain on the task"
        if gain > 0
        else f"a gain of {zero['task'] - at['task']:.3f} bits a byte, where the full weight has none,"
    )
    cost = f"{100 * (at['general'] - zero['general']) / rise:.0f} % of the rise on general text" if rise > 0 else ""
    return f"At weight {best:g} the adapter keeps {told}" + (f" and {cost}." if cost else ".")


def bits(predictions: Sequence[Prediction]) -> float:
    """Bits per byte over all of them; nan without one."""
    sums_P = np.nansum(row_parts(predictions, metric="bits_per_byte"), axis=0)
    return float(ratio_of(sums_P[None])[0])


def how_to_weigh(loaded: Loaded, *, weight: float | None, folder: str) -> str:
    """The line that makes an adapter of this weight: LoRA's strength is its alpha, which stands in a text file."""
    if weight is None or weight in (0.0, 1.0) or why_no_weight(loaded):
        return ""
    configs: Any = loaded.model.peft_config
    (config, *others) = configs.values()
    if others or config.alpha_pattern:
        return ""
    return (
        f'in a copy of {folder} set "lora_alpha": {config.lora_alpha * weight:g} (now {config.lora_alpha:g}) in '
        f"adapter_config.json: weight {weight:g}; evaluate.systems=[path:COPY, base] measures it"
    )
