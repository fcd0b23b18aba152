"""Who takes part in a race: models, methods and learning rates, as far as the plan leaves them open.

In: the plan, the cards of the models that suit. Out: Contestants. Its own file because a person must be able to read in
one place what is tried and what is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewright.core.plan import Plan
from tunewright.core.section import is_auto
from tunewright.core.tasks import has_head
from tunewright.core.values import ModelCard

SMALL_PARAMETERS = 150_000_000
"""Up to here every weight may be trained, also of a decoder. Source: DESIGN 5, of encoders."""
RATES = (1.0, 3.0)
"""Times the default rate. A third is left out: few steps favour high rates, and it costs as much as the others."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to train; None: as the plan says."""

    model: str
    method: str | None
    learning_rate: float | None

    @property
    def name(self) -> str:
        """As it is told and kept: model, method, rate."""
        rate = "" if self.learning_rate is None else f"rate {self.learning_rate:g}"
        return ", ".join(word for word in (self.model, self.method, rate) if word)


def contestants(
    plan: Plan, cards: Sequence[ModelCard], *, default_rate: Callable[[ModelCard, str], float]
) -> tuple[Contestant, ...]:
    """Of each model its methods, of each method its rates; the first of a model is what would be done without a race.

    default_rate: of a model and a method. A rate that the plan names is not varied, nor is a head's: a fresh linear
    layer learns the same at any rate near its own.
    """
    found = []
    for card in cards:
        for method in _methods(plan, card):
            of_method = plan.train.method if method is None else method
            is_varied = is_auto(plan.train.learning_rate)
            times = (RATES if of_method != "head" else RATES[:1]) if is_varied else (None,)
            for one in times:
                rate = None if one is None else float(f"{default_rate(card, of_method) * one:.2g}")
                found.append(Contestant(card.name, method, rate))
    return tuple(found)


def _methods(plan: Plan, card: ModelCard) -> tuple[str | None, ...]:
    if not is_auto(plan.train.method):
        return (None,)
    is_small = card.n_parameters <= SMALL_PARAMETERS
    first = "full" if card.architecture == "encoder" and is_small else "lora"
    if plan.model.quantization:
        return ("lora",)
    if has_head(plan.task):
        return (first, "head")
    return (first, "full") if is_small else (first,)
