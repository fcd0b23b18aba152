"""The gate: an exported folder, loaded by plain transformers, must answer like the proven model.

In: the folder, the proven model, a Sample, the plan's limit. Out: Parity, or an ExportError. Its own file because
nothing is published that has not passed here.
Axes: N compared distributions (rows of classes, or scored positions), C classes, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tunewright.core.files import digest
from tunewright.core.values import IGNORE, Encoded, Prediction
from tunewright.export.checks import (
    same_ends,
    same_labels,
    same_prompt_ids,
    same_scale,
    same_special_tokens,
    same_stops,
)
from tunewright.export.divergence import CHOICE, MEASURES, SAME_NUMBER, log_softmax
from tunewright.export.loading import Kind
from tunewright.export.measure import predictions
from tunewright.export.plain import Ask, Asked, PlainLoad, broken, kind_of
from tunewright.export.sample import POSITIONS, Sample
from tunewright.model.forward import class_logits, precision, trained_logits
from tunewright.model.load import Loaded
from tunewright.text.batch import Batch, batch_of, by_length
from tunewright.text.chat import end_token_ids

Scored = Callable[[Sequence[Prediction], Sequence[Prediction]], dict[str, Any]]
"""scored(exported, proven): the task's metric of both, and what the pairs say."""
BATCH_TOKENS = 1_024
"""Padded tokens of one batch: its logits over 49,152 words are at most 200 MB on either side."""
SURE = 0.5
"""A stop is asked for only where the proven model gives the end token at least this probability: no near tie."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How near an exported folder is to the proven model."""

    rows: int
    split: str
    n: int
    """Distributions compared: rows when classifying, else scored tokens."""
    kl_nats_mean: float
    kl_nats_max: float
    worst_row: str
    agreement: float
    """Share of the n with the same first choice; of labels: the same ones; of numbers: the same to
    SAME_NUMBER."""
    measured_in: str
    """How the scores were measured: float32, bfloat16, and of a base in few bits in how few."""
    precision: dict[str, float]
    """kl_nats_mean and agreement of the model as it was measured against itself in float32: what leaving bfloat16, or
    few bits, changes, export or not. Empty for a model that was measured in float32."""
    checks: dict[str, str]
    """name: ok, or `not run: why`."""
    golden_ids_digest: str
    versions: dict[str, str]
    """Of what loaded the folder."""
    signature: str
    read_by: str = ""
    """The software that answered."""
    unproven: str = ""
    """Why the software that its user will use has not shown it; empty where it has."""
    metric: dict[str, Any] = field(default_factory=dict)
    """The task's own: value of both, difference, interval and test of the pairs, in words; empty when not asked for."""


@dataclass(frozen=True, slots=True)
class _Distances:
    """What the comparison gathers, batch by batch."""

    row_ids: list[str] = field(default_factory=list)
    kl_nats: list[float] = field(default_factory=list)
    is_same: list[bool] = field(default_factory=list)
    precision_kl_nats: list[float] = field(default_factory=list)
    is_same_precision: list[bool] = field(default_factory=list)
    of_proven: list[Prediction] = field(default_factory=list)
    of_exported: list[Prediction] = field(default_factory=list)
    stops: list[tuple[int, ...]] = field(default_factory=list)
    """Ids up to and with an end token that the proven model is sure of."""


def parity(
    asked: Asked,
    *,
    load: PlainLoad,
    proven: Loaded,
    sample: Sample,
    measured: Loaded | None = None,
    scored: Scored | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Parity:
    """Compare in float32 on both sides, so that what differs is the export and nothing else.

    load: of a program that may have loaded other folders before.
    measured: the proven model as its scores were measured, where its base was in few bits then.
    scored: how the task's own metric is compared.
    Raises ExportError with the first thing that is not the same.
    """
    ask = load(asked, proven)
    found = ask("facts")
    if not found["reader"]:
        return _not_run(found, sample)
    checks = {
        "labels": same_labels(asked, found, proven=proven),
        "unit": same_scale(asked, found, proven=proven),
        "special tokens": same_special_tokens(asked, found, proven=proven),
        "prompt ids": same_prompt_ids(asked, ask, found, proven=proven, sample=sample),
        "end tokens": same_ends(asked, found, proven=proven),
    }
    measured = measured or proven
    distances = _distances(ask, proven=proven, measured=measured, sample=sample, progress=progress)
    _refuse_far(asked, distances)
    checks["stops"] = same_stops(asked, ask, distances.stops, proven=proven)
    worst = int(np.argmax(distances.kl_nats))
    return Parity(
        rows=len({row.row_id for row in sample.encoded}),
        split=sample.split,
        n=len(distances.kl_nats),
        kl_nats_mean=float(np.mean(distances.kl_nats)),
        kl_nats_max=distances.kl_nats[worst],
        worst_row=distances.row_ids[worst],
        agreement=float(np.mean(distances.is_same)),
        measured_in=_measured_in(measured),
        precision=_precision(distances),
        checks=checks,
        golden_ids_digest=digest(sample.prompts[0].ids),
        versions=found["versions"],
        signature=_signature(proven, sample, measured=measured, read_by=found["reader"]),
        read_by=found["reader"],
        unproven=found["unproven"],
        metric=scored(distances.of_exported, distances.of_proven) if scored else {},
    )


def _not_run(found: Mapping[str, Any], sample: Sample) -> Parity:
    """Nothing here can read the form: it is published as what it is, unproven."""
    return Parity(
        rows=0,
        split=sample.split,
        n=0,
        kl_nats_mean=math.nan,
        kl_nats_max=math.nan,
        worst_row="",
        agreement=math.nan,
        measured_in="",
        precision={},
        checks={"gate": found["unproven"]},
        golden_ids_digest=digest(sample.prompts[0].ids),
        versions=found["versions"],
        signature="not run",
        unproven=found["unproven"],
    )


def _distances(
    ask: Ask, *, proven: Loaded, measured: Loaded, sample: Sample, progress: Callable[[int], None]
) -> _Distances:
    found = _Distances()
    ends = end_token_ids(proven.tokenizer) if kind_of(proven) == "language" else ()
    apart, is_same = MEASURES.get(proven.task, CHOICE)
    done = 0
    for group in by_length(sample.encoded, max_tokens=BATCH_TOKENS):
        rows = [sample.encoded[i] for i in group]
        batch = batch_of(rows, pad_id=proven.pad_id, device=proven.device)
        ours, theirs = _logits(proven, batch, dtype=torch.float32), _their_logits(ask, batch, kind=kind_of(proven))
        is_as_measured = measured is proven and proven.dtype == torch.float32
        own = ours if is_as_measured else _logits(measured, batch, dtype=measured.dtype)
        for row, places in _places(rows, batch, has_classes=kind_of(proven) != "language"):
            found.row_ids.extend([row.row_id] * (places.stop - places.start))
            found.kl_nats.extend(apart(ours[places], theirs[places]).tolist())
            found.is_same.extend(is_same(ours[places], theirs[places]).tolist())
            found.of_proven.extend(predictions([row], [ours[places]], proven=proven, system="proven"))
            found.of_exported.extend(predictions([row], [theirs[places]], proven=proven, system="exported"))
            if own is not ours:
                found.precision_kl_nats.extend(apart(own[places], ours[places]).tolist())
                found.is_same_precision.extend(is_same(own[places], ours[places]).tolist())
            if _is_sure_stop(row, ours[places], ends=ends):
                found.stops.append(row.ids[: _last_scored(row) + 1])
        done += len(rows)
        progress(done)
    return found


def _logits(proven: Loaded, batch: Batch, *, dtype: torch.dtype) -> NDArray[np.float32]:
    forward = trained_logits if kind_of(proven) == "language" else class_logits
    with torch.inference_mode(), precision(proven.device, dtype):
        return np.asarray(forward(proven.model, batch).cpu().numpy())


def _their_logits(ask: Ask, batch: Batch, *, kind: Kind) -> NDArray[np.float32]:
    given = {"ids_BT": batch.ids_BT.cpu().numpy(), "mask_BT": batch.mask_BT.cpu().numpy()}
    if kind != "language":
        return np.asarray(ask("class_logits", **given))
    return np.asarray(ask("scored_logits", **given, is_scored_BT=(batch.targets_BT != IGNORE).cpu().numpy()))


def _precision(found: _Distances) -> dict[str, float]:
    if not found.precision_kl_nats:
        return {}
    return {
        "kl_nats_mean": float(np.mean(found.precision_kl_nats)),
        "agreement": float(np.mean(found.is_same_precision)),
    }


def _places(rows: Sequence[Encoded], batch: Batch, *, has_classes: bool) -> Iterator[tuple[Encoded, slice]]:
    """Where each row's distributions lie in the batch's."""
    start = 0
    counts = [1] * len(rows) if has_classes else (batch.targets_BT != IGNORE).sum(1).tolist()
    for row, n in zip(rows, counts, strict=True):
        yield row, slice(start, start + n)
        start += n


def _last_scored(row: Encoded) -> int:
    return max(i for i, is_trained in enumerate(row.trained) if is_trained)


def _is_sure_stop(row: Encoded, logits_NV: NDArray[np.float32], *, ends: Sequence[int]) -> bool:
    if not ends or row.ids[_last_scored(row)] not in ends:
        return False
    log_p_V = log_softmax(logits_NV[-1].astype(np.float64)[None])[0]
    return bool(np.exp(log_p_V[row.ids[_last_scored(row)]]) >= SURE)


def _refuse_far(asked: Asked, found: _Distances) -> None:
    mean, limit = float(np.mean(found.kl_nats)), asked.max_kl_nats
    if mean <= limit:  # nan is not
        return
    worst = int(np.nanargmax(found.kl_nats)) if np.isfinite(found.kl_nats).any() else 0
    raise broken(
        asked,
        "it does not answer like the proven model",
        why=f"mean divergence {mean:.3g} nats over {len(found.kl_nats):,} answers, and the limit is {limit:g} "
        f"(export.max_kl_nats); worst at row {found.row_ids[worst]}: {found.kl_nats[worst]:.3g} nats",
        fix=f"look at the row: tunewright trace {found.row_ids[worst]}"
        + (f"; export.max_kl_nats={mean * 1.1:.2g} would accept it" if np.isfinite(mean) else ""),
    )


def _measured_in(measured: Loaded) -> str:
    products = str(measured.dtype).removeprefix("torch.")
    return f"{products} on a base in {measured.quantization}" if measured.quantization else products


def _signature(proven: Loaded, sample: Sample, *, measured: Loaded, read_by: str) -> str:
    base = "" if measured is proven else f", the proven adapter on the base as it was before {measured.quantization}"
    if proven.task == "regress":
        return (
            f"mean of half the squared difference, in deviations of the train numbers (KL of normal distributions, "
            f"nats); same: within {SAME_NUMBER:g} deviations; {len(sample.encoded)} seeded {sample.split} rows; "
            f"{_sides(read_by)}{base}, the exported one loaded by {read_by}"
        )
    has_classes = kind_of(proven) != "language"
    what = "summed label" if proven.task == "multilabel" else "class" if has_classes else "next-token"
    where = "" if has_classes else f", at most {POSITIONS} positions of each reference"
    return (
        f"mean KL(proven || exported) of {what} probabilities, nats; {len(sample.encoded)} seeded {sample.split} rows"
        f"{where}; {_sides(read_by)}{base}, the exported one loaded by {read_by}"
    )


def _sides(read_by: str) -> str:
    return "float32 on both sides" if "transformers" in read_by else "float32 on the proven side"
