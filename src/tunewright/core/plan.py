"""The plan: every decision a user can make, with its unit and range.

In: nothing or a nested dict of values. Out: a frozen Plan; whatever is left out is AUTO, which means "choose for me".
Its own file because defaults, names and ranges live in one place. `resolve` replaces every AUTO before work starts,
so code below the pipeline reads plain values of the stated type.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from tunewright.core.evaluate_plan import EvaluatePlan
from tunewright.core.run_name import is_run_name
from tunewright.core.section import AUTO, Section, is_auto
from tunewright.core.train_plan import TrainPlan
from tunewright.core.values import Action, Task


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
    """Models to choose among; the word cache stands for every whole model of the local Hugging Face cache.
    Left out: the starter models."""
    licences: tuple[str, ...] = ()
    """Licences that the model may have, as its card writes them; others, and unknown ones, are passed over.
    Left out: any."""
    race: bool = AUTO
    """Train models, methods and rates briefly on growing parts of the rows, and take what is told to be best with all.
    Left out: yes when select.budget gives it time, else no: the choice is by facts."""
    budget: str = AUTO
    """Time that the race may take, as in 90s, 20min, 1h. Left out: 20min for a race, else none."""


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
    slice_columns: tuple[str, ...] = ()
    """Columns by whose values the test rows are scored apart too, as [channel, region]. Left out: none."""
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


class ExplainPlan(Section):
    methods: tuple[str, ...] = AUTO
    """How answers are explained: occlusion; label_errors trains three more models to find wrong train labels; []: not.
    Left out: occlusion for labels while it is quick, else not until `tunewright explain` asks."""
    rows: int = Field(default=50, ge=1)
    """Test rows that are explained, drawn by seed."""


class ExportPlan(Section):
    targets: tuple[str, ...] = AUTO
    """What is exported: adapter, merged, gguf-f16, gguf-q8_0 (llama.cpp, Ollama), onnx, onnx-int8 (models with a head),
    repo (for the Hub); an empty list: nothing. Left out: nothing; `tunewright export` alone: adapter and merged."""
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
        if isinstance(value, Section):
            return {name: plain(getattr(value, name)) for name in type(value).model_fields}
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
