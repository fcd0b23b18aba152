"""The model card: front matter that tools read, text that cannot act, code that works as it stands."""

from __future__ import annotations

import ast
import json
import re
import runpy
import shlex
from pathlib import Path

import pytest
import torch
import yaml

from tests.tiny import tiny_card
from tests.unit.report.run_folder import write_run
from tunewright.core.train_plan import TrainPlan
from tunewright.core.values import Task
from tunewright.model.adapt import adapted
from tunewright.model.load import load_model
from tunewright.model.trained import save_trained
from tunewright.report.card import markdown
from tunewright.report.stage import write_report

LABELS = ("no", "yes")
FULL = TrainPlan(method="full", layers="all")
LORA = TrainPlan(method="lora", layers="all", lora_r=4, lora_alpha=8, lora_dropout=0.0, target_modules="all-linear")


def card_text(folder: Path) -> str:
    write_report(folder)
    return (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("task", ["classify", "generate"])
def test_front_matter_names_licence_base_library_and_task(tmp_path: Path, task: str) -> None:
    text = card_text(write_run(tmp_path / "run", task=task))

    found = yaml.safe_load(text.split("---")[1])
    assert found["license"] == "apache-2.0"
    assert found["library_name"] == ("transformers" if task == "classify" else "peft")
    assert found["base_model"].startswith(("sentence-transformers/", "HuggingFaceTB/"))
    assert found["pipeline_tag"] == ("text-classification" if task == "classify" else "text-generation")


def test_card_has_every_system_with_its_interval(tmp_path: Path) -> None:
    text = card_text(write_run(tmp_path / "run"))

    metrics = json.loads((tmp_path / "run" / "evaluate" / "metrics.json").read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(metrics["systems"]) + len(metrics["not_run"])
    tuned = next(line for line in lines if "Tuned model" in line)
    low, high = metrics["systems"]["tuned"]["accuracy"]["ci95"]
    assert f"{100 * low:.1f} – {100 * high:.1f} %" in tuned


def test_card_says_not_run_when_the_folder_is_empty(tmp_path: Path) -> None:
    text = card_text(tmp_path)

    assert text.count("Not run") == 3
    assert "nothing is proven" in text


def test_markdown_makes_text_harmless() -> None:
    assert markdown("[x](y)\n# <img> | `a`") == r"\[x\](y) \# \<img\> \| \`a\`"


def test_card_opens_no_tag_when_data_holds_markup(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "<b>run", text="<script>alert(1)</script> | [a](javascript:b)\n# big")

    text = card_text(folder)

    assert not re.search(r"(?<!\\)<script", text)
    assert "\n# big" not in text


@pytest.mark.parametrize(
    ("task", "architecture", "plan"),
    [("generate", "decoder", LORA), ("text", "decoder", FULL), ("classify", "decoder", LORA)],
    ids=["generate-lora", "text-full", "classify-decoder-lora"],
)
def test_code_of_the_card_runs_in_the_run_folder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tiny_decoder: Path,
    task: Task,
    architecture: str,
    plan: TrainPlan,
) -> None:
    folder = _trained(tmp_path / "run", tiny_decoder, task=task, architecture=architecture, plan=plan)
    code = re.findall(r"```python\n(.*?)```", card_text(folder), flags=re.S)
    assert len(code) == 1

    monkeypatch.chdir(folder)
    exec(compile(ast.parse(code[0].replace("256", "4")), "README.md", "exec"), {})

    printed = capsys.readouterr().out.strip()
    assert task != "classify" or printed in LABELS


@pytest.mark.parametrize("plan", [FULL, LORA], ids=["full", "lora"])
def test_command_of_the_card_labels_texts_when_the_model_is_an_encoder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tiny_encoder: Path,
    plan: TrainPlan,
) -> None:
    folder = _trained(tmp_path / "run", tiny_encoder, task="classify", architecture="encoder", plan=plan)
    command = re.findall(r"```bash\n(.*?)\n```", card_text(folder), flags=re.S)[0]
    assert command.startswith("python train/")

    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.argv", shlex.split(command)[1:])
    runpy.run_path(shlex.split(command)[1])

    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [text for _, _, text in lines] == ["first text", "second text"]
    assert {label for label, _, _ in lines} <= set(LABELS)


def _trained(folder: Path, base: Path, *, task: Task, architecture: str, plan: TrainPlan) -> Path:
    """A run folder with a real, tiny, saved model in it."""
    write_run(folder, task="classify" if task == "classify" else "generate", labels=LABELS, n_test=20)
    for path in (folder / "prepare" / "facts.json", folder / "evaluate" / "metrics.json"):
        path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "task": task}), encoding="utf-8")
    card = json.loads((folder / "select" / "card.json").read_text(encoding="utf-8"))
    (folder / "select" / "card.json").write_text(json.dumps({**card, "architecture": architecture}), encoding="utf-8")
    torch.manual_seed(0)
    loaded = load_model(tiny_card(base, architecture), task=task, labels=LABELS if task == "classify" else ())
    save_trained(folder / "train", adapted(loaded, plan, seed=0), max_length=64)
    return folder
