"""The machine's meters: what they count, what they cannot, and what is said then."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tunewright.core.energy import JOULES_A_KWH, assumed_power, energy, measured_power
from tunewright.core.events import NoteEvent, StepEvent
from tunewright.core.plan import Plan
from tunewright.train.meter import Meter, energy_of, meter_of, power_of

STEP = StepEvent(1, 2, 0.5, 1.0, 4, 50, 1e-3, 0.5, 0.1)


def write_zone(powercap: Path, name: str, microjoules: int, *, kind: str = "package-0") -> Path:
    zone = powercap / name
    zone.mkdir(parents=True, exist_ok=True)
    (zone / "name").write_text(f"{kind}\n")
    (zone / "energy_uj").write_text(f"{microjoules}\n")
    (zone / "max_energy_range_uj").write_text("1000000\n")
    return zone


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock: each look takes the next value."""
    values = [0.0, 2.0, 4.0, 6.0]
    monkeypatch.setattr(time, "perf_counter", lambda: values.pop(0))
    return values


def test_energy_is_watts_times_hours_with_the_range_of_its_watts() -> None:
    power = measured_power(600.0, seconds=10.0, source="a meter")

    found = energy(power, seconds=3600.0, carbon_intensity=500.0, price_per_kwh=0.5, price_per_hour=2.0)

    assert found.kwh == pytest.approx(0.06)
    assert (found.kwh_low, found.kwh_high) == (pytest.approx(0.036), pytest.approx(0.084))
    assert found.grams_co2 == pytest.approx(30.0)
    assert found.price == pytest.approx(2.03)


def test_energy_tells_no_co2_and_no_price_that_nobody_gave() -> None:
    found = energy(assumed_power(2, why="no meter"), seconds=60.0)

    assert (found.grams_co2, found.price) == (None, None)
    assert energy(found.power, seconds=60.0, price_per_hour=0.0).price == 0.0


def test_meter_adds_up_packages_and_memory_also_when_a_counter_starts_anew(
    tmp_path: Path, seconds: list[float]
) -> None:
    package = write_zone(tmp_path, "intel-rapl:0", 900_000)
    write_zone(tmp_path, "intel-rapl:0:0", 5_000, kind="core")
    memory = write_zone(tmp_path, "intel-rapl:0:1", 100_000, kind="dram")
    meter = meter_of("cpu", powercap=tmp_path)

    meter.listen(STEP)
    (package / "energy_uj").write_text("100000")  # .9 J, then .1 J after the turn at 1 J: .2 J
    (memory / "energy_uj").write_text("200000")
    meter.listen(NoteEvent("nothing to count"))
    meter.listen(STEP)
    (package / "energy_uj").write_text("400000")
    meter.listen(STEP)

    power = power_of(meter, n_threads=2, device="cpu")
    assert power is not None
    assert (meter.joules, meter.seconds) == (pytest.approx(0.6), 4.0)
    assert power.watts == pytest.approx(0.15)
    assert power.is_measured


def test_meter_that_nobody_may_read_is_told_with_what_to_type(tmp_path: Path) -> None:
    (write_zone(tmp_path, "intel-rapl:0", 1) / "energy_uj").unlink()
    meter = meter_of("cpu", powercap=tmp_path)

    meter.listen(STEP)

    power = power_of(meter, n_threads=4, device="cpu")
    assert power is not None
    assert (power.watts, power.low, power.high, power.is_measured) == (
        48.0,
        pytest.approx(7.6),
        pytest.approx(95.2),
        False,
    )
    assert "sudo chmod a+r" in power.source


def test_meter_that_stops_does_not_stop_the_training(tmp_path: Path) -> None:
    zone = write_zone(tmp_path, "intel-rapl:0", 1)
    meter = meter_of("cpu", powercap=tmp_path)
    meter.listen(STEP)
    (zone / "energy_uj").unlink()

    meter.listen(STEP)

    power = power_of(meter, n_threads=2, device="cpu")
    assert power is not None
    assert "the meter stopped" in power.source


def test_gpu_is_read_from_nvml_and_never_guessed(
    tmp_path: Path, seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    millijoules = [0, 1_000, 301_000]
    monkeypatch.setitem(
        sys.modules,
        "pynvml",
        SimpleNamespace(
            NVMLError=OSError,
            nvmlInit=lambda: None,
            nvmlDeviceGetHandleByIndex=lambda i: i,
            nvmlDeviceGetTotalEnergyConsumption=lambda gpu: millijoules.pop(0),
        ),
    )
    meter = meter_of("cuda", powercap=tmp_path)
    meter.listen(STEP)
    meter.listen(STEP)
    power = power_of(meter, n_threads=8, device="cuda")
    assert power is not None
    assert (power.watts, "without the processor" in power.source) == (150.0, True)

    def no_driver() -> None:
        raise OSError("no driver")

    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(NVMLError=OSError, nvmlInit=no_driver))
    assert power_of(meter_of("cuda", powercap=tmp_path), n_threads=8, device="cuda") is None
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert power_of(meter_of("cuda", powercap=tmp_path), n_threads=8, device="cuda") is None


def test_energy_of_a_plan_takes_its_prices() -> None:
    run = {"carbon_intensity": 400, "price_per_kwh": 0.25, "threads": 2, "device": "cpu"}
    plan = Plan.model_validate({"run": run})

    found = energy_of(Meter((), "no meter"), plan, seconds=1800.0)

    assert found is not None
    assert found.kwh == pytest.approx(24 * 1800 / JOULES_A_KWH)
    assert found.grams_co2 == pytest.approx(4.8)
    assert found.price == pytest.approx(0.003)
