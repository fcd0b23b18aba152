"""Can torch calculate there, and in what type without emulation?

In: the word of run.device, the plan, the machine. Out: nothing, an error, or a warning. Its own file because only torch
knows what it was built for, and every verb that loads a model must say the same.
"""

from __future__ import annotations

import torch

from tunewright.core.errors import PlanError
from tunewright.core.events import NoteEvent
from tunewright.core.machine import Machine
from tunewright.core.plan import Plan


def refuse_absent(device: str) -> None:
    """Raises PlanError for a device that this torch cannot use here."""
    if device == "mps" and not torch.backends.mps.is_available():
        what, why = "no GPU of Apple's is found here", "mps needs a Mac with Apple's own processor"
    elif device == "cuda" and not torch.cuda.is_available():
        what, why = (
            "this torch can use no GPU here",
            f"torch {torch.__version__} finds no NVIDIA driver it was built for",
        )
    else:
        return
    raise PlanError(f"run.device is {device}, and {what}", where="run.device", why=why, fix="run.device=cpu")


def emulation_note(plan: Plan, machine: Machine) -> NoteEvent | None:
    """A warning where bfloat16 products were asked for and the device has none; plan: resolved."""
    if plan.model.dtype != "bfloat16":
        return None
    if plan.run.device == "cpu" and not machine.has_bf16:
        who = "this processor"
    elif plan.run.device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        who = torch.cuda.get_device_name()
    else:
        return None
    said = f"{who} has no bfloat16 products: they are emulated, which is slower than float32 and no more exact"
    return NoteEvent(f"{said}. model.dtype=float32", level="warning")
