"""Machines that a training might run on instead, with the figures that their makers publish.

In: nothing. Out: KNOWN_MACHINES. Its own file because every figure needs a source, and a plan is priced by them before
anybody rents one.
"""

from __future__ import annotations

from dataclasses import dataclass

GPU_UTILISATION = 0.24
"""Share of the published matrix rate that plain transformers reached: Llama-3.2-3B, LoRA, batch 4, bfloat16, 6,760
tokens a second on an L40S, 12.8 GFLOP a token. Source: github.com/huggingface/peft 0a179c1,
method_comparison/MetaMathQA/results/lora--llama-3.2-3B-rank32.json, its steps' tokens / sec."""
TIMES_OFF = 2.0
"""An estimate by operations alone is told as half to twice: shapes, batch and software move the share so. Ours."""


@dataclass(frozen=True, slots=True)
class KnownMachine:
    """One accelerator."""

    name: str
    matrix_flops: float
    """Dense bfloat16 products, operations a second."""
    memory_bytes: int
    memory_bytes_per_second: float
    watts: float
    """The most that it draws (TDP)."""
    source: str


_TABLE = "llmbook.apartsin.com, appendix G.1, from the makers' data sheets"
KNOWN_MACHINES: tuple[KnownMachine, ...] = (
    KnownMachine("L4", 121e12, 24 * 10**9, 300e9, 72.0, "NVIDIA L4 data sheet, as on hmc-tech.com and fpsbench.com"),
    KnownMachine("L40S", 362e12, 48 * 10**9, 864e9, 350.0, _TABLE),
    KnownMachine("A100 80 GB", 312e12, 80 * 10**9, 2.0e12, 400.0, _TABLE),
    KnownMachine("H100 SXM", 990e12, 80 * 10**9, 3.35e12, 700.0, _TABLE),
    KnownMachine("H200 SXM", 990e12, 141 * 10**9, 4.8e12, 700.0, _TABLE),
)
"""By price an hour, roughly."""
