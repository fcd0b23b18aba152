"""Machine: sizes as people write them, and facts that are plausible wherever the tests run."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.errors import PlanError
from tunewright.core.machine import peak_memory_bytes, size_bytes, this_machine


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8GB", 8_000_000_000),
        ("500 MB", 500_000_000),
        ("1.5g", 1_500_000_000),
        (".5k", 500),
        ("2TB", 2_000_000_000_000),
        ("8GiB", 8_000_000_000),
        (" 7 ", 7),
        ("7b", 7),
    ],
)
def test_size_bytes_reads_what_stands_on_boxes(text: str, expected: int) -> None:
    assert size_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "lots", "-1GB", "8 GB ram", "1,5GB", "1e9", "GB", "8XB", "."])
def test_size_bytes_refuses_anything_else(text: str) -> None:
    with pytest.raises(PlanError) as caught:
        size_bytes(text)

    assert caught.value.where == "run.memory_limit"
    assert "8GB" in caught.value.fix


@given(number=st.integers(0, 10**6), unit=st.sampled_from([("", 1), ("k", 10**3), ("M", 10**6), ("g", 10**9)]))
def test_size_bytes_is_number_times_unit(number: int, unit: tuple[str, int]) -> None:
    assert size_bytes(f"{number} {unit[0]}B") == number * unit[1]


def test_this_machine_states_plausible_facts() -> None:
    machine = this_machine()

    assert 1 <= machine.n_cores <= (os.cpu_count() or 1)
    assert 0 < machine.memory_available_bytes <= machine.memory_bytes
    assert machine.memory_bytes > 100_000_000
    assert machine.processor
    assert bool(machine.accelerator) == bool(machine.accelerator_memory_bytes)


def test_peak_memory_grows_and_is_counted_in_bytes() -> None:
    before = peak_memory_bytes()
    block = bytearray(b"x") * 150_000_000
    after = peak_memory_bytes()

    assert 10_000_000 < before < this_machine().memory_bytes
    assert after >= before
    assert after >= len(block)
