"""Public: the names people import, the fields people write, the codes people script against. Changed knowingly only."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.metadata import entry_points, version

import pytest

import tunewright
from tests.architecture.sources import ROOT
from tunewright.core.plan import SECTIONS, Plan

VERBS_IN_PYTHON = (
    *("run", "check", "init", "show", "predict", "why", "compare", "trace", "selftest", "reproduce", "runs", "load"),
)

OPTIONS = {
    "model": "name revision dtype quantization trust_remote_code",
    "select": "candidates licences race budget",
    "data": (
        "train validation test format sheet text_column label_column label_separator prompt_column completion_column"
        " messages_column group_column slice_columns system limit"
    ),
    "prepare": "actions validation_fraction test_fraction max_length review",
    "train": (
        "method layers lora_r lora_alpha lora_dropout target_modules use_rslora use_dora use_pissa adapter"
        " learning_rate epochs max_steps batch_size gradient_accumulation_steps gradient_checkpointing warmup_ratio"
        " weight_decay lr_scheduler_type max_grad_norm packing save_steps eval_steps patience trackers"
    ),
    "evaluate": (
        "systems metrics primary_metric seeds max_new_tokens limit label_scoring scorer require general apis judge"
    ),
    "explain": "methods rows",
    "export": "targets max_kl_nats",
    "run": "name seed device threads memory_limit carbon_intensity price_per_kwh price_per_hour",
}
"""Every option there is. A new one costs an old one, or a decision page (docs/decisions)."""


def test_options_are_frozen() -> None:
    fields = {section: " ".join(type(getattr(Plan(), section)).model_fields) for section in SECTIONS}

    assert fields == OPTIONS
    assert tuple(Plan.model_fields) == ("task", *OPTIONS)


def test_public_names_are_pinned() -> None:
    assert set(tunewright.__all__) == {"Plan", "__version__", *VERBS_IN_PYTHON}
    assert tunewright.Plan is Plan
    assert tunewright.__version__ == version("tunewright")


@pytest.mark.parametrize("name", VERBS_IN_PYTHON)
def test_public_verb_is_a_function_that_says_what_it_does(name: str) -> None:
    function = vars(tunewright).get(name) or getattr(tunewright, name)

    assert inspect.isfunction(function)
    assert function.__name__ == name
    assert inspect.getdoc(function)


def test_public_verbs_do_not_bear_the_name_of_a_room() -> None:
    """tunewright.train is a package: a function of that name would vanish when the package is imported."""
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert not rooms & set(tunewright.__all__)


def test_importing_tunewright_loads_nothing_before_a_name_is_asked_for() -> None:
    code = (
        "import sys, tunewright\nloaded = [m for m in sys.modules if m.startswith('tunewright.')]\n"
        "assert not loaded, loaded\ntunewright.run\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_names_are_attribute_errors() -> None:
    assert not hasattr(tunewright, "fine_tune")


def test_the_command_is_called_tunewright() -> None:
    (command,) = entry_points(group="console_scripts", name="tunewright")

    assert command.value == "tunewright.cli.main:main"
