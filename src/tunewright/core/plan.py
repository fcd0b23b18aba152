"""The plan: every decision a user can make, with its unit and range.

In: nothing or a nested dict of values. Out: a frozen Plan; whatever is left out is AUTO, which means "choose for me".
Its own file because defaults, names and ranges live in one place. `resolve` replaces every AUTO before work starts,
so code below the pipeline reads plain values of the stated type.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from tunewright.core.run_name import is_run_name
from tunewright.core.values import Action, Task


class Auto:
    """ "Choose for me": the one value that a plan may hold and a resolved plan may not."""

    _only: Auto | None = None

    def __new__(cls) -> Auto:
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "auto"

    def __deepcopy__(self, memo: object) -> Auto:
        return self

    def __reduce__(self) -> tuple[type[Auto], tuple[()]]:
        return Auto, ()


OUTSIDE = "path:"
"""A system of evaluate.systems that is a folder: a model that something else has trained."""

AUTO: Any = Auto()
"""Typed Any so that fields keep the type they have once resolved."""


def is_auto(value: object) -> bool:
    return isinstance(value, Auto)


class Section(BaseModel):
    """A frozen group of fields; unknown keys are errors, the word auto means "choose for me"."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, arbitrary_types_allowed=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _leave_auto_out(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if not (value == "auto" or is_auto(value))}

    @field_validator("*", mode="before")
    @classmethod
    def _no_bool_for_numbers(cls, value: Any, info: Any) -> Any:
        annotation = str(cls.model_fields[info.field_name].annotation)
        items = value if isinstance(value, (list, tuple)) else (value,)
        if any(isinstance(item, bool) for item in items) and "bool" not in annotation:
            raise ValueError("a number or text is expected here, not yes/no (quote the word if you mean the text)")
        return value

    def with_(self, **changes: Any) -> Self:
        """A checked copy with these fields, or of a whole plan these sections, changed."""
        return type(self).model_validate({**{n: getattr(self, n) for n in type(self).model_fields}, **changes})


class ModelPlan(Section):
    name: str = AUTO
    """Which model: Hugging Face id, local folder, or starter:NAME. Left out: the best of select.candidates."""
    revision: str = "main"
    """Branch, tag or commit of a Hugging Face id."""
    dtype: Literal["float32", "bfloat16"] = AUTO
    """Type of the matrix products; trained weights and optimizer state stay float32.
    Left out: bfloat16 where the hardware multiplies it, else float32."""
    quantization: Literal["nf4", "int8"] | None = None
    """Keep the frozen matrices of the base in few bits below an adapter (QLoRA): nf4 takes an eighth of their memory,
    int8 a quarter. Source: Dettmers et al. 2023, 2022. Left out: as they are."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model. Only for models whose code you have read."""


class SelectPlan(Section):
    candidates: tuple[str, ...] = AUTO
    """Models to choose among. Left out: the starter models."""
    race: bool = AUTO
    """Train candidates briefly and compare (not in this version: the choice is by facts). Left out: no."""
    budget: str = AUTO
    """Time that the selection may take, as in 20min. Left out: none, a choice by facts takes no time."""


class DataPlan(Section):
    train: str | tuple[str, ...] = AUTO
    """Examples: a file, a folder, a pattern (tickets/*.csv), hf://owner/name, or several, relative to the plan."""
    validation: str | tuple[str, ...] | None = AUTO
    """Held out to choose the best checkpoint. Left out: split from train."""
    test: str | tuple[str, ...] | None = AUTO
    """Held out to measure. Left out: split from train."""
    format: Literal["csv", "tsv", "json", "jsonl", "parquet", "xlsx", "xls", "ods", "txt"] = AUTO
    """File format. Left out: from name and content."""
    sheet: str | None = None
    """Which sheet of a workbook; null: the first that has rows."""
    text_column: str | None = AUTO
    """Column of the text that is labelled or read. Left out: found by name and content."""
    label_column: str | None = AUTO
    """Column of the label, or of the number (regress). Left out: found by name and content."""
    label_separator: Annotated[str, Field(min_length=1, max_length=3)] | None = AUTO
    """What stands between a row's several labels: late|damaged. Left out: none; for multilabel what the cells have."""
    prompt_column: str | None = AUTO
    """Column of the question. Left out: found by name and content."""
    completion_column: str | None = AUTO
    """Column of the answer. Left out: found by name and content."""
    messages_column: str | None = AUTO
    """Column of whole conversations. Left out: found by name and content."""
    group_column: str | None = AUTO
    """Rows with the same value here (a patient, a conversation) stay on one side of every split.
    Left out: a column of ids that come back, if there is one."""
    system: str | None = None
    """System message put before every conversation that has none."""
    limit: int | None = Field(default=None, ge=1)
    """Use at most this many rows of the train file, drawn by seed before any split: for a quick try."""


class PreparePlan(Section):
    actions: dict[str, Action] = Field(default_factory=dict)
    """What to do about a finding: check name to report, fix, drop or refuse."""
    validation_fraction: float = Field(default=AUTO, gt=0, lt=1)
    """Share of train held out when no validation file is given.
    Left out: 0.15 and at most 1,000 rows; 0.1 when a test file is given."""
    test_fraction: float = Field(default=AUTO, gt=0, lt=1)
    """Share of train held out when no test file is given. Left out: 0.15 and at most 2,000 rows."""
    max_length: int = Field(default=AUTO, ge=8)
    """Tokens a row may have; longer rows are cut and counted.
    Left out: the smallest multiple of 64 that keeps 99.5 % of the rows whole, within what the model reads."""
    review: str | None = None
    """The review.csv of an earlier run with a person's decisions, relative to the plan: in its column decision stands
    keep, drop, fix (take the suggestion) or another label. Left out: nobody decided."""


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


class EvaluatePlan(Section):
    systems: tuple[str, ...] = AUTO
    """Who is compared: tuned, base, majority, mean, tfidf, linear_probe, path:FOLDER. Left out: the task's own."""
    metrics: tuple[str, ...] = AUTO
    """Which numbers are reported. Left out: all of the task."""
    primary_metric: str = AUTO
    """The number the verdict is about. Left out: accuracy, f1_macro or f1_micro; mae; bits_per_byte."""
    seeds: int = Field(default=1, ge=1, le=20)
    """Trainings with different seeds (not in this version: 1)."""
    max_new_tokens: int = Field(default=AUTO, ge=1)
    """Cap on a generated answer, tokens. Left out: a quarter above the 95th percentile of yours, at most 512."""
    limit: int | None = Field(default=AUTO, ge=1)
    """Rows that answers are written for; likelihood and labels use all. Left out: 64 on a processor, 200 on a GPU."""
    require: dict[str, str | float | tuple[str, ...]] | None = None
    """Conditions that end a run with exit 6, unexported, when missed: {accuracy: ">= 0.9", better_than: base}."""


class ExplainPlan(Section):
    methods: tuple[str, ...] = AUTO
    """How answers are explained: occlusion; label_errors trains three more models to find wrong train labels; []: not.
    Left out: occlusion for labels while it is quick, else not until `tunewright explain` asks."""
    rows: int = Field(default=50, ge=1)
    """Test rows that are explained, drawn by seed."""


class ExportPlan(Section):
    targets: tuple[str, ...] = AUTO
    """What is exported: adapter, merged; an empty list: nothing. Left out: nothing, until `tunewright export` asks."""
    max_kl_nats: float = Field(default=0.01, gt=0)
    """Largest mean divergence between the exported and the trained model on held-out rows, nats."""


class RunPlan(Section):
    name: str = AUTO
    """Folder name below the runs folder. Left out: the plan's or the data's file stem."""
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Start of the random numbers: the same seed draws the same rows, order and weights again."""
    device: Literal["cpu", "cuda", "mps"] = AUTO
    """What calculates. Left out: cuda when a GPU is found, else cpu."""
    threads: int = Field(default=AUTO, ge=1)
    """Processor cores that are used. Left out: all that this process may use."""
    memory_limit: str | None = None
    """Most memory the run may use, as in 8GB; null: nine tenths of what the machine has."""
    carbon_intensity: float | None = Field(default=None, ge=0)
    """Grams of CO2 that a kilowatt-hour of your electricity stands for. Left out: no CO2 is told."""
    price_per_kwh: float | None = Field(default=None, ge=0)
    """What a kilowatt-hour costs you, in your money. Left out: no price is told."""
    price_per_hour: float | None = Field(default=None, ge=0)
    """What an hour of the machine costs you, in your money. Left out: no price is told."""

    @field_validator("name")
    @classmethod
    def _is_a_plain_name(cls, value: str) -> str:
        if not is_run_name(value):
            raise ValueError("a run name is one short folder name: letters, digits, dots, dashes; no slashes")
        return value


class Plan(Section):
    """What to do, from data to evidence. Every section and every value may be left out."""

    task: Task = AUTO
    """What is learned: classify (text to label), multilabel (to any of several), regress (to a number), generate (to
    answers), text (raw domain text). Left out: from the columns."""
    model: ModelPlan = ModelPlan()
    select: SelectPlan = SelectPlan()
    data: DataPlan = DataPlan()
    prepare: PreparePlan = PreparePlan()
    train: TrainPlan = TrainPlan()
    evaluate: EvaluatePlan = EvaluatePlan()
    explain: ExplainPlan = ExplainPlan()
    export: ExportPlan = ExportPlan()
    run: RunPlan = RunPlan()


MEASURED = ("train.layers",)
"""Where the word auto, as a person writes it, asks for more than leaving the field out (core/aliases)."""
SECTIONS: tuple[str, ...] = tuple(name for name in Plan.model_fields if name != "task")


def open_fields(plan: Plan) -> tuple[str, ...]:
    """Names of the fields still left to `resolve`, as in train.learning_rate."""
    names = ["task"] if is_auto(plan.task) else []
    for section in SECTIONS:
        values = getattr(plan, section)
        names += [f"{section}.{name}" for name in type(values).model_fields if is_auto(getattr(values, name))]
    return tuple(names)


def plan_dict(plan: Plan, *, with_auto: bool = False) -> dict[str, Any]:
    """Plain nested values, in the plan's order; with_auto: AUTO is the word auto, except in MEASURED, else left out."""

    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(item) for item in value]
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        return "auto" if is_auto(value) else value

    out: dict[str, Any] = {} if is_auto(plan.task) and not with_auto else {"task": plain(plan.task)}
    for section in SECTIONS:
        values = getattr(plan, section)
        fields = {name: getattr(values, name) for name in type(values).model_fields}
        is_said = {name: with_auto and f"{section}.{name}" not in MEASURED for name in fields}
        kept = {name: plain(value) for name, value in fields.items() if is_said[name] or not is_auto(value)}
        if kept:
            out[section] = kept
    return out
