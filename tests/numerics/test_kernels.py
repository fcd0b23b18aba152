"""The fast ways through a model compute what the family's own forward does: loss and every gradient."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.nn import functional as F

from tests.numerics.training import FULL, LORA, tiny_training
from tunewright.core.train_plan import TrainPlan
from tunewright.core.values import Encoded, Task
from tunewright.model.adapt import trainable_state
from tunewright.model.kernels import attention as attention_module
from tunewright.model.kernels.dropout import kept_factors
from tunewright.model.kernels.install import kernels
from tunewright.model.kernels.output import output_nats
from tunewright.text.batch import Batch, batch_of
from tunewright.train.checkpoint import Position, load_checkpoint, save_checkpoint
from tunewright.train.loop import Training, train_steps
from tunewright.train.objective import objective_of

SIZE: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "bos_token_id": 2,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "Llama": {},
    "Qwen2": {},
    "Qwen3": {},
    "Mistral": {"sliding_window": 6},
    "Gemma3Text": {
        "sliding_window": 6,
        "query_pre_attn_scalar": 8,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "Olmo2": {},
    "SmolLM3": {},
    "Phi3": {},
    "Granite": {"logits_scaling": 3.0},
    "Cohere": {"logit_scale": 0.5},
    "Gemma2": {"query_pre_attn_scalar": 8},
}
"""What each adds to SIZE. Gemma2 caps its scores, Granite and Cohere scale their logits."""
WHOLE = ("Llama", "Qwen2", "Qwen3", "Mistral", "SmolLM3")
"""Families of which every part is replaced."""


def tiny(family: str, **changes: Any) -> nn.Module:
    torch.manual_seed(1)
    config = getattr(transformers, f"{family}Config")(**SIZE, **FAMILIES[family], **changes)
    model = getattr(transformers, f"{family}ForCausalLM".replace("TextFor", "For"))(config)
    with torch.no_grad():  # norms and biases that are not 1 and 0, so that a forgotten one shows
        for p in model.parameters():
            if p.ndim == 1:
                p.add_(torch.randn_like(p), alpha=0.1)
    return model


def with_adapters(model: nn.Module, **options: Any) -> nn.Module:
    whole = {"target_modules": "all-linear", "task_type": "CAUSAL_LM", **options}
    config = LoraConfig(r=4, lora_alpha=8, **whole)
    adapted = get_peft_model(model, config)
    with torch.no_grad():
        for name, p in adapted.named_parameters():
            if "lora_B" in name:
                p.copy_(torch.randn_like(p) * 0.1)
    return adapted


def batch() -> Batch:
    """Three rows of 19, 11 and 5 tokens."""
    rows = [
        Encoded(f"train:{n}", tuple((7 * i + n) % 90 + 3 for i in range(n)), tuple(i > n // 3 for i in range(n)))
        for n in (19, 11, 5)
    ]
    return batch_of(rows, pad_id=0)


def loss_and_gradients(model: nn.Module, output: torch.Tensor | None = None) -> tuple[float, dict[str, torch.Tensor]]:
    loss = objective_of("generate", output_weight=output)(model, batch())
    model.zero_grad()
    loss.nats.backward()
    return float(loss.nats.detach()), {
        n: p.grad.clone() for n, p in trainable_state(model).items() if p.grad is not None
    }


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], *, share: float) -> None:
    assert a.keys() == b.keys()
    largest = max(float(x.abs().max()) for x in a.values())
    off = {n: float((a[n] - b[n]).abs().max()) / largest for n in a}
    assert max(off.values()) < share, max(off, key=lambda n: off[n])


@pytest.mark.parametrize("kind", ["lora", "full"])
@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_gradients_are_the_familys_own(family: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """2e-5 of the largest gradient: float32 sums in another order. Chunks of 8 queries, so that rows have several."""
    monkeypatch.setattr(attention_module, "CHUNK", 8)
    monkeypatch.setattr("tunewright.model.kernels.install.LARGE_EMBEDDING", 90)
    model = tiny(family)
    if kind == "lora":
        model = with_adapters(model)
    expected = loss_and_gradients(model)
    with kernels(model, device="cpu", dtype=torch.float32) as put_on:
        found = loss_and_gradients(model, put_on.output_weight)
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert_same(expected[1], found[1], share=2e-5)
    again = loss_and_gradients(model)
    assert again[0] == pytest.approx(expected[0], rel=1e-6)


@pytest.mark.parametrize("n_parts", [1, 2])
def test_a_weight_that_embedding_and_output_share_gets_both_gradients(
    n_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over two steps: the second starts from nothing."""
    monkeypatch.setattr("tunewright.model.kernels.install.LARGE_EMBEDDING", 90)
    model = tiny("Llama", tie_word_embeddings=True)
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight  # type: ignore[operator]
    expected = loss_and_gradients(model)
    with kernels(model, device="cpu", dtype=torch.float32) as put_on:
        for _step in range(2):
            model.zero_grad(set_to_none=True)
            for _part in range(n_parts):
                objective_of("generate", output_weight=put_on.output_weight)(model, batch()).nats.backward()
            found = {n: p.grad / n_parts for n, p in trainable_state(model).items() if p.grad is not None}
            assert_same(expected[1], found, share=2e-5)


@pytest.mark.parametrize("family", WHOLE)
def test_every_part_of_common_families_is_replaced(family: str) -> None:
    model = with_adapters(tiny(family))
    with kernels(model, device="cpu", dtype=torch.bfloat16) as put_on:
        assert put_on.attention
        assert put_on.rotary
        assert put_on.output_weight is not None
        assert (put_on.linears, put_on.gated, put_on.why_not) == (14, 2, [])
        assert put_on.norms == sum("norm" in name.rpartition(".")[2] for name, _ in model.named_modules())


def test_a_family_that_caps_its_scores_keeps_its_own_attention_and_says_so() -> None:
    with kernels(tiny("Gemma2"), device="cpu", dtype=torch.float32) as put_on:
        assert not put_on.attention
        assert put_on.why_not == ["attention: softcap"]


@pytest.mark.parametrize("family", ["Granite", "Cohere", "Gemma2"])
def test_an_output_layer_with_scaled_or_capped_logits_is_left_alone(family: str) -> None:
    with kernels(tiny(family), device="cpu", dtype=torch.float32) as put_on:
        assert put_on.output_weight is None


@pytest.mark.parametrize(
    "options",
    [
        {"rank_pattern": {"q_proj": 2, "up_proj": 7}, "alpha_pattern": {"v_proj": 3, "gate_proj": 1}},
        {"target_modules": ["q_proj", "v_proj", "up_proj"]},
        {"target_modules": ["k_proj", "q_proj", "v_proj", "gate_proj", "up_proj", "down_proj"], "use_rslora": True},
    ],
    ids=["ranks and scales apart", "some of them", "rslora"],
)
def test_matrices_that_read_the_same_learn_together_what_they_learn_apart(options: dict[str, Any]) -> None:
    model = with_adapters(tiny("Qwen2"), **options)  # whose queries, keys and values have biases
    expected = loss_and_gradients(model)
    with kernels(model, device="cpu", dtype=torch.float32) as put_on:
        found = loss_and_gradients(model, put_on.output_weight)
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert_same(expected[1], found[1], share=2e-5)


def test_a_module_that_reads_something_else_gets_its_own_answer() -> None:
    """As in attention to another text, where queries and keys read different states."""
    model = with_adapters(tiny("Llama"))
    first = model.base_model.model.model.layers[0].self_attn
    x, other = torch.randn(2, 3, 32), torch.randn(2, 3, 32)
    order = [(first.q_proj, x), (first.k_proj, other), (first.v_proj, other), (first.k_proj, x), (first.q_proj, x)]
    expected = [module(states) for module, states in order]
    with kernels(model, device="cpu", dtype=torch.float32):
        found = [module(states) for module, states in order]
    for a, b in zip(expected, found, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.skipif(not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="this torch has no oneDNN product")
def test_wide_products_of_onednn_are_torchs(monkeypatch: pytest.MonkeyPatch) -> None:
    model = with_adapters(tiny("Llama"))
    expected = loss_and_gradients(model)
    asked: list[int] = []
    monkeypatch.setattr("tunewright.model.kernels.product.WIDE", 64)
    monkeypatch.setattr("tunewright.model.kernels.product._is_faster", lambda: asked.append(1) or True)
    with kernels(model, device="cpu", dtype=torch.float32) as put_on:
        asked.clear()
        found = loss_and_gradients(model, put_on.output_weight)
    assert len(asked) == 2 * 2 + 1  # queries to values (64), gate and up (96), in two blocks; the output layer (97)
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert_same(expected[1], found[1], share=2e-5)


@pytest.mark.parametrize("options", [{"use_dora": True}, {"lora_dropout": 0.5}], ids=["dora", "dropout"])
def test_adapters_that_are_more_than_a_product_keep_pefts_forward(options: dict[str, Any]) -> None:
    with kernels(with_adapters(tiny("Llama"), **options), device="cpu", dtype=torch.float32) as put_on:
        assert put_on.linears == 0
        assert put_on.attention


def test_everything_is_taken_off_again() -> None:
    model = with_adapters(tiny("Llama"))
    rotary = transformers.models.llama.modeling_llama.apply_rotary_pos_emb
    with pytest.raises(RuntimeError, match="in the middle"), kernels(model, device="cpu", dtype=torch.float32):
        raise RuntimeError("in the middle")
    assert transformers.models.llama.modeling_llama.apply_rotary_pos_emb is rotary
    assert not any("forward" in vars(module) for module in model.modules())
    assert model.config._attn_implementation != attention_module.NAME


def test_a_forward_that_was_there_before_comes_back() -> None:
    model = nn.Sequential(nn.Dropout(0.5))
    model[0].forward = torch.neg  # as another library would put it
    with kernels(model, device="cpu", dtype=torch.float32):
        assert model[0].forward is not torch.neg
    assert model[0].forward is torch.neg


def test_what_was_put_on_can_be_told() -> None:
    with kernels(with_adapters(tiny("Gemma2")), device="cpu", dtype=torch.float32) as put_on:
        facts = put_on.facts()
    assert facts.pop("why_not") == ["attention: softcap"]
    assert facts == {
        "attention": False,
        "linears": 14,
        "norms": 9,
        "gated": 0,
        "rotary": True,
        "output_in_blocks": False,
    }


def test_long_rows_compute_their_probabilities_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("Llama")
    with kernels(model, device="cpu", dtype=torch.float32) as put_on:
        kept = loss_and_gradients(model, put_on.output_weight)
        monkeypatch.setattr(attention_module, "KEPT_LENGTH", 4)
        again = loss_and_gradients(model, put_on.output_weight)
    assert again[0] == kept[0]
    assert_same(again[1], kept[1], share=1e-6)


def test_an_encoder_sees_both_sides_and_no_padding() -> None:
    """Dropout is off: its draws are not the same ones. 2e-5: float32 sums in another order."""
    torch.manual_seed(0)
    config = transformers.BertConfig(**{**SIZE, "attention_probs_dropout_prob": 0.0, "hidden_dropout_prob": 0.0})
    encoder = transformers.BertModel(config, add_pooling_layer=False)
    rows = batch()

    def run() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        encoder.zero_grad()
        hidden = encoder(input_ids=rows.ids_BT, attention_mask=rows.mask_BT).last_hidden_state[rows.mask_BT.bool()]
        (hidden**2 * torch.linspace(0.0, 1.0, hidden.numel()).view_as(hidden)).sum().backward()
        return hidden.detach(), {n: p.grad.clone() for n, p in encoder.named_parameters() if p.grad is not None}

    expected = run()
    with kernels(encoder, device="cpu", dtype=torch.float32) as put_on:
        assert put_on.attention
        found = run()
    torch.testing.assert_close(found[0], expected[0], rtol=1e-4, atol=1e-5)
    assert_same(expected[1], found[1], share=2e-5)


def test_a_large_embedding_learns_from_its_rows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps, the second and third on other words: nothing of an earlier step is left in a gradient."""
    monkeypatch.setattr("tunewright.model.kernels.install.LARGE_EMBEDDING", 10)
    seen = {}
    for is_fast in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Embedding(20, 4, padding_idx=0), nn.Linear(4, 1))
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
        device = "cpu" if is_fast else "meta"  # on any other device nothing is put on
        with kernels(model, device=device, dtype=torch.float32):
            for ids in ([[1, 2, 0], [2, 3, 0]], [[4, 4, 1]], [[7, 8, 9]]):
                optimizer.zero_grad(set_to_none=True)
                for part in (ids, [[5, 6, 0]]):  # two parts of one batch
                    model(torch.tensor(part)).square().sum().backward()
                optimizer.step()
        seen[is_fast] = {n: p.detach().clone() for n, p in model.named_parameters()}
        assert ("forward" in vars(model[0])) is False
    assert_same(seen[False], seen[True], share=1e-6)


def test_dropout_keeps_the_mean_and_repeats_with_the_seed() -> None:
    """A million draws: the share within .002 (five standard errors), kept numbers scaled up by it."""
    torch.manual_seed(3)
    first = kept_factors((1000, 1000), share=0.2, dtype=torch.float32)
    second = kept_factors((1000, 1000), share=0.2, dtype=torch.float32)
    torch.manual_seed(3)
    assert torch.equal(kept_factors((1000, 1000), share=0.2, dtype=torch.float32), first)
    assert not torch.equal(first, second)
    assert first.unique().tolist() == [0.0, 1.25]
    assert float((first == 0).float().mean()) == pytest.approx(0.2, abs=0.002)


def test_dropout_is_only_for_training() -> None:
    model = nn.Sequential(nn.Dropout(0.5))
    x = torch.ones(100)
    with kernels(model, device="cpu", dtype=torch.float32):
        assert not torch.equal(model(x), x)
        assert torch.equal(model.eval()(x), x)


def test_dropout_of_attention_has_the_gradient_of_what_it_dropped() -> None:
    """Finite differences in float64, with the same draws: seeded before each forward."""
    q, k, v = (torch.randn(1, 2, 6, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))

    def out(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(5)
        return attention_module.attention(nn.Identity(), q, k, v, None, dropout=0.3)[0]

    assert torch.autograd.gradcheck(out, (q, k, v), eps=1e-4, atol=1e-3, rtol=1e-2)


@pytest.mark.parametrize("is_trained", [False, True])
@pytest.mark.parametrize("far", [0.0, 300.0])
def test_the_output_layer_in_blocks_is_cross_entropy(is_trained: bool, far: float, monkeypatch: Any) -> None:
    """far: a shift of one word's logit that plain exponentials would not survive."""
    monkeypatch.setattr("tunewright.model.kernels.output.BLOCK", 7)
    hidden, weight = torch.randn(5, 6, requires_grad=True), torch.randn(20, 6)
    with torch.no_grad():
        weight[13] = hidden[2] * far / hidden[2].square().sum()
    weight.requires_grad_(is_trained)
    targets = torch.tensor([0, 6, 13, 7, 19])
    expected = F.cross_entropy(F.linear(hidden, weight), targets, reduction="sum")
    found = output_nats(hidden, weight, targets)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)
    wanted = (hidden, weight) if is_trained else (hidden,)
    for a, b in zip(torch.autograd.grad(found * 3, wanted), torch.autograd.grad(expected * 3, wanted), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_bfloat16_training_steps_where_float32_steps() -> None:
    """An adapter's first small share of an output is not lost in rounding: within 1 % of float32's gradient length,
    10 % in direction (bfloat16 has 8 bits)."""
    lengths = {}
    for dtype in (torch.float32, torch.bfloat16):
        model = with_adapters(tiny("Llama"))
        with kernels(model, device="cpu", dtype=dtype) as put_on, torch.autocast("cpu", dtype, dtype == torch.bfloat16):
            _, gradients = loss_and_gradients(model, put_on.output_weight)
        lengths[dtype] = torch.cat([g.flatten() for g in gradients.values()])
    exact, rough = lengths[torch.float32], lengths[torch.bfloat16]
    assert float(rough.norm() / exact.norm()) == pytest.approx(1.0, abs=0.01)
    assert float((rough - exact).norm() / exact.norm()) < 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("task", "plan"), [("classify", FULL), ("generate", FULL), ("generate", LORA)])
def test_resumed_training_equals_uninterrupted_with_the_kernels_on(
    task: Task, plan: TrainPlan, dtype: torch.dtype, tiny_encoder: Path, tiny_decoder: Path, tmp_path: Path
) -> None:
    """Bit for bit; stopped in the middle of an epoch, batches in two parts, dropout drawn."""
    folder = tiny_encoder if task == "classify" else tiny_decoder

    @contextmanager
    def fresh() -> Iterator[Training]:
        training = tiny_training(folder, task=task, plan=plan, dtype=dtype, n_steps=8, micro_tokens=60)
        with kernels(training.model, device="cpu", dtype=dtype) as put_on:
            yield replace(training, objective=objective_of(task, output_weight=put_on.output_weight))

    with fresh() as whole:
        list(train_steps(whole))
        expected = {n: p.detach().clone() for n, p in trainable_state(whole.model).items()}
    with fresh() as first:
        for event in train_steps(first):
            if event.step == 4:
                save_checkpoint(tmp_path, first, Position(step=4), fingerprint="f")
                break
    with fresh() as second:
        torch.manual_seed(99)
        list(train_steps(second, done=load_checkpoint(tmp_path, second, fingerprint="f").step))
        different = [n for n, p in trainable_state(second.model).items() if not torch.equal(p, expected[n])]
    assert not different
