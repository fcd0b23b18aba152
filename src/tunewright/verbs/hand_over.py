"""A run's model to another server: vLLM or llama.cpp, where heavy load belongs.

In: a run, the other server's name, an address. Out: the command to become it. Its own file because it needs neither a
loaded model nor a server of ours.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunewright.core.errors import MissingExtra, PlanError
from tunewright.core.run import Run
from tunewright.core.tasks import has_head
from tunewright.serve.handover import Engine, Handover, Shipped, llama_cpp, vllm
from tunewright.verbs.asking import asking
from tunewright.verbs.serve import Serving, refuse_open

PROGRAMS: Mapping[Engine, tuple[str, str]] = {
    "vllm": ("vllm", "pip install vllm"),
    "llama.cpp": ("llama-server", "brew install llama.cpp, or https://github.com/ggml-org/llama.cpp/releases"),
}
"""What is started, and how it is had."""


def hand_over(run: Run, serving: Serving, *, engine: Engine, overrides: Sequence[str] = ()) -> Handover:
    """The command; its program is here.

    Raises MissingExtra when it is not, PlanError for what it does not do, RunError when the model is not there in its
    form.
    """
    program, install = PROGRAMS[engine]
    if shutil.which(program) is None:
        raise MissingExtra(program, needed_for=f"--engine {engine}", install=install)
    refuse_open(serving)
    if serving.has_page or serving.logs_prompts:
        option = "--chat" if serving.has_page else "--log-prompts"
        raise PlanError(f"{engine} has no {option}", where="command line", fix=f"leave {option} or --engine out")
    work = vllm if engine == "vllm" else llama_cpp
    return work(shipped(run, overrides), host=serving.host, port=serving.port, token=serving.token)


def shipped(run: Run, overrides: Sequence[str] = ()) -> Shipped:
    """What the run has on the disk.

    Raises PlanError for a model that does not write, RunError when it is not trained.
    """
    subject = asking(run, overrides).subject
    if has_head(subject.task):
        raise PlanError(
            "other servers serve models that write, and this one gives labels or numbers",
            where="--engine",
            fix="leave --engine out",
        )
    trained = Path(subject.folder)
    adapter, exported = trained / "adapter", run.stage("export") / "merged"
    config = _config(adapter)
    whole = next((folder for folder in (trained / "model", exported) if folder.is_dir()), None)
    gguf = next(
        (path for name in ("gguf-q8_0", "gguf-f16") for path in run.stage("export").glob(f"{name}/*.gguf")), None
    )
    template = next((f for f in (adapter / _TEMPLATE, trained / "model" / _TEMPLATE) if f.is_file()), None)
    return Shipped(
        word=run.word,
        base=subject.card.path,
        model=str(whole or ""),
        adapter=str(adapter) if _is_plain(config) else "",
        lora_r=int(config.get("r") or 0),
        template=str(template or ""),
        gguf=str(gguf or ""),
        context_tokens=subject.card.context_tokens,
    )


_TEMPLATE = "chat_template.jinja"


def _config(adapter: Path) -> dict[str, Any]:
    path = adapter / "adapter_config.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}


def _is_plain(config: Mapping[str, Any]) -> bool:
    """A sum of small matrices and nothing else, which is what other servers add."""
    return (
        config.get("peft_type") == "LORA"
        and not config.get("use_dora")
        and not config.get("modules_to_save")
        and config.get("bias", "none") == "none"
    )
