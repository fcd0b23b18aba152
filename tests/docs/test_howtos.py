"""The how-tos do what they say: every command on them is typed, every plan is written, every line of Python is run.

A tiny model stands in for the named or chosen one, with a short training and answers, and the processor for a GPU;
nothing else differs.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.tiny import save_tiny_decoder, save_tiny_encoder
from tests.warm import run_warm

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.stem for path in (ROOT / "docs/howto").glob("[a-z]*.md"))
SUPPORT = ROOT / "examples/support"
TAKES_A_PLAN = ("run", "check", "selftest", "prepare")
"""Verbs whose model the tests replace."""
NEED_ALL_MESSAGES = ("rows-to-look-at", "a-gate-before-shipping", "in-a-build")
QUICK = "train.epochs=1 evaluate.max_new_tokens=8"
"""A random model never ends its answers: each would be as long as it may be."""
LIMIT_SECONDS = 600


def blocks(page: str) -> list[tuple[str, str]]:
    """(language, text) of every fenced block, in order."""
    text = (ROOT / f"docs/howto/{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def typed(line: str, *, model: Path) -> str:
    """The command as the test types it."""
    line = re.sub(r" model\.name=\S+", "", line).replace("run.device=cuda", "run.device=cpu")
    verb = line.split()[1] if line.startswith("tunewright ") else ""
    return f"{line} model.name={model} {QUICK}" if verb in TAKES_A_PLAN else line


def write_files(folder: Path, *, decoder: Path, is_whole: bool) -> None:
    """What the pages say you have: enough chats and notes that two runs can be compared (20 test rows); of the shipped
    messages every third.

    is_whole: every message, enough that their labels are looked at (200) and an accuracy of 90 % can be shown.
    """
    header, *messages = (SUPPORT / "messages.csv").read_text(encoding="utf-8").splitlines()
    (folder / "tickets.csv").write_text(
        "\n".join([header, *messages[:: 1 if is_whole else 3]]) + "\n", encoding="utf-8"
    )
    texts = [line.split(",")[0] for line in messages[:8]]
    (folder / "new.csv").write_text("\n".join(["text", *(text.strip('"') for text in texts)]) + "\n", encoding="utf-8")
    more = [{"prompt": f"How heavy is tent {i}?", "completion": f"Tent {i} weighs {i} kg."} for i in range(40)]
    lines = [*(SUPPORT / "replies.jsonl").read_text(encoding="utf-8").splitlines(), *map(json.dumps, more)]
    (folder / "chats.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, word, n in (("notes.txt", "river", 40), ("more_notes.txt", "harbour", 30), ("held_out.txt", "sea", 20)):
        lines = [f"note {i}: the {word} rises and falls with the moon, day {i % 7}\n" for i in range(n)]
        (folder / name).write_text("".join(lines), encoding="utf-8")
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(decoder)
    adapter = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    adapter.save_pretrained(str(folder / "my-adapter"))
    AutoTokenizer.from_pretrained(decoder).save_pretrained(str(folder / "my-adapter"))


def run_words(line: str, *, folder: Path, typed_before: set[str]) -> subprocess.CompletedProcess[str]:
    """As bash runs it. A verb typed before is done in a process that has not to load torch.

    typed_before: grows by the line's verb.
    """
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    program, *words = shlex.split(line)
    if program == "tunewright" and not set(words) & {"|", ">", "<", "&&", ";"}:
        if words[0] in typed_before:
            return run_warm(words, cwd=folder, env=environment, limit_seconds=LIMIT_SECONDS)
        typed_before.add(words[0])
    command = ["bash", "-c", line]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )


@pytest.fixture(scope="module")
def typed_before() -> set[str]:
    """Verbs that the installed command was started with."""
    return set()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "encoder": save_tiny_encoder(folder / "encoder"),
        "decoder": save_tiny_decoder(folder / "decoder"),
    }


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.timeout(900)
def test_howto_does_what_it_says(page: str, models: dict[str, Path], typed_before: set[str], tmp_path: Path) -> None:
    write_files(tmp_path, decoder=models["decoder"], is_whole=page in NEED_ALL_MESSAGES)
    model = models[
        "encoder" if page in ("my-csv", "rows-to-look-at", "a-gate-before-shipping", "in-a-build") else "decoder"
    ]

    for language, text in blocks(page):
        if language == "yaml":
            # A random model reaches nothing: the bar of the build lies on the ground, its steps are the same.
            bar = text.replace('">= 0.9"', '">= 0"') if page == "in-a-build" else text
            if not text.startswith("name:"):  # a workflow
                (tmp_path / "plan.yaml").write_text(bar, encoding="utf-8")
            continue
        lines = [shlex.join([sys.executable, "-c", text])] if language == "python" else text.splitlines()
        for line in lines:
            done = run_words(typed(line, model=model), folder=tmp_path, typed_before=typed_before)
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
            assert "Traceback" not in done.stderr


def test_the_workflow_types_what_the_page_types() -> None:
    """Every command of ours in it was run above, but `check`, which another page types."""
    *_, (_, workflow) = blocks("in-a-build")
    steps = yaml.safe_load(workflow)["jobs"]["train"]["steps"]
    typed_here = [
        line for language, text in blocks("in-a-build") if language == "console" for line in text.splitlines()
    ]
    ours = [line.partition("|| ")[2] or line for step in steps if "tunewright" in (line := step.get("run", ""))]
    assert [line for line in ours if not line.startswith(("pip ", "tunewright check"))] == typed_here[1:]
