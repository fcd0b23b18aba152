"""A model with a head as a graph: onnxruntime says what the proven model says, or nothing is published."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.exporting import LABELS, changed_model, source_of, write_prepared
from tunewright.core.errors import ExportError, MissingExtra
from tunewright.export.onnx import write
from tunewright.export.parity import Parity, parity
from tunewright.export.plain import Asked, PlainLoad, plain_program
from tunewright.export.sample import sample
from tunewright.export.targets import TARGETS
from tunewright.model.load import Loaded

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def load() -> Iterator[PlainLoad]:
    with plain_program() as found:
        yield found


@pytest.fixture(scope="module", params=["encoder", "decoder"])
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, tiny_decoder: Path
) -> tuple[Loaded, Path]:
    """The proven model, and a folder with both graphs."""
    folder = tmp_path_factory.mktemp(request.param)
    base = tiny_encoder if request.param == "encoder" else tiny_decoder
    proven = changed_model(base, task="classify", architecture=request.param)
    for name in ("onnx", "onnx-int8"):
        TARGETS[name].write(folder / name, source_of(proven, folder))
    write_prepared(folder / "prepared", task="classify")
    return proven, folder


def compared(case: tuple[Loaded, Path], name: str, *, load: PlainLoad, folder: Path | None = None) -> Parity:
    proven, home = case
    rows = sample(home / "prepared", loaded=proven, labels=LABELS, max_length=64, seed=0)
    asked = Asked(folder or home / name, name, "", "cpu", 1, False, 0.01, program=TARGETS[name].program)
    return parity(asked, load=load, proven=proven, sample=rows)


def test_the_graph_answers_like_the_proven_model(case: tuple[Loaded, Path], load: PlainLoad) -> None:
    """Rows of other lengths and other numbers of rows than it was traced with, padding among them."""
    found = compared(case, "onnx", load=load)
    assert found.kl_nats_mean < 1e-9
    assert found.agreement == 1.0
    assert found.read_by.startswith("onnxruntime")
    assert found.checks["labels"] == found.checks["prompt ids"] == "ok"


def test_eight_bits_are_another_and_smaller_graph(case: tuple[Loaded, Path], load: PlainLoad) -> None:
    found = compared(case, "onnx-int8", load=load)
    assert 1e-9 < found.kl_nats_mean < 0.01
    sizes = [(case[1] / name / "model.onnx").stat().st_size for name in ("onnx", "onnx-int8")]
    assert sizes[1] < sizes[0]


def test_a_dropped_head_is_refused(case: tuple[Loaded, Path], load: PlainLoad, tmp_path: Path) -> None:
    """As the head that a conversion loses: its weights are zero, so every class is as likely."""
    import onnx

    folder = shutil.copytree(case[1] / "onnx", tmp_path / "onnx")
    graph = onnx.load(folder / "model.onnx")
    for weight in graph.graph.initializer:
        if list(weight.dims) in ([3, 32], [32, 3]):
            weight.CopyFrom(onnx.numpy_helper.from_array(np.zeros(tuple(weight.dims), np.float32), weight.name))
    onnx.save(graph, folder / "model.onnx")
    with pytest.raises(ExportError, match="does not answer like the proven model"):
        compared(case, "onnx", load=load, folder=folder)


def test_swapped_labels_are_refused(case: tuple[Loaded, Path], load: PlainLoad, tmp_path: Path) -> None:
    folder = shutil.copytree(case[1] / "onnx", tmp_path / "onnx")
    (folder / "labels.txt").write_text("login\ndelivery\nrefund\n")
    with pytest.raises(ExportError) as caught:
        compared(case, "onnx", load=load, folder=folder)
    assert "class 0 is 'login', not 'delivery'" in caught.value.why


def test_a_model_that_writes_is_refused_with_who_takes_it(tiny_decoder: Path) -> None:
    assert "gguf-f16, gguf-q8_0, merged and repo take it" in write.refusal(changed_model(tiny_decoder, task="generate"))


def test_a_missing_package_is_named_with_its_install_line(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "PACKAGES", ("no_such_package",))
    proven = changed_model(tiny_encoder, task="classify", architecture="encoder")
    with pytest.raises(MissingExtra) as caught:
        TARGETS["onnx"].write(tmp_path / "onnx", source_of(proven, tmp_path))
    assert 'pip install "tunewright[onnx]"' in caught.value.fix
    assert not (tmp_path / "onnx").exists()
