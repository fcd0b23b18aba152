"""Public: the names people import, the fields people write, the codes people script against. Changed knowingly only."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points, version

import tunewright
from tunewright.core.plan import SECTIONS, Plan

OPTIONS = {
    "model": "name revision dtype trust_remote_code",
    "select": "candidates race budget",
    "data": (
        "train validation test format sheet text_column label_column prompt_column completion_column messages_column"
        " group_column system limit"
    ),
    "prepare": "actions validation_fraction test_fraction max_length review",
    "train": (
        "method layers lora_r lora_alpha lora_dropout target_modules use_rslora use_dora adapter learning_rate epochs"
        " max_steps batch_size gradient_accumulation_steps warmup_ratio weight_decay lr_scheduler_type max_grad_norm"
        " packing save_steps eval_steps patience"
    ),
    "evaluate": "systems metrics primary_metric seeds max_new_tokens limit require",
    "explain": "methods rows",
    "export": "targets max_kl_nats",
    "run": "name seed device threads memory_limit",
}
"""Every option there is. A new one costs an old one, or a decision page (docs/decisions)."""


def test_options_are_frozen() -> None:
    fields = {section: " ".join(type(getattr(Plan(), section)).model_fields) for section in SECTIONS}

    assert fields == OPTIONS
    assert tuple(Plan.model_fields) == ("task", *OPTIONS)


def test_public_names_are_pinned() -> None:
    assert tunewright.__all__ == ["__version__", "Plan", "run", "compare", "trace"]
    assert tunewright.Plan is Plan
    assert tunewright.__version__ == version("tunewright")


def test_run_is_the_pipelines_run_and_loaded_when_asked_for() -> None:
    code = (
        "import sys, tunewright\nassert 'tunewright.pipeline' not in sys.modules\n"
        "from tunewright.pipeline import run\nassert tunewright.run is run"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_unknown_names_are_attribute_errors() -> None:
    assert not hasattr(tunewright, "fine_tune")


def test_the_command_is_called_tunewright() -> None:
    (command,) = entry_points(group="console_scripts", name="tunewright")

    assert command.value == "tunewright.cli.main:main"
