"""The learning rate of a plan that names none: a formula of the method and the model's width, with its source.

In: the model's card and the method. Out: DefaultRate. Its own file because a rate that is searched for is searched
around this one, and falls back to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.core.values import ModelCard

FIND = "find"
"""The word in train.learning_rate that asks for a range test."""
EXPONENTS = {"qwen": 0.0775, "": 0.781}
"""By the beginning of a family's name: how fast the best rate falls with width. Source: tinker-cookbook's fits for Qwen
and Llama."""


@dataclass(frozen=True, slots=True)
class DefaultRate:
    """The peak rate."""

    value: float
    reason: str


def default_rate(card: ModelCard, *, method: str) -> DefaultRate:
    """Two significant digits: a rate is not known better. method: full, lora or head."""
    width = card.hidden_size
    if method == "head":
        return DefaultRate(1e-2, "only a fresh linear head learns, on frozen vectors; 1e-4 is for whole encoders")
    if card.architecture == "encoder":
        reason = "1e-4 had the lowest validation loss of 1e-4 to 4e-4 at width 384; BERT-base's 5e-5 at 768"
        more = (
            "; 5 times that for lora, which wants up to 10 times (LoRA Without Regret, 2025)"
            if method == "lora"
            else ""
        )
        rate = 1e-4 * (384 / width) * (5 if method == "lora" else 1)
        return DefaultRate(_rounded(rate), f"{reason}; this encoder is {width} wide{more}")
    family = next(name for name in EXPONENTS if card.model_type.startswith(name))
    rate = min(1e-3, 5e-4 * (2000 / width) ** EXPONENTS[family]) / (1 if method == "lora" else 10)
    fit = f"tinker-cookbook's fit for {family.title() or 'Llama'}"
    reason = f"5e-5 x 10 x (2000/{width})^{EXPONENTS[family]} ({fit}), at most 1e-3"
    ten = "lora wants about 10 times the rate of full tuning (LoRA Without Regret, 2025)"
    return DefaultRate(_rounded(rate), f"{reason}; {ten if method == 'lora' else f'a tenth of that here: {ten}'}")


def _rounded(value: float) -> float:
    return float(f"{value:.1e}")
