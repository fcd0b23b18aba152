"""Plans that cannot have a base in few bits.

In: model.quantization and what else the plan says. Out: nothing, or an error. Its own file because a plan is checked
before the library is imported, which is an extra.
"""

from __future__ import annotations

from importlib.util import find_spec

from tunewright.core.errors import MissingExtra, ModelError, PlanError
from tunewright.core.plan import Plan
from tunewright.core.section import is_auto
from tunewright.core.systems import trains

FIELD = "model.quantization"
LIBRARY = "bitsandbytes"
DEVICES = ("cpu", "cuda")
"""Where bitsandbytes has code of its own for both and we have read it; on others a word in torch stands for it."""


def refuse_few_bits(plan: Plan) -> None:
    """Before anything is loaded; fields that are still open do not contradict.

    Raises PlanError, ModelError for a device, MissingExtra.
    """
    word, train = plan.model.quantization, plan.train
    if word is None:
        return
    if not trains(plan):
        raise PlanError(
            f"{FIELD} is of the model that is trained, and this plan trains none",
            where=FIELD,
            fix=f"leave {FIELD} out",
        )
    if not is_auto(train.method) and train.method != "lora":
        raise PlanError(
            f"train.method {train.method} does not go with a base in {word}",
            where=FIELD,
            why="weights in few bits cannot be trained; an adapter beside them can",
            fix=f"train.method=lora, or leave {FIELD} out",
        )
    if train.use_pissa:
        raise PlanError(
            f"train.use_pissa does not go with a base in {word}",
            where="train.use_pissa",
            why="it takes a part out of every matrix, and what is left would be rounded again",
            fix=f"leave train.use_pissa out, or leave {FIELD} out",
        )
    if not is_auto(plan.run.device) and plan.run.device not in DEVICES:
        raise ModelError(
            f"a base in {word} does not run on {plan.run.device}",
            where=FIELD,
            why=f"{LIBRARY} is used on {' and '.join(DEVICES)} here",
            fix=f"run.device=cpu, or leave {FIELD} out",
        )
    if find_spec(LIBRARY) is None:
        raise MissingExtra(LIBRARY, extra="quant", needed_for=f"{FIELD}: {word}")


def may_have_few_bits(plan: Plan) -> bool:
    """A resolved plan that could keep its base in few bits, and does not yet."""
    is_adapter = plan.train.method == "lora" and not plan.train.use_pissa
    return plan.model.quantization is None and is_adapter and plan.run.device in DEVICES and trains(plan)
