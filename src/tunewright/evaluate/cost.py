"""What the systems cost: seconds to answer, and what training took of those that were trained here: operations, time,
energy, money.

In: seconds of the systems, what trainings say of themselves. Out: the values of metrics.json["cost"]. Its own file
because a gain is only worth what it costs, and every training is counted alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tunewright.core.systems import TUNED, is_scratch
from tunewright.evaluate.again import Trainer
from tunewright.evaluate.rivals.scratch import scratch_record

Facts = Mapping[str, Any]
"""Of one training, as train/summary.json has them."""


def costs(
    seconds: Mapping[str, float], *, trainer: Trainer | None, apis: Mapping[str, Facts] | None = None
) -> dict[str, Any]:
    """By system: seconds to answer; training: what its training took; search, of one from random weights: what finding
    its rate took beside that; scratch: how it was trained; api: what asking an address took.

    seconds: as measured, of which a training from random weights is taken out. apis: by system, as api_record tells.
    """
    found: dict[str, Any] = {system: {"seconds": round(value, 3)} for system, value in seconds.items()}
    for system, record in (apis or {}).items():
        found[system] = {"seconds": record["seconds"], "api": dict(record)}
    if trainer is None:
        return found
    found[TUNED]["training"] = spent([trainer.summary])
    for system in filter(is_scratch, found):
        record = scratch_record(system, folder=trainer.folder, summary=trainer.summary)
        found[system] = {
            "seconds": record["answering_seconds"],
            "training": spent([record]),
            "search": spent(record["trials"]),
            "scratch": _without_energy(record) | {"trials": [_without_energy(trial) for trial in record["trials"]]},
        }
    return found


def _without_energy(facts: Facts) -> dict[str, Any]:
    """It stands in the sums."""
    return {name: value for name, value in facts.items() if name != "energy"}


def spent(trainings: Iterable[Facts]) -> dict[str, Any]:
    """Of all of them together. Energy is an estimate of the training steps; None: not known, of CO2 and price also: not
    asked for.

    flops: by formula (model/flops), of trainings whose loss stayed a number.
    """
    all_ = list(trainings)
    energies = [facts.get("energy") or {} for facts in all_]
    known = [energy for energy in energies if energy.get("kwh") is not None]
    is_told = bool(known) and len(known) == sum(bool(facts.get("needed_flops")) for facts in all_)

    def total(name: str) -> float | None:
        values = [float(energy[name]) for energy in known if energy.get(name) is not None]
        return sum(values) if is_told and len(values) == len(known) else None

    return {
        "n": len(all_),
        "seconds": round(sum(facts.get("seconds") or 0.0 for facts in all_), 3),
        "flops": sum(facts.get("needed_flops") or 0.0 for facts in all_),
        "steps": sum(facts.get("steps") or 0 for facts in all_),
        **{name: total(name) for name in ("kwh", "kwh_low", "kwh_high", "grams_co2", "price")},
    }
