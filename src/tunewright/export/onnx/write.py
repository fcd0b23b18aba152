"""A model with a head as one ONNX graph: tokens and mask in, class scores out, pooling and head inside.

In: the proven model. Out: model.onnx in float32 or with its matrices in 8 bits, tokenizer, labels, a script that needs
neither torch nor transformers. Its own file because the graph is traced, and what tracing fixes must be said.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tunewright.core.errors import ExportError, MissingExtra
from tunewright.core.files import write_text
from tunewright.export.merge import merged
from tunewright.export.plain import kind_of
from tunewright.export.script import onnx_script
from tunewright.export.source import Source
from tunewright.model import target
from tunewright.model.classifier import EncoderClassifier, write_labels
from tunewright.model.load import Loaded
from tunewright.model.trained import body_of

FILE = "model.onnx"
INPUTS = ("input_ids", "attention_mask")
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
Bits = Literal["float32", "int8"]


@dataclass(frozen=True, slots=True)
class WriteOnnx:
    """A Writer: the bits are the only difference between two of them."""

    bits: Bits

    def __call__(self, folder: Path, source: Source) -> str:
        """Memory: one more copy of the model, and the graph's own."""
        loaded = source.loaded
        for package in PACKAGES:
            if not find_spec(package):
                raise MissingExtra(package, extra="onnx", needed_for="export.targets=[onnx]")
        folder.mkdir(parents=True)
        graph = folder / (FILE if self.bits == "float32" else "whole.onnx")
        traced = folder.with_name("onnx") / FILE
        if self.bits == "int8" and traced.is_file():  # written a moment ago: tracing takes longest
            _write_few_bits(folder / FILE, traced)
        else:
            _write_graph(graph, loaded)
        if self.bits == "int8" and graph.is_file():
            _write_few_bits(folder / FILE, graph)
            graph.unlink()
        loaded.tokenizer.save_pretrained(str(folder))
        write_labels(folder, loaded.labels)
        if loaded.scale is not None:
            target.write_target(folder, name=loaded.labels[0], scale=loaded.scale)
        write_text(folder / "predict.py", onnx_script(loaded, max_length=source.max_length))
        return ""


def refusal(loaded: Loaded) -> str:
    """Why this model cannot be a graph; empty where it can."""
    return "it writes text; gguf-f16, gguf-q8_0, merged and repo take it" if kind_of(loaded) == "language" else ""


class _Scores(nn.Module):
    """Whatever the model is made of, called in one way."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        if isinstance(self.model, EncoderClassifier):
            return torch.as_tensor(self.model(input_ids, attention_mask))
        return torch.as_tensor(self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).logits)


def _write_graph(path: Path, loaded: Loaded) -> None:
    """Rows and length stay open. Raises ExportError for a model that cannot be traced."""
    whole = merged(loaded)
    device = torch.device(loaded.device)
    body: Any = body_of(whole.model)
    before = body.config._attn_implementation
    ids_BT = torch.ones(2, 8, dtype=torch.long, device=device)
    mask_BT = torch.ones_like(ids_BT)
    mask_BT[1, 5:] = 0  # a row that ends earlier: what tells padding must be traced too
    open_axes = {0: torch.export.Dim("rows"), 1: torch.export.Dim("length")}
    try:
        body.set_attn_implementation("eager")  # plain products: no operator that a runtime may lack
        with _quiet():
            torch.onnx.export(
                _Scores(whole.model).eval(),
                (ids_BT, mask_BT),
                str(path),
                input_names=list(INPUTS),
                output_names=["logits"],
                dynamic_shapes=(open_axes, open_axes),
                dynamo=True,
                external_data=False,
            )
    except Exception as error:  # the tracer raises what the model's own code raises, of any kind
        raise ExportError(
            "this model cannot be written as an ONNX graph",
            where="export/onnx",
            why=(str(error).splitlines() or [type(error).__name__])[0],
            fix="export.targets=[merged] exports without it",
        ) from error
    finally:
        body.set_attn_implementation(before)


def _write_few_bits(path: Path, graph: Path) -> None:
    """Matrices in 8 bits, what flows between them rounded while it runs (dynamic quantisation)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic  # an extra

    with _quiet():
        quantize_dynamic(str(graph), str(path), weight_type=QuantType.QInt8, per_channel=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints its progress, and warns of what it does by itself."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
