"""Small finished runs to ask, made by the tests that ask them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.pipeline.data import write_documents, write_labelled, write_pairs
from tests.tiny import save_tiny_decoder
from tunewright.core.planfile import plan_from
from tunewright.core.run import Run
from tunewright.pipeline import run_plan

QUICK: dict[str, Any] = {"explain": {"methods": []}, "export": {"targets": []}}


def classify_run(folder: Path, encoder: Path, **sections: Any) -> Run:
    """folder/runs/c from folder/rows.csv: three labels, an encoder trained whole."""
    write_labelled(folder / "rows.csv", n_endings=5)
    train = {"max_steps": 12, "batch_size": 8, "learning_rate": 3e-3}
    plan = {"model": str(encoder), "data": "rows.csv", "train": train, "evaluate": {"systems": ["tuned"]}, **QUICK}
    return _run(folder, {**plan, **sections}, name="c")


def generate_run(folder: Path, **sections: Any) -> Run:
    """folder/runs/g from folder/pairs.jsonl: an adapter on a model with untied embeddings, which says much."""
    write_pairs(folder / "pairs.jsonl", n=30)
    model = save_tiny_decoder(folder / "decoder", seed=6, tied=False)
    train = {"max_steps": 6, "batch_size": 8, "learning_rate": 1e-2, "lora_r": 4}
    plan = {"model": str(model), "data": "pairs.jsonl", "train": train, "evaluate": _short("tuned"), **QUICK}
    return _run(folder, {**plan, **sections}, name="g")


def talking_run(folder: Path) -> Run:
    """folder/runs/g as generate_run, trained so little that it still says much, and something else than its base."""
    write_pairs(folder / "pairs.jsonl", n=30)
    model = save_tiny_decoder(folder / "decoder", seed=6, tied=False)
    data = {"train": "pairs.jsonl", "system": "Be kind."}
    train = {"max_steps": 4, "batch_size": 8, "learning_rate": 3e-3, "lora_r": 4}
    plan = {"model": str(model), "data": data, "train": train, "evaluate": _short("tuned"), **QUICK}
    return _run(folder, plan, name="g", until="train")


def text_run(folder: Path, decoder: Path) -> Run:
    """folder/runs/t from folder/notes.txt: raw text, one document a line."""
    write_documents(folder / "notes.txt")
    train = {"max_steps": 4, "batch_size": 8, "learning_rate": 1e-2}
    evaluate = {"general": "none"}
    plan = {"task": "text", "model": str(decoder), "data": "notes.txt", "train": train, "evaluate": evaluate, **QUICK}
    return _run(folder, plan, name="t")


def _short(*systems: str) -> dict[str, Any]:
    return {"systems": list(systems), "max_new_tokens": 12, "general": "none"}


def _run(folder: Path, plan: dict[str, Any], *, name: str, until: str = "report") -> Run:
    return run_plan(plan_from(plan, folder=folder, name=name), runs_dir=folder / "runs", until=until).run
