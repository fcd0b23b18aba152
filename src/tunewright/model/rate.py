"""How fast this machine multiplies matrices and moves memory: measured, not looked up.

In: a dtype. Out: floating-point operations and bytes a second. Its own file because time estimates
and `utilisation` both divide by these rates.
"""

from __future__ import annotations

import statistics
import time
from functools import cache

import torch

MATRIX_SIZE = 1024
"""Large enough to reach the peak rate on CPU cores, small enough to take milliseconds (2.1 GFLOP a product)."""


def matrix_flops(dtype: torch.dtype, *, device: str = "cpu", seconds: float = 0.2) -> float:
    """Median rate of square products, in floating-point operations a second (a multiply-add counts as two).

    Measured once in a process: a second training has the same machine.
    """
    return _matrix_flops(dtype, device, torch.get_num_threads(), seconds)


@cache
def _matrix_flops(dtype: torch.dtype, device: str, n_threads: int, seconds: float) -> float:
    a = torch.ones(MATRIX_SIZE, MATRIX_SIZE, dtype=dtype, device=device)
    b = torch.ones(MATRIX_SIZE, MATRIX_SIZE, dtype=dtype, device=device)
    times: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < deadline:
        start = time.perf_counter()
        _wait(a @ b, device)
        times.append(time.perf_counter() - start)
    return 2.0 * MATRIX_SIZE**3 / statistics.median(times)


@cache
def memory_bytes_per_second(*, device: str = "cpu", size_bytes: int = 256_000_000) -> float:
    """Rate of a large copy, bytes read plus bytes written a second. Measured once in a process."""
    source = torch.ones(size_bytes // 4, dtype=torch.float32, device=device)
    target = torch.empty_like(source)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        _wait(target.copy_(source), device)
        times.append(time.perf_counter() - start)
    return 2.0 * size_bytes / statistics.median(times)


def _wait(result: torch.Tensor, device: str) -> None:
    """A GPU answers before it is done; a CPU does not."""
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        result.sum().item()
