"""What the train section can ask for and no model, or not this one, can be trained like."""

from __future__ import annotations

from safetensors.torch import load_file, save_file

from tests.faults.fault import Refused, Scene
from tests.faults.rows import ROWS

_ROWS = {"rows.csv": ROWS}


def _not_numbers(scene: Scene) -> None:
    path = scene.folder / "model" / "model.safetensors"
    weights = load_file(path)
    weights["encoder.layer.1.output.dense.weight"][0, 0] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})


FAULTS = (
    Refused(
        "rank-0",
        "an adapter of rank 0",
        "run rows.csv model=model train.lora_r=0",
        2,
        ("train.lora_r cannot be 0", "at least 1"),
        _ROWS,
    ),
    Refused(
        "no-such-module",
        "an adapter on modules that the model does not have",
        "run rows.csv model=model train.method=lora 'train.target_modules=[q_proj]'",
        2,
        ("no module is called q_proj", "dense, key, query, value"),
        _ROWS,
    ),
    Refused(
        "layers-out-of-range",
        "more blocks than the model has",
        "run rows.csv model=model train.layers=last:9",
        2,
        ("the model has 2 blocks, 0 to 1",),
        _ROWS,
    ),
    Refused(
        "block-out-of-range",
        "a block that the model does not have",
        "run rows.csv model=model 'train.layers=[0, 7]'",
        2,
        ("block 7 does not exist",),
        _ROWS,
    ),
    Refused(
        "no-such-adapter",
        "a method that peft does not have",
        "run rows.csv model=model 'train.adapter={peft_type: IA4}'",
        2,
        ("peft has no method IA4", "IA3"),
        _ROWS,
    ),
    Refused(
        "other-field",
        "a field that peft's method does not have",
        "run rows.csv model=model 'train.adapter={peft_type: IA3, rank: 4}'",
        2,
        ("unexpected keyword argument 'rank'",),
        _ROWS,
    ),
    Refused(
        "broken-weights",
        "a model whose weights are not all numbers",
        "run rows.csv model=model",
        5,
        ("the loss is not a number at step 1", "encoder.layer.1.output.dense.weight"),
        _ROWS,
        arrange=_not_numbers,
    ),
)
