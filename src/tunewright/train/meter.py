"""The machine's own energy meters, read while it trains.

In: the device, and a step's end now and then. Out: Power, measured where a meter may be read, else assumed from cores.
Its own file because it touches the system: Linux's powercap files for the processor (RAPL), NVML's counter for a GPU.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunewright.core.energy import Energy, Power, assumed_power, energy, measured_power
from tunewright.core.events import Event, StepEvent
from tunewright.core.plan import Plan

POWERCAP = Path("/sys/class/powercap")
"""Source: Linux, Documentation/power/powercap/powercap.rst: energy_uj, and the value after which it starts anew."""

Counter = Callable[[], float]
"""Joules since some time in the past."""


@dataclass(slots=True)  # not frozen: it adds up what counters tell
class Meter:
    """A listener of a training's events: reads its counters at every step."""

    counters: Sequence[Counter]
    source: str
    """What is read, or why nothing is."""
    joules: float = 0.0
    seconds: float = 0.0
    _last: tuple[float, tuple[float, ...]] | None = field(default=None)

    def listen(self, event: Event) -> None:
        """A counter that cannot be read any more ends the measuring, never the training."""
        if not (isinstance(event, StepEvent) and self.counters):
            return
        try:
            now = time.perf_counter(), tuple(counter() for counter in self.counters)
        except (OSError, ValueError, RuntimeError) as error:
            self.counters, self.source, self.seconds = (), f"the meter stopped ({error})", 0.0
            return
        if self._last is not None:
            self.seconds += now[0] - self._last[0]
            self.joules += sum(b - a for a, b in zip(self._last[1], now[1], strict=True))
        self._last = now


def power_of(meter: Meter, *, n_threads: int, device: str) -> Power | None:
    """None on a GPU that tells nothing: its watts do not follow from the processor's cores."""
    if meter.counters and meter.seconds > 0:
        return measured_power(meter.joules, seconds=meter.seconds, source=meter.source)
    if device != "cpu":
        return None
    why = "there were too few steps to measure" if meter.counters else meter.source
    return assumed_power(n_threads, why=why)


def energy_of(meter: Meter, plan: Plan, *, seconds: float) -> Energy | None:
    """Of `seconds` of training; those of earlier sessions count with this one's watts."""
    run = plan.run
    power = power_of(meter, n_threads=run.threads, device=run.device)
    if power is None:
        return None
    return energy(
        power,
        seconds=seconds,
        carbon_intensity=run.carbon_intensity,
        price_per_kwh=run.price_per_kwh,
        price_per_hour=run.price_per_hour,
    )


def meter_of(device: str, *, powercap: Path = POWERCAP) -> Meter:
    """The meters of this machine that may be read."""
    zones = _zones(powercap)
    readable = [counter for zone in zones if (counter := _rapl(zone))]
    if device == "cuda":
        gpu = _nvml()
        if gpu is None:
            return Meter((), "NVML does not tell (pip install nvidia-ml-py)")
        beside = " and the processor's (RAPL)" if readable else ", without the processor"
        return Meter((gpu, *readable), f"the GPU's own meter (NVML){beside}")
    if not readable:
        why = (
            f"may be read by root only (sudo chmod a+r {zones[0]}/energy_uj)"
            if zones
            else "is not told by this machine"
        )
        return Meter((), f"the processor's power {why}")
    return Meter(readable, "the processor's own meter (RAPL), which counts all that ran on it")


def _zones(powercap: Path) -> list[Path]:
    """One a processor package, and the memory's where it is told; parts of a package are in it already."""
    packages = sorted(path for path in powercap.glob("intel-rapl:*") if path.name.count(":") == 1)
    memory = [path for path in sorted(powercap.glob("intel-rapl:*:*")) if _text(path / "name") == "dram"]
    return [*packages, *memory]


def _rapl(zone: Path) -> Counter | None:
    """A counter that never goes back: the file starts at 0 again after max_energy_range_uj."""
    limit, first = _text(zone / "max_energy_range_uj"), _text(zone / "energy_uj")
    if not (limit.isdigit() and first.isdigit()):
        return None
    seen, turns = int(first), 0

    def joules() -> float:
        nonlocal seen, turns
        now = int((zone / "energy_uj").read_text())
        turns += now < seen
        seen = now
        return (now + turns * int(limit)) / 1e6

    return joules


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _nvml() -> Counter | None:
    """Of the first visible GPU, joules since its driver was loaded; Volta and later."""
    try:
        nvml: Any = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
        gpu = nvml.nvmlDeviceGetHandleByIndex(0)
        nvml.nvmlDeviceGetTotalEnergyConsumption(gpu)
    except nvml.NVMLError:  # no driver, no GPU, or one that is too old to count
        return None
    return lambda: float(nvml.nvmlDeviceGetTotalEnergyConsumption(gpu)) / 1e3
