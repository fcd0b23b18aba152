"""The gate: an unharmed folder passes, each harm is named and ends with exit 7."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.torch import load_file, save_file

from tests.exporting import LABELS, changed_model, source_of, write_prepared
from tunewright.core.errors import ExportError
from tunewright.core.values import Encoded, Task
from tunewright.export.checks import same_stops
from tunewright.export.divergence import divergence_nats
from tunewright.export.parity import Parity, parity
from tunewright.export.plain import Asked, PlainLoad, plain_program
from tunewright.export.sample import ROWS, Sample, sample, thinned
from tunewright.export.targets import TARGETS
from tunewright.model.load import Loaded

DEFAULT = [name for name, target in TARGETS.items() if target.is_default]
logits = arrays(np.float32, (3, 5), elements=st.floats(-20, 20, width=32))


@given(logits, logits)
def test_divergence_is_never_negative_and_zero_for_equal_ones(p: np.ndarray, q: np.ndarray) -> None:
    assert (divergence_nats(p, q) >= -1e-12).all()
    assert divergence_nats(p, p) == pytest.approx(0.0, abs=1e-12)


def test_divergence_equals_torchs_when_computed_by_kl_div() -> None:
    p, q = (np.random.default_rng(seed).normal(size=(4, 7)).astype(np.float32) for seed in (0, 1))
    log_p, log_q = (torch.tensor(x, dtype=torch.float64).log_softmax(-1) for x in (p, q))
    theirs = torch.nn.functional.kl_div(log_q, log_p, log_target=True, reduction="none").sum(-1)
    assert divergence_nats(p, q) == pytest.approx(theirs.numpy(), rel=1e-9)


def test_divergence_of_a_coin_is_by_hand() -> None:
    fair, loaded_coin = np.array([[0.0, 0.0]]), np.log(np.array([[0.9, 0.1]]))
    assert divergence_nats(fair, loaded_coin)[0] == pytest.approx(0.5 * np.log(0.5 / 0.9) + 0.5 * np.log(0.5 / 0.1))


@pytest.mark.parametrize("n_marked", [1, 3, 64, 65, 500])
def test_thinning_keeps_the_last_position_and_at_most_n(n_marked: int) -> None:
    row = Encoded("r", tuple(range(n_marked + 2)), (True, False, *(True,) * n_marked))
    kept = [i for i, is_marked in enumerate(thinned(row, n=64).trained) if is_marked]
    assert len(kept) == min(64, n_marked)
    assert kept[-1] == n_marked + 1
    assert kept[0] > 0, "the first token has nothing before it"


@dataclass(frozen=True)
class Case:
    proven: Loaded
    tried: Sample
    folder: Path
    """Of both targets, unharmed."""
    load: PlainLoad

    def parity(self, folder: Path, *, target: str, limit: float = 0.01) -> Parity:
        base = self.proven.card.path if target == "adapter" else ""
        asked = Asked(folder, target, base, device="cpu", threads=1, trust_remote_code=False, max_kl_nats=limit)
        return parity(asked, load=self.load, proven=self.proven, sample=self.tried)


@pytest.fixture(scope="module")
def load() -> Iterator[PlainLoad]:
    """One program for all: each folder is loaded after others, harmed ones among them."""
    with plain_program() as found:
        yield found


def case_of(folder: Path, base: Path, load: PlainLoad, *, task: Task, architecture: str) -> Case:
    proven = changed_model(base, task=task, architecture=architecture)
    for name in DEFAULT:
        TARGETS[name].write(folder / name, source_of(proven, folder))
    prepared = write_prepared(folder / "prepared", task=task)
    return Case(proven, sample(prepared, loaded=proven, labels=LABELS, max_length=64, seed=0), folder, load)


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory, tiny_decoder: Path, load: PlainLoad) -> Case:
    return case_of(tmp_path_factory.mktemp("chat"), tiny_decoder, load, task="generate", architecture="decoder")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path, load: PlainLoad) -> Case:
    return case_of(tmp_path_factory.mktemp("encoder"), tiny_encoder, load, task="classify", architecture="encoder")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory, tiny_decoder: Path, load: PlainLoad) -> Case:
    return case_of(tmp_path_factory.mktemp("classifier"), tiny_decoder, load, task="classify", architecture="decoder")


@pytest.mark.parametrize("target", DEFAULT)
@pytest.mark.parametrize("name", ["chat", "encoder", "classifier"])
def test_an_unharmed_folder_answers_the_same(name: str, target: str, request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue(name)
    found = case.parity(case.folder / target, target=target)
    assert found.kl_nats_mean < 1e-9  # float32 rounding of logits of size 1: 1e-6 squared and more
    assert found.agreement == 1.0
    assert found.rows == 12 <= ROWS
    assert found.split == "test"
    assert set(found.versions) >= {"torch", "transformers", "peft"}
    assert found.precision == {}, "proven in float32"


def harmed(case: Case, tmp_path: Path, harm: Callable[[Path], None], *, target: str = "merged") -> ExportError:
    folder = shutil.copytree(case.folder / target, tmp_path / target)
    harm(folder)
    with pytest.raises(ExportError) as caught:
        case.parity(folder, target=target)
    assert caught.value.exit_code == 7
    assert "nothing is published" in caught.value.why
    assert caught.value.fix
    return caught.value


def change_a_weight(folder: Path) -> None:
    path = folder / "model.safetensors"
    state = load_file(path)
    name = next(name for name in state if name.endswith(("o_proj.weight", "attention.output.dense.weight")))
    save_file({**state, name: -5 * state[name]}, path, metadata={"format": "pt"})


def fill_with_nan(folder: Path) -> None:
    path = folder / "model.safetensors"
    state = load_file(path)
    name = next(name for name in state if name.endswith("o_proj.weight"))
    save_file({**state, name: torch.full_like(state[name], torch.nan)}, path, metadata={"format": "pt"})


def forget_a_special_token(folder: Path) -> None:
    """The same words with the same ids, one of them no longer special."""
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "bos_token": config["eos_token"]}))


def swap_lines(folder: Path) -> None:
    first, second, *rest = (folder / "labels.txt").read_text().splitlines()
    (folder / "labels.txt").write_text("\n".join([second, first, *rest]) + "\n")


def swap_names(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    names = config["id2label"]
    config["id2label"] = {**names, "0": names["1"], "1": names["0"]}
    (folder / "config.json").write_text(json.dumps(config))


def change_template(folder: Path) -> None:
    path = folder / "chat_template.jinja"
    path.write_text(path.read_text().replace("<|im_start|>assistant\n", "<|im_start|>assistant"))


def forget_the_end(folder: Path) -> None:
    path = folder / "generation_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "eos_token_id": [0]}))


def move_the_words(folder: Path) -> None:
    """Another token gets another id: the same weights, other words."""
    path = folder / "tokenizer.json"
    record = json.loads(path.read_text())
    words = record["model"]["vocab"]
    words["s"], words["t"] = words["t"], words["s"]
    path.write_text(json.dumps(record))


def test_a_changed_weight_is_told_with_limit_and_worst_row(chat: Case, tmp_path: Path) -> None:
    error = harmed(chat, tmp_path, change_a_weight)
    assert error.where == "export/merged"
    assert "the limit is 0.01" in error.why
    assert "worst at row train:" in error.why
    assert "tunewright trace train:" in error.fix


def test_a_changed_weight_of_an_encoder_is_told(encoder: Case, tmp_path: Path) -> None:
    assert "does not answer like" in harmed(encoder, tmp_path, change_a_weight).what


def test_a_dropped_head_is_told(encoder: Case, tmp_path: Path) -> None:
    error = harmed(encoder, tmp_path, lambda folder: (folder / "head.safetensors").unlink())
    assert "head.safetensors" in error.why


def test_swapped_labels_are_told(encoder: Case, tmp_path: Path) -> None:
    assert "class 0 is 'login', not 'delivery'" in harmed(encoder, tmp_path, swap_lines).why


def test_swapped_names_of_a_classifier_are_told(classifier: Case, tmp_path: Path) -> None:
    assert "class 0 is 'login', not 'delivery'" in harmed(classifier, tmp_path, swap_names).why


def test_a_changed_template_is_told(chat: Case, tmp_path: Path) -> None:
    assert "chat template" in harmed(chat, tmp_path, change_template).what


def test_a_changed_vocabulary_is_told(chat: Case, tmp_path: Path) -> None:
    assert "reads a prompt as other tokens" in harmed(chat, tmp_path, move_the_words).what


def test_a_forgotten_end_token_is_told(chat: Case, tmp_path: Path) -> None:
    assert "what ends an answer" in harmed(chat, tmp_path, forget_the_end).what


def test_weights_that_are_no_numbers_are_told(chat: Case, tmp_path: Path) -> None:
    error = harmed(chat, tmp_path, fill_with_nan)
    assert error.what == "it does not answer like the proven model"
    assert "mean divergence nan" in error.why


def test_other_special_tokens_are_told(chat: Case, tmp_path: Path) -> None:
    error = harmed(chat, tmp_path, forget_a_special_token)
    assert error.what == "its special tokens are others"


def test_a_folder_without_weights_is_told(chat: Case, tmp_path: Path) -> None:
    error = harmed(chat, tmp_path, lambda folder: (folder / "model.safetensors").unlink())
    assert error.what == "plain transformers cannot use this folder"


def test_writing_on_after_an_answer_is_told(chat: Case) -> None:
    asked = Asked(chat.folder / "merged", "merged", "", "cpu", 1, trust_remote_code=False, max_kl_nats=0.01)
    assert same_stops(asked, lambda *_, **__: [2], [(1, 30, 2)], proven=chat.proven) == "ok"
    with pytest.raises(ExportError, match="goes on after the end"):
        same_stops(asked, lambda *_, **__: [2, 44], [(1, 30, 2)], proven=chat.proven)
    assert same_stops(asked, lambda *_, **__: [], [], proven=chat.proven).startswith("not run: ")
