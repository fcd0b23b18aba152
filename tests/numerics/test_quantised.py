"""A base in 4 or 8 bits: the library's own numbers, the laws of every other adapter, and errors before any work."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, GPT2Config, GPT2LMHeadModel

from tests.exporting import write_prepared
from tests.numerics.test_adapters import IDS, MASK, answers
from tests.numerics.training import FULL, LABELS, LORA, tiny_adapted, training_on
from tests.tiny import tiny_card
from tunewright.core.errors import ExportError, MissingExtra, ModelError, PlanError
from tunewright.core.plan import Plan
from tunewright.core.train_plan import TrainPlan
from tunewright.core.values import Subject, Task
from tunewright.evaluate.statistics.compare import compare
from tunewright.export.merge import merged
from tunewright.export.stage import ExportInputs, export
from tunewright.fingerprint import stage_fingerprint
from tunewright.model.adapt import parameters, trainable_state
from tunewright.model.few_bits import refuse_few_bits
from tunewright.model.kernels.install import kernels
from tunewright.model.load import Loaded, load_model
from tunewright.model.memory import BYTES_A_WEIGHT, base_bytes
from tunewright.model.quantised import Dequantised, dequantised, scales, whole_weights
from tunewright.model.subject import load_base, load_subject
from tunewright.model.trained import load_trained, save_trained
from tunewright.model.trunk import Place, trunk
from tunewright.train.checkpoint import Position, load_checkpoint, save_checkpoint
from tunewright.train.loop import train_steps

pytest.importorskip("bitsandbytes", reason="needs the extra quant: pip install 'tunewright[quant]'")

PLAIN = LORA.with_(lora_dropout=0.0)
WORDS = ("nf4", "int8")
OF_A_TRUNK = Place(memory_bytes=10**8, folder=None)


def few(loaded: Loaded) -> dict[str, Dequantised]:
    """The modules in few bits, by name."""
    named = {name: dequantised(module) for name, module in loaded.model.named_modules()}
    return {name: found for name, found in named.items() if found is not None}


@pytest.fixture
def folders(tiny_encoder: Path, tiny_decoder: Path) -> dict[Task, Path]:
    return {"classify": tiny_encoder, "generate": tiny_decoder}


@pytest.mark.parametrize("word", WORDS)
def test_weights_in_few_bits_are_those_that_transformers_makes(word: str, tiny_decoder: Path) -> None:
    options = {"nf4": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True}}
    config = BitsAndBytesConfig(**options.get(word, {"load_in_8bit": True}))
    theirs = AutoModelForCausalLM.from_pretrained(tiny_decoder, quantization_config=config, dtype=torch.float32)

    ours = few(load_model(tiny_card(tiny_decoder, "decoder"), task="generate", quantization=word))

    expected = {name: m for name, m in theirs.named_modules() if type(m).__name__ in ("Linear4bit", "Linear8bitLt")}
    assert ours.keys() == expected.keys()
    assert len(ours) == 2 * 7, "two blocks; neither embedding nor output layer"
    for name, module in expected.items():
        assert torch.equal(ours[name].module.weight.data, module.weight.data)
        assert torch.equal(ours[name].weight(torch.float32), Dequantised(module).weight(torch.float32)), (
            "the scales are the same too"
        )


@pytest.mark.parametrize(("word", "largest"), [("int8", 0.5 / 127 + 2**-11), ("nf4", 0.16)])
def test_a_rounded_weight_is_within_half_a_step(word: str, largest: float, tiny_decoder: Path) -> None:
    """Of the largest weight that shares its scale. int8 starts from float16; nf4's widest gap is from -1 to -.696, and
    its scale has 8 bits."""
    card = tiny_card(tiny_decoder, "decoder")
    whole = dict(load_model(card, task="generate").model.named_modules())
    for name, rounded in few(load_model(card, task="generate", quantization=word)).items():
        weight_OI: Any = whole[name].weight.detach()
        off_OI = (rounded.weight(torch.float32) - weight_OI).abs()
        sharing = weight_OI.shape if word == "int8" else (-1, 64)  # a row; 64 weights in a line
        off, sizes = off_OI.reshape(sharing), weight_OI.abs().reshape(sharing)
        assert (off <= largest * sizes.amax(1, keepdim=True)).all()
        assert off.max() > 0, "it was rounded"


@pytest.mark.parametrize("word", WORDS)
def test_the_product_and_its_gradient_are_those_of_the_rounded_matrix(word: str, tiny_encoder: Path) -> None:
    loaded = load_model(tiny_card(tiny_encoder, "encoder"), task="classify", labels=LABELS, quantization=word)
    rounded = few(loaded)["encoder.encoder.layer.0.intermediate.dense"]
    x = torch.randn(3, 5, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (ours,) = torch.autograd.grad(rounded(x).square().sum(), x)
    (plain,) = torch.autograd.grad(F.linear(x, rounded.weight(torch.float32), rounded.module.bias).square().sum(), x)
    assert rounded.module.bias is not None
    assert torch.allclose(ours, plain, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("task", ["classify", "generate"])
def test_kernels_on_few_bits_give_the_loss_and_gradients_of_pefts_own_way(
    word: str, task: Task, folders: dict[Task, Path]
) -> None:
    """2e-5 of the largest gradient: float32 sums in another order."""
    loaded = tiny_adapted(folders[task], task=task, plan=PLAIN, quantization=word)
    with torch.no_grad():
        for p in trainable_state(loaded.model).values():
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(1)), alpha=0.1)
    for module in loaded.model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    kept = {name: one.module.weight.data.clone() for name, one in few(loaded).items()}
    loss, gradients = loss_and_gradients(loaded)
    with kernels(loaded.model, device="cpu", dtype=torch.float32) as put_on:
        fast_loss, fast = loss_and_gradients(loaded)

    assert put_on.linears == len(kept) == (14 if task == "generate" else 12)
    assert fast_loss == pytest.approx(loss, rel=1e-5)
    largest = max(float(g.abs().max()) for g in gradients.values())
    assert all(float((fast[n] - g).abs().max()) < 2e-5 * largest for n, g in gradients.items())
    with kernels(loaded.model, device="cpu", dtype=torch.bfloat16):
        pass
    after = {name: one.module.weight.data for name, one in few(loaded).items()}
    assert {w.dtype for w in after.values()} == {w.dtype for w in kept.values()}
    assert all(torch.equal(after[name], kept[name]) for name in kept), "not a bit moves"


def loss_and_gradients(loaded: Loaded) -> tuple[float, dict[str, Tensor]]:
    training = training_on(loaded, task=loaded.task, n_rows=4, n_steps=1)
    (event,) = train_steps(replace(training, learning_rate=1e-12, max_grad_norm=1e9))
    return event.loss_nats, {n: p.grad.clone() for n, p in trainable_state(loaded.model).items() if p.grad is not None}


@pytest.mark.filterwarnings("ignore::UserWarning:peft")
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("task", ["classify", "generate"])
@pytest.mark.parametrize("kind", ["lora", "dora", "ia3", "last block"])
def test_an_adapter_on_few_bits_learns_and_is_the_same_resumed_and_reloaded(
    kind: str, task: Task, word: str, folders: dict[Task, Path], tmp_path: Path
) -> None:
    plan = {
        "dora": PLAIN.with_(use_dora=True),
        "ia3": TrainPlan(method="lora", layers="all", adapter=IA3[task]),
        "last block": PLAIN.with_(layers="last:1"),
    }.get(kind, PLAIN)
    fresh = lambda: tiny_adapted(folders[task], task=task, plan=plan, quantization=word)  # noqa: E731
    loaded = fresh()
    whole = training_on(loaded, task=task)
    losses = []
    with kernels(loaded.model, device="cpu", dtype=torch.float32), trunk(loaded, whole.rows, place=OF_A_TRUNK):
        for event in train_steps(whole):
            losses.append(event.loss_nats)
            if event.step == 6:
                save_checkpoint(tmp_path / "checkpoints", whole, Position(step=6), fingerprint="f")
    assert min(losses[-3:]) < losses[0] - 0.01, "it learns"

    second = training_on(fresh(), task=task)
    with (
        kernels(second.model, device="cpu", dtype=torch.float32),
        trunk(replace(loaded, model=second.model), second.rows, place=OF_A_TRUNK),
    ):
        load_checkpoint(tmp_path / "checkpoints", second, fingerprint="f")
        list(train_steps(second, done=6))
    assert all(torch.equal(p, trainable_state(second.model)[n]) for n, p in trainable_state(loaded.model).items())

    save_trained(tmp_path, loaded, max_length=64)
    labels = LABELS if task == "classify" else ()
    reloaded = load_trained(
        tmp_path, loaded.card, task=task, labels=labels, device="cpu", dtype="float32", quantization=word
    )
    assert few(reloaded).keys() == few(loaded).keys()
    assert torch.equal(answers(reloaded), answers(loaded))


IA3: dict[Task, dict[str, Any]] = {
    "classify": {
        "peft_type": "IA3",
        "target_modules": ["query", "value", "output.dense"],
        "feedforward_modules": ["output.dense"],
    },
    "generate": {
        "peft_type": "IA3",
        "target_modules": ["q_proj", "v_proj", "down_proj"],
        "feedforward_modules": ["down_proj"],
    },
}


@pytest.mark.parametrize("word", WORDS)
def test_checkpointing_and_bfloat16_products_go_with_few_bits(word: str, tiny_decoder: Path) -> None:
    loaded = tiny_adapted(tiny_decoder, task="generate", plan=PLAIN, quantization=word)
    training = replace(training_on(loaded, task="generate"), dtype=torch.bfloat16)
    with kernels(loaded.model, device="cpu", dtype=torch.bfloat16):
        losses = [event.loss_nats for event in train_steps(training)]
    assert losses[-1] < losses[0] - 0.1


def test_weights_are_the_same_from_a_file_in_bfloat16(tiny_decoder: Path, tmp_path: Path) -> None:
    """It is taken as it is stored, and never made whole in float32; positions keep their float32."""
    model = AutoModelForCausalLM.from_pretrained(tiny_decoder, dtype=torch.bfloat16)
    for kind in ("bfloat16", "float32"):
        model.to(getattr(torch, kind)).save_pretrained(tmp_path / kind)
        for path in tiny_decoder.glob("*token*"):
            (tmp_path / kind / path.name).write_bytes(path.read_bytes())
    cards = {kind: replace(tiny_card(tmp_path / kind, "decoder"), dtype=kind) for kind in ("bfloat16", "float32")}
    small, large = (load_model(card, task="generate", quantization="nf4") for card in cards.values())

    assert {p.dtype for p in small.model.parameters()} == {torch.float32, torch.uint8}
    with torch.inference_mode():
        assert torch.equal(*(one.model(input_ids=IDS, attention_mask=MASK).logits for one in (small, large)))


@pytest.mark.parametrize("word", WORDS)
def test_the_saved_adapter_is_plain_and_stands_on_the_whole_base_as_well(
    word: str, tiny_decoder: Path, tmp_path: Path
) -> None:
    loaded = tiny_adapted(tiny_decoder, task="generate", plan=PLAIN, quantization=word)
    list(train_steps(training_on(loaded, task="generate")))
    save_trained(tmp_path, loaded, max_length=64)

    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text(encoding="utf-8"))
    assert (config["peft_type"], config["base_model_name_or_path"]) == ("LORA", str(tiny_decoder))
    whole = AutoModelForCausalLM.from_pretrained(tiny_decoder)
    plain = PeftModel.from_pretrained(whole, str(tmp_path / "adapter"))
    with torch.inference_mode():
        found = plain(input_ids=IDS, attention_mask=MASK).logits
    assert not torch.equal(found, answers(loaded))
    assert F.cosine_similarity(found.flatten(), answers(loaded).flatten(), dim=0) > 0.97


@pytest.mark.filterwarnings("ignore::UserWarning:peft")
def test_export_adds_the_adapter_into_the_whole_base_and_says_what_was_measured(
    tiny_decoder: Path, tmp_path: Path
) -> None:
    loaded = tiny_adapted(tiny_decoder, task="generate", plan=PLAIN, quantization="nf4")
    list(train_steps(training_on(loaded, task="generate")))
    save_trained(tmp_path / "train", loaded, max_length=64)
    with pytest.raises(ExportError, match="cannot be added into weights in nf4"):
        merged(loaded)
    subject = Subject(
        name="tuned",
        folder=str(tmp_path / "train"),
        card=loaded.card,
        task="generate",
        labels=(),
        max_length=64,
        device="cpu",
        dtype="float32",
        threads=torch.get_num_threads(),
        quantization="nf4",
    )
    assert torch.equal(answers(load_subject(subject)), answers(loaded))
    assert len(few(load_base(subject))) == 14, "the base it is measured against is in few bits too"
    plan = Plan().with_(export={"targets": ("merged",), "max_kl_nats": 1e-6}, run={"seed": 0})
    told: list[Any] = []
    prepared = write_prepared(tmp_path / "prepare", task="generate")
    work = tmp_path / "export"
    work.mkdir()
    inputs = ExportInputs(plan, subject, prepared, compare, card=lambda: "")

    found = export(inputs, work=work, tell=told.append)["targets"]["merged"]

    assert found["kl_nats"]["mean"] < 1e-6, "the exported model is the adapter on the whole base"
    assert found["measured_in"] == "float32 on a base in nf4"
    assert found["precision"]["kl_nats_mean"] > 1e-6, "which is not what was measured"
    assert "on the base as it was before nf4" in found["signature"]
    assert any("measured in float32 on a base in nf4" in getattr(event, "text", "") for event in told)
    readme = (work / "merged" / "README.md").read_text(encoding="utf-8")
    assert "on its base in float32" in readme
    assert "measured in float32 on a base in nf4" in readme


@pytest.mark.parametrize("word", WORDS)
def test_memory_is_predicted_from_the_card(word: str, tiny_decoder: Path) -> None:
    """The scales of rows of 32 are a share that a wide model's are not."""
    loaded = load_model(tiny_card(tiny_decoder, "decoder"), task="generate", quantization=word)
    n_total = parameters(loaded.model).n_total
    whole = load_model(tiny_card(tiny_decoder, "decoder"), task="generate")
    assert n_total == parameters(whole.model).n_total
    n_blocks = sum(m.weight.numel() for n, m in whole.model.named_modules() if type(m) is nn.Linear and "layers" in n)
    card = replace(loaded.card, n_parameters=n_total)

    assert base_bytes(card, quantization=word) == n_total * 4 - round((4 - BYTES_A_WEIGHT[word]) * n_blocks)
    held = sum(p.numel() * p.element_size() for p in loaded.model.parameters())
    beside = sum(t.numel() * t.element_size() for t in scales(loaded.model) if t.numel() not in (16, 256, 1))
    assert held + beside == pytest.approx(base_bytes(card, quantization=word), rel=0.05)


def test_whole_weights_of_rounded_ones_are_near_the_originals(tiny_decoder: Path) -> None:
    card = tiny_card(tiny_decoder, "decoder")
    whole, small = (
        dict(whole_weights(load_model(card, task="generate", quantization=word).model)) for word in (None, "int8")
    )
    assert whole.keys() == small.keys()
    assert all((small[name] - whole[name]).norm() <= 0.01 * whole[name].norm() for name in whole)


@pytest.mark.parametrize(
    ("train", "run", "error", "words"),
    [
        (FULL, {}, PlanError, "train.method=lora"),
        (TrainPlan(method="head"), {}, PlanError, "train.method=lora"),
        (LORA.with_(use_pissa=True), {}, PlanError, "use_pissa"),
        (LORA, {"device": "mps"}, ModelError, "run.device=cpu"),
    ],
)
def test_what_cannot_be_is_refused_before_any_work(
    train: TrainPlan, run: dict[str, Any], error: type[Exception], words: str
) -> None:
    plan = Plan().with_(model={"quantization": "nf4"}, train=train, run=run)
    with pytest.raises(error) as caught:
        refuse_few_bits(plan)
    assert words in str(caught.value)
    refuse_few_bits(plan.with_(model={}))


def test_a_plan_that_trains_nothing_has_no_base_in_few_bits() -> None:
    plan = Plan().with_(model={"quantization": "int8"}, evaluate={"systems": ("path:other", "base")})
    with pytest.raises(PlanError, match="trains none"):
        refuse_few_bits(plan)


def test_the_extra_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunewright.model.few_bits.find_spec", lambda _name: None)
    with pytest.raises(MissingExtra) as caught:
        refuse_few_bits(Plan().with_(model={"quantization": "nf4"}))
    assert 'pip install "tunewright[quant]"' in str(caught.value)


def test_a_model_without_linear_modules_in_its_blocks_is_refused(tiny_decoder: Path, tmp_path: Path) -> None:
    GPT2LMHeadModel(GPT2Config(vocab_size=259, n_embd=32, n_layer=2, n_head=2)).save_pretrained(tmp_path)
    for path in tiny_decoder.glob("*token*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ModelError, match="no block of this model has a linear module"):
        load_model(tiny_card(tmp_path, "decoder"), task="generate", quantization="nf4")


def test_fingerprint_changes_with_the_bits() -> None:
    plans = [Plan().with_(model={"name": "m", "quantization": word}) for word in (None, *WORDS)]
    assert len({stage_fingerprint("train", plan=plan, before="b") for plan in plans}) == 3
