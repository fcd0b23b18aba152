"""What this machine can do, read from the system without importing torch.

In: nothing. Out: Machine: cores, memory, bfloat16, accelerator. Measured rates are added by model/rate.
Its own file because planning, training and the report must agree on the same facts.
"""

from __future__ import annotations

import math
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from tunewright.core.errors import PlanError

if sys.platform != "win32":
    import resource

BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Processor flags that mean bfloat16 products in hardware. Source: Linux /proc/cpuinfo names (x86 and Arm)."""

MEMORY_SHARE = 0.9
"""Share of the device's memory that a run may plan to use; the rest is the system's and the estimate's error."""

_SIZE = re.compile(r"^\s*([0-9]*\.?[0-9]+)\s*([kmgt]?)i?b?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine can do. Facts are read, rates are measured; neither is hashed into a fingerprint."""

    system: str
    processor: str
    n_cores: int
    """Cores this process may use."""
    memory_bytes: int
    memory_available_bytes: int
    has_bf16: bool
    """The cores multiply bfloat16 in hardware (avx512_bf16, amx_bf16, Arm bf16)."""
    accelerator: str = ""
    """Name of the first GPU; empty for none."""
    accelerator_memory_bytes: int = 0
    matrix_flops: float = math.nan
    """Measured floating-point operations a second in a large matrix product, in the training dtype."""


def this_machine() -> Machine:
    """The facts of the machine we run on; unknown facts are 0, False or empty, never guessed."""
    accelerator, accelerator_bytes = _accelerator()
    total, available = _memory_bytes()
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        n_cores=_usable_cores(),
        memory_bytes=total,
        memory_available_bytes=available,
        has_bf16=bool(_flags() & BF16_FLAGS),
        accelerator=accelerator,
        accelerator_memory_bytes=accelerator_bytes,
    )


def size_bytes(text: str) -> int:
    """Bytes in words like 8GB, 500 MB, 1.5g; powers of 1000, as memory limits are stated on boxes.

    Raises PlanError for anything else.

    >>> size_bytes("8GB")
    8000000000
    """
    match = _SIZE.match(text)
    if not match:
        raise PlanError(f"{text!r} is not a size", where="run.memory_limit", fix="write it like 8GB or 500MB")
    return int(float(match[1]) * 1000 ** " kmgt".index(str(match[2]).lower() or " "))


def usable_bytes(machine: Machine, *, limit: str | None, is_gpu: bool) -> int:
    """What a run may use: the plan's limit, else nine tenths of what the device has."""
    if limit:
        return size_bytes(limit)
    return int(MEMORY_SHARE * (machine.accelerator_memory_bytes if is_gpu else machine.memory_bytes))


def peak_memory_bytes() -> int:
    """This process's largest resident size so far, imports included."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    status = Path("/proc/self/status")  # Linux: ru_maxrss also counts the process that started this one, before exec
    if status.exists() and (high := re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)):
        return int(high[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024  # macOS counts bytes, Linux kB


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_bytes() -> tuple[int, int]:
    """(total, available), within the container's limit where one is set."""
    meminfo = Path("/proc/meminfo")
    if not meminfo.exists():
        return _memory_elsewhere()
    facts: dict[str, str] = dict(re.findall(r"^(\w+):\s+(\d+) kB", meminfo.read_text(), re.MULTILINE))
    total, available = int(facts["MemTotal"]) * 1024, int(facts.get("MemAvailable") or facts["MemFree"]) * 1024
    limit = Path("/sys/fs/cgroup/memory.max")
    if limit.exists() and (text := limit.read_text().strip()).isdigit():
        total, available = min(total, int(text)), min(available, int(text))
    return total, available


def _memory_elsewhere() -> tuple[int, int]:
    memory = psutil.virtual_memory()
    return int(memory.total), int(memory.available)


def _flags() -> frozenset[str]:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        match = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        return frozenset(match[1].split()) if match else frozenset()
    if platform.system() == "Darwin" and _output("sysctl", "-n", "hw.optional.arm.FEAT_BF16") == "1":
        return frozenset({"bf16"})
    return frozenset()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists() and (match := re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)):
        return match[1].strip()
    return platform.processor() or platform.machine()


def _accelerator() -> tuple[str, int]:
    """(name, bytes) of the first NVIDIA GPU; ("", 0) without one. Apple's GPU is found by torch later."""
    line = _output("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits").partition("\n")[0]
    name, comma, mebibytes = line.rpartition(",")
    if not comma or not mebibytes.strip().isdigit():
        return "", 0
    return name.strip(), int(mebibytes) * 1024**2


def _output(program: str, *arguments: str) -> str:
    """What a program prints; empty when it is not there or fails."""
    if not shutil.which(program):
        return ""
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
