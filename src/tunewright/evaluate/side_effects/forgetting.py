"""What tuning cost: how much worse general text is read than before, beside how far the model moved on the task.

In: Pair, general paragraphs, test rows. Out: a record of metrics.json: bits per byte of both, their paired difference,
KL(base || tuned), an alarm with advice. Its own file because a gain is only half of what training did.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from tunewright.core.plan import Plan
from tunewright.core.systems import TUNED
from tunewright.core.values import Comparison, Encoded, Example, LossSum, Metric, Prediction, Row
from tunewright.evaluate.metrics import metric_seed, metrics
from tunewright.evaluate.side_effects.general import General
from tunewright.evaluate.statistics import intervals
from tunewright.evaluate.statistics.compare import compare
from tunewright.model.load import Loaded
from tunewright.model.score import answer_scores
from tunewright.text.encode import encode

Record = dict[str, Any]

BITS = "bits_per_byte"
ALARM_RISE = 0.05
"""Share by which general text costs more bits than before tuning. Measured: -1.5 % at the default rate, +218 % at
thirty times it (benchmarks/results/forgetting.md); ours between the two, low, so that half a ruin is heard too."""
LEAST_PARAGRAPHS = 2
"""Fewer have no interval, and no alarm is sounded on a number without one."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Whether too much was forgotten."""

    is_on: bool | None
    """None: nothing can be said."""
    threshold: float
    sentence: str
    advice: tuple[str, ...]
    """Lines to copy into a plan or onto the command line, each with what it does."""


def general_predictions(loaded: Loaded, rows: Sequence[Row], *, system: str) -> tuple[Prediction, ...]:
    """Nats and bytes of each paragraph; one that the model cannot read at once is read in pieces."""
    encoded = general_encoded(loaded, rows)
    return tuple(reference_predictions(loaded, encoded, rows=rows, system=system))


def general_encoded(loaded: Loaded, rows: Sequence[Row]) -> tuple[Encoded, ...]:
    """Every token but the first is scored. Without an end token: a paragraph out of a book has none."""
    examples = [Example(row.row_id, text=row.text) for row in rows]
    pieces = encode(examples, tokenizer=loaded.tokenizer, task="text", max_length=loaded.card.context_tokens)
    end = loaded.tokenizer.eos_token_id
    return tuple(
        replace(p, ids=p.ids[:-1], trained=p.trained[:-1]) if p.ids and p.ids[-1] == end else p for p in pieces
    )


def reference_predictions(
    loaded: Loaded, encoded: Sequence[Encoded], *, rows: Sequence[Row], system: str
) -> list[Prediction]:
    """One prediction a row, summed over its pieces; nan where nothing of it could be scored."""
    nats: dict[str, float] = {}
    n_bytes: dict[str, int] = {}
    for piece, score in zip(encoded, answer_scores(loaded, encoded), strict=True):
        if score.n_tokens:
            nats[piece.row_id] = nats.get(piece.row_id, 0.0) + score.nats
            n_bytes[piece.row_id] = n_bytes.get(piece.row_id, 0) + len(trained_text(loaded, piece).encode())
    return [
        Prediction(
            row.row_id,
            system,
            reference_nats=nats.get(row.row_id, math.nan),
            reference_bytes=n_bytes.get(row.row_id, 0),
        )
        for row in rows
    ]


def trained_text(loaded: Loaded, piece: Encoded) -> str:
    """What the trained tokens say."""
    ids = [token for token, is_trained in zip(piece.ids, piece.trained, strict=True) if is_trained]
    return str(loaded.tokenizer.decode(ids, skip_special_tokens=True))


def general_record(
    tuned: Sequence[Prediction], base: Sequence[Prediction], *, general: General, seed: int
) -> tuple[Record, Comparison]:
    """Both models on the same paragraphs; `rise` is the difference over the base's value."""
    found = {name: _bits(side, seed=seed) for name, side in ((TUNED, tuned), ("base", base))}
    compared = compare(tuned, base, metric=BITS, task="text", seed=seed)
    return {
        "source": general.source,
        "paragraphs": len(general.rows),
        "read": general.n_read,
        "not_finite": sum(p.reference_bytes > 0 and not math.isfinite(p.reference_nats) for p in tuned),
        **{name: asdict(metric) for name, metric in found.items()},
        "comparison": asdict(compared),
        "rise": compared.difference / found["base"].value if found["base"].n else math.nan,
    }, compared


def kl_metric(sums: Sequence[LossSum], *, seed: int) -> Metric:
    """Mean over tokens, its interval over rows; rows whose divergence is not a finite number are left out and said."""
    rows = [one for one in sums if one.n_tokens]
    finite = [one for one in rows if math.isfinite(one.nats)]
    out = len(rows) - len(finite)
    reason = "no test row has a token to score" if not rows else f"{out} rows gave no finite number" if out else ""
    parts_N2 = np.array([(one.nats, one.n_tokens) for one in finite], dtype=np.float64).reshape(-1, 2)
    found = intervals.sums_interval(intervals.ratio_of, parts_N2, seed=metric_seed(seed, "kl"))
    total = parts_N2.sum(axis=0)
    return Metric(
        value=float(total[0] / total[1]) if finite else math.nan,
        n=len(finite),
        unit="nats/token",
        signature="KL(base || tuned)|teacher-forced on the references of test rows|"
        f"ci95:bca bootstrap over rows, {intervals.N_RESAMPLES} resamples",
        ci95=found if finite else intervals.UNKNOWN,
        is_higher_better=False,
        reason=reason,
    )


def alarm_of(record: Record, compared: Comparison, *, advice: Sequence[str]) -> Alarm:
    """On when the rise is over the threshold and its interval without 0."""
    rise, (low, _) = record["rise"], compared.ci95
    if not math.isfinite(rise):
        why = "tuning left a model that gives no finite number" if record["not_finite"] else "no paragraph was scored"
        return Alarm(True if record["not_finite"] else None, ALARM_RISE, _nothing(why), tuple(advice))
    bits = f"{record['base']['value']:.3f} to {record['tuned']['value']:.3f} bits a byte"
    if math.isnan(low):
        few = f"general text went from {bits}; {LEAST_PARAGRAPHS} paragraphs are the least that an interval needs"
        return Alarm(None, ALARM_RISE, _nothing(few), ())
    is_on = rise > ALARM_RISE and low > 0
    limit = f"{100 * ALARM_RISE:g} %"
    if is_on:
        words = f"The model has forgotten: it reads general text {100 * rise:.1f} % worse ({bits}"
        return Alarm(True, ALARM_RISE, f"{words}; the alarm is at {limit}).", tuple(advice))
    how = "as well as before" if compared.verdict != "worse" else f"{100 * rise:.1f} % worse"
    return Alarm(False, ALARM_RISE, f"General text is read {how} ({bits}; the alarm is at {limit}).", ())


def advice_for(plan: Plan, *, n_layers: int, weight: str) -> tuple[str, ...]:
    """What to change, as lines to copy. weight: what the curve says, empty without one."""
    rate = plan.train.learning_rate
    lines = [weight] if weight else []
    if isinstance(rate, float):
        lines.append(f"train.learning_rate={rate / 3:.1g}: a third of {rate:.2g}")
    if plan.train.layers == "all" and n_layers > 1:
        lines.append(f"train.layers=last:{n_layers // 2}: the first {n_layers - n_layers // 2} blocks stay as they are")
    if plan.train.epochs > 1 and plan.train.max_steps is None:
        lines.append("train.epochs=1: fewer passes over the same rows")
    return tuple(lines)


def _bits(side: Sequence[Prediction], *, seed: int) -> Metric:
    found = metrics(side, task="text", seed=seed, wanted=(BITS,))[BITS]
    return replace(found, signature=found.signature.replace("end token included", "without an end token"))


def _nothing(why: str) -> str:
    return f"Whether general text was forgotten cannot be said: {why}."
