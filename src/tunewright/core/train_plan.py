"""The plan's section `train`: what is changed, how far, how often.

In: a dict of values. Out: TrainPlan. Its own file because it has the most fields.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from tunewright.core.section import AUTO, Section

Start = Literal["checkpoint", "random"]
"""Which weights a training starts with; random: drawn anew, for the system `scratch`."""


class TrainPlan(Section):
    method: Literal["full", "lora", "head"] = AUTO
    """What is trained: full (every weight), lora (low-rank adapters), head (only the layer that answers).
    Left out: full for encoders up to 150 M parameters, else lora; head under 50 rows."""
    layers: Literal["all", "find"] | str | tuple[int, ...] = AUTO
    """Blocks that change: all, last:4, a list of indices from 0; find or auto: those with the most gradient for their
    operations, measured on a few rows before training. Left out: all."""
    lora_r: int = Field(default=AUTO, ge=1, le=1024)
    """Width (rank) of the added matrices. Left out: 16."""
    lora_alpha: float = Field(default=AUTO, gt=0)
    """The added matrices count alpha / rank times. Left out: twice lora_r."""
    lora_dropout: float = Field(default=AUTO, ge=0, lt=1)
    """Share of the adapter's inputs that is switched off while training. Left out: 0."""
    target_modules: str | tuple[str, ...] = AUTO
    """Matrices that get an adapter: all-linear, or names of modules. Left out: all-linear."""
    use_rslora: bool = False
    """Count alpha / root of rank times instead: for large ranks. Source: Kalajdzievski 2023."""
    use_dora: bool = False
    """Learn length and direction of the weights apart. Slower. Source: Liu et al. 2024."""
    use_pissa: bool = False
    """Start the adapter as the largest part of each matrix, which then learns first. Source: Meng et al. 2024."""
    adapter: dict[str, Any] | None = None
    """Another way to adapt: any peft config by its own field names, `peft_type` included; replaces the lora fields.
    Blocks of train.layers are looked up in its target_modules."""
    learning_rate: Annotated[float, Field(gt=0, lt=10)] | Literal["find"] = AUTO
    """How far each step moves the weights: the peak, after warm-up; find: tried for at most 30 seconds before training.
    Left out: from the model's width and the method."""
    epochs: float = Field(default=AUTO, gt=0, le=1000)
    """Passes over all train rows. Left out: 5 for full tuning of an encoder, 3 for lora and decoders, 20 for head."""
    max_steps: int | None = Field(default=None, ge=1)
    """Stop after this many optimizer steps; wins over epochs."""
    batch_size: int = Field(default=AUTO, ge=1)
    """Rows in one forward pass. Left out: 8 for decoders, else 16, and 32 from 1,000 rows; fewer if memory is short."""
    gradient_accumulation_steps: int = Field(default=1, ge=1)
    """Forward passes to one optimizer step."""
    gradient_checkpointing: bool = AUTO
    """Calculate a block again in the backward pass instead of keeping what it calculated: less memory, about a third
    more time. Left out: only where the longest row does not fit without."""
    warmup_ratio: float = Field(default=AUTO, ge=0, lt=1)
    """Share of the steps in which the rate rises. Left out: 0.1."""
    weight_decay: float = Field(default=AUTO, ge=0)
    """Pull of the weights towards zero; biases and norms are left alone. Left out: 0.01."""
    lr_scheduler_type: Literal["cosine", "linear", "constant"] = "cosine"
    """How the rate falls after warm-up."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this length. Source: Pascanu et al. 2013; 1.0 as in transformers."""
    packing: bool = AUTO
    """Several rows in one sequence (not in this version: rows are batched by length). Left out: no."""
    save_steps: int = Field(default=AUTO, ge=1)
    """Optimizer steps between checkpoints. Left out: a twentieth of all."""
    eval_steps: int = Field(default=AUTO, ge=1)
    """Optimizer steps between validations. Left out: an epoch."""
    patience: int | None = Field(default=AUTO, ge=1)
    """Stop after this many validations without a better one; null: never. Left out: 3."""
    trackers: tuple[str, ...] = ()
    """Tools that draw the training: tensorboard, mlflow, wandb, trackio; offline unless you have set up a server.
    Left out: none; every step is in train/steps.jsonl."""

    @field_validator("trackers", mode="before")
    @classmethod
    def _one_word_is_a_list(cls, value: Any) -> Any:
        return [word for word in (value,) if word != "none"] if isinstance(value, str) else value or ()
