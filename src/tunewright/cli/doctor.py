"""`tunewright doctor`: is everything here that a run needs?

In: nothing. Out: one line for each check, ok or problem, with what to do; exit 1 when there is a problem.
Its own file because one file a verb.
"""

from __future__ import annotations

import importlib
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement

from tunewright import __version__
from tunewright.cli.console import open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.words import size, table
from tunewright.core.machine import Machine, this_machine
from tunewright.model.starter import STARTERS, cache_folder, starter_path

OLDEST_PYTHON = (3, 11)
"""Source: pyproject.toml, requires-python."""
FREE_BYTES = 2e9
"""Below this a run may fill the disk: a starter model (.6 GB) and a decoder's checkpoints beside it."""
LOW_MEMORY_BYTES = 4e9
"""The libraries take 1 GB, the small encoder's training 1 GB more, and the rest of the machine lives too."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    status: Literal["ok", "problem"]
    found: str
    fix: str = ""
    """What to do about a problem."""


def doctor(json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR) -> int:
    """Look at Python, the packages, the machine, the disk and the starter models; each problem with what to do."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        machine = this_machine()
        checks = tuple(_all_checks(machine, runs_dir=runs_dir))
        problems = [check for check in checks if check.status == "problem"]
        if not json:
            rows = [(check.status, check.name, check.found) for check in checks]
            for check, line in zip(checks, table([("", "", ""), *rows]).split("\n")[1:], strict=True):
                console.result(line, style="bold red" if check.status == "problem" else "")
                if check.fix:
                    console.result(f"         try: {check.fix}")
            console.result(f"\n{_summary(len(problems))}")
        console.answer({"is_ok": not problems, "checks": checks, "machine": machine, "tunewright": __version__})
    return 1 if problems else 0


def _summary(n_problems: int) -> str:
    if not n_problems:
        return "everything a run needs is here; next: tunewright demo"
    return f"{n_problems} problem{'s' if n_problems > 1 else ''}; what to do stands beside each"


def _all_checks(machine: Machine, *, runs_dir: Path) -> Iterator[Check]:
    yield python_check(sys.version_info[:2])
    yield from package_checks(requires("tunewright") or [], installed=_installed)
    yield from machine_checks(machine)
    yield from _rate_checks(machine)
    yield from folder_checks("models", cache_folder())
    yield from folder_checks("runs", runs_dir)
    for name in STARTERS:
        path = starter_path(name)
        yield Check(f"starter {name}", "ok", str(path) if path else "not here yet; a run fetches it when it needs it")


def python_check(found: tuple[int, int]) -> Check:
    words = f"{platform.python_version()} at {sys.executable}"
    if found >= OLDEST_PYTHON:
        return Check("python", "ok", words)
    return Check("python", "problem", words, fix=f"install Python {'.'.join(map(str, OLDEST_PYTHON))} or newer")


def package_checks(requirements: list[str], *, installed: Callable[[str], str]) -> Iterator[Check]:
    """Each package that we require: there, and new enough.

    requirements: as in a wheel's metadata; those of extras are left out. installed: version of a package, or empty.
    """
    for requirement in map(Requirement, requirements):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        found = installed(requirement.name)
        if found and requirement.specifier.contains(found, prereleases=True):
            yield Check(requirement.name, "ok", found)
        else:
            wanted = f"{requirement.name}{requirement.specifier}"
            words = f"{found} is here, {wanted} is needed" if found else "not installed"
            yield Check(requirement.name, "problem", words, fix=f'python -m pip install "{wanted}"')


def machine_checks(machine: Machine) -> Iterator[Check]:
    """What was read from the system."""
    yield Check("processor", "ok", f"{machine.processor}, {machine.n_cores} cores may be used")
    memory = f"{size(machine.memory_bytes)}, {size(machine.memory_available_bytes)} of it free"
    if machine.memory_available_bytes < LOW_MEMORY_BYTES:
        yield Check(
            "memory", "problem", memory, fix="close other programs, or train.batch_size=4 and the small encoder"
        )
    else:
        yield Check("memory", "ok", memory)
    words = "in hardware" if machine.has_bf16 else "not in hardware: float32 is used"
    yield Check("bfloat16", "ok", words)
    yield Check("accelerator", "ok", machine.accelerator or "none: the processor does the work")


def folder_checks(name: str, folder: Path) -> Iterator[Check]:
    """Can it be written, and is there space?"""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    other = "--runs-dir DIR" if name == "runs" else "TUNEWRIGHT_CACHE=DIR"
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        yield Check(f"{name} folder", "problem", f"{folder} cannot be written: {error.strerror}", fix=f"use {other}")
        return
    free = shutil.disk_usage(there).free
    if free < FREE_BYTES:
        fix = f"free some space, or use {other}"
        yield Check(f"{name} folder", "problem", f"{folder}: only {size(free)} free", fix=fix)
    else:
        yield Check(f"{name} folder", "ok", f"{folder}, {size(free)} free")


def _rate_checks(machine: Machine) -> Iterator[Check]:
    """torch works, sees the accelerator, and how fast it multiplies here."""
    try:
        torch: Any = importlib.import_module("torch")
        rate: Any = importlib.import_module("tunewright.model.rate")
        torch.set_num_threads(machine.n_cores)
        rates = [
            f"{rate.matrix_flops(dtype, seconds=0.3) / 1e9:,.0f} GFLOP/s in {name}"
            for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16))
            if name == "float32" or machine.has_bf16
        ]
    except (ImportError, OSError, RuntimeError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        yield Check("torch works", "problem", words, fix="python -m pip install --force-reinstall torch")
        return
    yield Check("matrix products", "ok", ", ".join(rates))
    if machine.accelerator and not torch.cuda.is_available():
        fix = "install torch for your CUDA version: https://pytorch.org/get-started"
        yield Check("torch and GPU", "problem", f"{machine.accelerator} is here, this torch cannot use it", fix=fix)


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
