"""An ONNX graph as onnxruntime runs it, with the tokenizers package: neither torch nor transformers.

In: questions of alone.py. Out: answers. Its own file because each program that reads an export knows only its own form.
Axes: B rows, T positions, C classes.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnxruntime
from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class Alone:
    """What was loaded."""

    folder: Path
    session: Any
    tokenizer: Any


def load(*, folder: str, threads: int, **_: Any) -> Alone:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(Path(folder) / "model.onnx"), options, ["CPUExecutionProvider"])
    return Alone(Path(folder), session, Tokenizer.from_file(str(Path(folder) / "tokenizer.json")))


def facts(alone: Alone) -> dict[str, Any]:
    """What the folder says of itself, and the versions that read it."""
    target_file = alone.folder / "target.json"
    added = alone.tokenizer.get_added_tokens_decoder()
    return {
        "reader": f"onnxruntime {version('onnxruntime')}",
        "unproven": "",
        "labels": (alone.folder / "labels.txt").read_text(encoding="utf-8").splitlines(),
        "target": json.loads(target_file.read_text(encoding="utf-8")) if target_file.is_file() else {},
        "names": [],
        "special": sorted(i for i, token in added.items() if token.special),
        "template": None,
        "ends": None,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("onnxruntime", "tokenizers", "numpy")},
        },
    }


def prompt_ids(
    alone: Alone, *, texts: list[str], turns: list[Any], switches: dict[str, Any], special: bool
) -> list[list[int]]:
    """turns: none, a model with a head is asked by text."""
    return [alone.tokenizer.encode(text, add_special_tokens=special).ids for text in texts]


def class_logits(alone: Alone, *, ids_BT: Any, mask_BT: Any) -> Any:
    """logits_BC."""
    return alone.session.run(["logits"], {"input_ids": ids_BT, "attention_mask": mask_BT})[0]


ANSWERS: dict[str, Callable[..., Any]] = {"facts": facts, "prompt_ids": prompt_ids, "class_logits": class_logits}
