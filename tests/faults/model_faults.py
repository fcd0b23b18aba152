"""What can be wrong with a model folder or a model's name: refused before any library opens it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.faults.fault import Refused, Scene
from tests.faults.rows import CHATS, ROWS

_TRY = "run rows.csv model=model"
_ROWS = {"rows.csv": ROWS}
_NOWHERE = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
"""A network that refuses every connection: nobody listens on the discard port."""


def _without(name: str) -> Callable[[Scene], None]:
    def arrange(scene: Scene) -> None:
        (scene.folder / "model" / name).unlink()

    return arrange


def _weights(scene: Scene) -> Path:
    return scene.folder / "model" / "model.safetensors"


def _only_pickles(scene: Scene) -> None:
    _weights(scene).rename(scene.folder / "model" / "pytorch_model.bin")


def _cut(scene: Scene) -> None:
    path = _weights(scene)
    path.write_bytes(path.read_bytes()[:5000])


def _wants_code(scene: Scene) -> None:
    path = scene.folder / "model" / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling_mine.Mine"}}), encoding="utf-8")
    scene.write("model/modeling_mine.py", "raise SystemExit('code of the model was run')\n")


def _broken_config(scene: Scene) -> None:
    scene.write("model/config.json", '{"model_type": "bert",')


def _only_adapter(scene: Scene) -> None:
    for path in (scene.folder / "model").iterdir():
        path.unlink()
    scene.write("model/adapter_config.json", '{"base_model_name_or_path": "Qwen/Qwen3-0.6B", "peft_type": "LORA"}')


def _only_gguf(scene: Scene) -> None:
    for path in (scene.folder / "model").iterdir():
        path.unlink()
    scene.write("model/model-q4.gguf", b"GGUF\3\0\0\0")


FAULTS = (
    Refused(
        "no-model",
        "a model folder that is not there",
        "run rows.csv model=./modle",
        4,
        ("there is no such model folder",),
        _ROWS,
    ),
    Refused(
        "file-as-model",
        "a file instead of a model folder",
        "run rows.csv model=model/config.json",
        4,
        ("a model is a folder",),
        _ROWS,
    ),
    Refused(
        "no-tokenizer",
        "a model folder without a tokenizer",
        _TRY,
        4,
        ("no tokenizer",),
        _ROWS,
        _without("tokenizer.json"),
    ),
    Refused(
        "no-weights", "a model folder without weights", _TRY, 4, ("no weights",), _ROWS, _without("model.safetensors")
    ),
    Refused(
        "only-pickles", "weights as pickles only", _TRY, 4, ("unsafe file: pytorch_model.bin",), _ROWS, _only_pickles
    ),
    Refused(
        "remote-code",
        "a model that wants to run its own code",
        _TRY,
        4,
        (
            "wants to run Python code",
            "model.trust_remote_code=true",
        ),
        _ROWS,
        _wants_code,
    ),
    Refused("cut-weights", "weights cut short by a broken download", _TRY, 4, ("cut short",), _ROWS, _cut),
    Refused(
        "broken-config",
        "a config.json that is no JSON",
        _TRY,
        4,
        ("config.json cannot be read",),
        _ROWS,
        _broken_config,
    ),
    Refused(
        "adapter-as-model",
        "an adapter where the model should be",
        _TRY,
        4,
        ("an adapter, not a model",),
        _ROWS,
        _only_adapter,
    ),
    Refused("gguf-as-model", "a GGUF file where the model should be", _TRY, 4, ("model-q4.gguf",), _ROWS, _only_gguf),
    Refused(
        "no-network",
        "a Hugging Face id without a network",
        "run rows.csv model=Qwen/Qwen3-0.6B",
        4,
        ("could not be fetched",),
        _ROWS,
        env=_NOWHERE,
        limit_seconds=60,
    ),
    Refused(
        "offline",
        "a Hugging Face id with HF_HUB_OFFLINE set",
        "run rows.csv model=Qwen/Qwen3-0.6B",
        4,
        ("HF_HUB_OFFLINE",),
        _ROWS,
        env={"HF_HUB_OFFLINE": "1"},
    ),
    Refused(
        "no-id",
        "a model name that cannot be one",
        "run rows.csv 'model=what is this'",
        4,
        ("is no model's name",),
        _ROWS,
    ),
    Refused(
        "unknown-starter",
        "a starter model spelled wrong",
        "run rows.csv model=starter:minilm",
        4,
        ("minilm-l6",),
        _ROWS,
    ),
    Refused(
        "encoder-writes",
        "an encoder asked to write",
        "run rows.jsonl model=model",
        4,
        ("an encoder reads text and writes none",),
        {
            "rows.jsonl": CHATS,
        },
    ),
    Refused(
        "too-long",
        "more tokens than the model reads",
        "run rows.csv model=model prepare.max_length=4096",
        2,
        ("reads at most 128 tokens",),
        _ROWS,
    ),
    Refused(
        "too-large",
        "less memory than the training needs",
        "run rows.csv model=model run.memory_limit=1MB",
        4,
        ("does not fit",),
        _ROWS,
    ),
    Refused(
        "high-limit",
        "a memory limit above the machine's memory",
        "run rows.csv model=model run.memory_limit=900TB",
        2,
        ("run.memory_limit is 900000.0 GB, and this machine has",),
        _ROWS,
    ),
    Refused(
        "near-id",
        "a Hugging Face id that is nearly one",
        "run rows.csv model=Qwen/Qwen3-0.6",
        4,
        ("did you mean model.name=Qwen/Qwen3-0.6B",),
        _ROWS,
        env={"HF_HUB_OFFLINE": "1"},
    ),
    Refused(
        "no-gpu", "a GPU that is not there", "run rows.csv model=model run.device=cuda", 2, ("no GPU is found",), _ROWS
    ),
)
