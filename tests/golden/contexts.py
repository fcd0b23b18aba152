"""Two ordinary situations, fixed: what resolve sees of the model, the machine and the data."""

from __future__ import annotations

from dataclasses import replace

from tunewright.core.machine import Machine
from tunewright.core.values import Choice, DataFacts, ModelCard, Task
from tunewright.resolve import Context, LengthFacts

LAPTOP = Machine(
    system="Linux x86_64",
    processor="a laptop",
    n_cores=4,
    memory_bytes=32_000_000_000,
    memory_available_bytes=24_000_000_000,
    has_bf16=False,
)

ENCODER = ModelCard(
    name="starter:minilm-l6",
    path="/models/minilm-l6",
    architecture="encoder",
    model_type="bert",
    n_parameters=22_713_216,
    n_layers=6,
    hidden_size=384,
    n_heads=12,
    vocabulary_size=30_522,
    context_tokens=512,
    licence="Apache-2.0",
    has_chat_template=False,
    n_key_value_heads=12,
    head_size=32,
    intermediate_size=1536,
)

DECODER = ModelCard(
    name="starter:smollm2-135m-instruct",
    path="/models/smollm2-135m-instruct",
    architecture="decoder",
    model_type="llama",
    n_parameters=134_515_008,
    n_layers=30,
    hidden_size=576,
    n_heads=9,
    vocabulary_size=49_152,
    context_tokens=8192,
    licence="Apache-2.0",
    has_chat_template=True,
    n_key_value_heads=3,
    head_size=64,
    intermediate_size=1536,
    is_gated_mlp=True,
    is_tied=True,
)

INTENTS = tuple(f"intent_{i:02}" for i in range(77))

CLASSIFY = Context(
    card=ENCODER,
    machine=LAPTOP,
    facts=DataFacts(
        task="classify",
        n_rows={"train": 9003, "validation": 1000, "test": 3080},
        labels=INTENTS,
        rows_per_label=dict.fromkeys(INTENTS, 117) | {"intent_05": 35},
        bytes_per_row=59.5,
        language="en",
    ),
    lengths=LengthFacts(n_rows=9003, mean=14.6, p95=30, p995=63, longest=98, answer_p95=0),
    default_name="banking",
)

GENERATE = Context(
    card=DECODER,
    machine=LAPTOP,
    facts=DataFacts(
        task="generate",
        n_rows={"train": 1400, "validation": 300, "test": 300},
        bytes_per_row=520.0,
        language="en",
    ),
    lengths=LengthFacts(n_rows=1400, mean=190.0, p95=330, p995=471, longest=655, answer_p95=210),
    default_name="answers",
)


def choices_before(task: Task, *, model: str) -> tuple[Choice, ...]:
    """What the reader of the data and the choice of the model decide before resolve."""
    is_classify = task == "classify"
    values = {
        "task": task,
        "data.train": "rows.csv" if is_classify else "rows.jsonl",
        "data.validation": None,
        "data.test": None,
        "data.format": "csv" if is_classify else "jsonl",
        "data.text_column": "text" if is_classify else None,
        "data.label_column": "label" if is_classify else None,
        "data.label_separator": None,
        "data.prompt_column": None if is_classify else "prompt",
        "data.completion_column": None if is_classify else "completion",
        "data.messages_column": None,
        "data.group_column": None,
        "prepare.validation_fraction": 0.15,
        "prepare.test_fraction": 0.15,
        "model.name": model,
    }
    return tuple(Choice(field, value, "seen in the data") for field, value in values.items())


def with_facts(context: Context, **changes: object) -> Context:
    """The same situation with other facts about the data."""
    return replace(context, facts=replace(context.facts, **changes))  # type: ignore[arg-type]
