"""A tuned model beside its base: an adapter switched off is the base, and its weight runs between the two."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer

from tests.numerics.training import LORA, tiny_adapted, tiny_rows
from tests.tiny import tiny_card
from tunewright.core.values import Encoded
from tunewright.model.divergence import moves
from tunewright.model.load import Loaded, load_model
from tunewright.model.pair import Pair, weighed, why_no_weight
from tunewright.model.verbatim import first_choices


@pytest.fixture(scope="module")
def tuned(tiny_decoder: Path) -> Loaded:
    """A LoRA whose B is no longer 0."""
    loaded = tiny_adapted(tiny_decoder, task="generate", plan=LORA)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, parameter in loaded.model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.3)
    loaded.model.eval()
    return loaded


@pytest.fixture(scope="module")
def base(tiny_decoder: Path) -> Loaded:
    return load_model(tiny_card(tiny_decoder, "decoder"), task="generate")


def test_base_of_an_adapter_is_the_model_below_it(tuned: Loaded, base: Loaded) -> None:
    row = tiny_rows(base, task="generate", n_rows=1)[0]
    before = _log_p(tuned, row)
    with Pair(tuned, None).base() as switched:
        torch.testing.assert_close(_log_p(switched, row), _log_p(base, row))
    torch.testing.assert_close(_log_p(tuned, row), before, rtol=0, atol=0)
    assert (before - _log_p(base, row)).abs().max() > 0.1


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_weight_runs_from_the_base_to_the_tuned_model(tuned: Loaded, base: Loaded, weight: float) -> None:
    row = tiny_rows(base, task="generate", n_rows=1)[0]
    expected = _log_p(tuned if weight else base, row)
    with weighed(tuned, weight) as model:
        torch.testing.assert_close(_log_p(model, row), expected)


def test_weight_equals_a_smaller_alpha(tuned: Loaded) -> None:
    """What the report advises: lora_alpha times the weight, in the adapter's own file."""
    assert isinstance(tuned.model, PeftModel)
    config = tuned.model.peft_config["default"]
    layer = next(m for m in tuned.model.modules() if isinstance(m, LoraLayer))
    assert layer.scaling["default"] == config.lora_alpha / config.r
    with weighed(tuned, 0.25):
        assert layer.scaling["default"] == 0.25 * config.lora_alpha / config.r
    assert layer.scaling["default"] == config.lora_alpha / config.r


def test_why_no_weight_names_the_reason(tiny_decoder: Path, tuned: Loaded, base: Loaded) -> None:
    assert why_no_weight(tuned) == ""
    assert "no adapter" in why_no_weight(base)
    dora = tiny_adapted(tiny_decoder, task="generate", plan=LORA.with_(use_dora=True))
    assert "DoRA" in why_no_weight(dora)
    ia3 = {"peft_type": "IA3", "target_modules": ["k_proj"], "feedforward_modules": []}
    assert "IA3" in why_no_weight(tiny_adapted(tiny_decoder, task="generate", plan=LORA.with_(adapter=ia3)))


def test_divergence_is_kl_from_base_to_tuned_one_row_at_a_time(tuned: Loaded, base: Loaded) -> None:
    """Oracle: the sum over the vocabulary, written out, without batches."""
    rows = tiny_rows(base, task="generate", n_rows=7)
    for pair in (Pair(tuned, None), Pair(tuned, base)):
        for row, found in zip(rows, moves(pair, rows), strict=True):
            q_TV, p_TV = _log_p(base, row), _log_p(tuned, row)
            kl_T = (q_TV.exp() * (q_TV - p_TV)).sum(-1)
            places = [t - 1 for t, is_trained in enumerate(row.trained) if is_trained]
            assert found.kl.nats == pytest.approx(float(kl_T[places].sum()), rel=1e-4)
            assert found.kl.n_tokens == len(places)
            reverse = (p_TV.exp() * (p_TV - q_TV)).sum(-1)[places].sum()
            assert abs(float(reverse) - found.kl.nats) > 0.01 * found.kl.nats  # the other direction is another number


def test_divergence_of_a_model_from_itself_is_nothing(base: Loaded) -> None:
    rows = tiny_rows(base, task="generate", n_rows=3)
    assert [one.kl.nats for one in moves(Pair(base, base), rows)] == pytest.approx([0.0] * 3, abs=1e-6)
    nothing = Encoded("test:9", rows[0].ids, (False,) * len(rows[0]))
    assert [(d.kl.nats, d.kl.n_tokens, d.gains_nats) for d in moves(Pair(base, base), [nothing])] == [(0.0, 0, ())]


def test_gain_is_how_much_likelier_each_token_of_the_reference_became(tuned: Loaded, base: Loaded) -> None:
    rows = tiny_rows(base, task="generate", n_rows=7)
    for row, found in zip(rows, moves(Pair(tuned, None), rows), strict=True):
        places = [t for t, is_trained in enumerate(row.trained) if is_trained]
        gain_TV = _log_p(tuned, row) - _log_p(base, row)
        expected = [float(gain_TV[t - 1, row.ids[t]]) for t in places]
        assert found.gains_nats == pytest.approx(expected, abs=1e-4)


def test_first_choices_say_what_greedy_writing_would_put_there(base: Loaded) -> None:
    rows = tiny_rows(base, task="generate", n_rows=7)
    for row, found in zip(rows, first_choices(base, rows), strict=True):
        best_T = _log_p(base, row).argmax(-1)
        places = [t for t, is_trained in enumerate(row.trained) if is_trained]
        assert found == tuple(int(best_T[t - 1]) == row.ids[t] for t in places)
    written = list(rows[0].ids[:6])
    for _ in range(5):
        written.append(int(_log_p(base, Encoded("a", tuple(written), (False,) * len(written)))[-1].argmax()))
    itself = Encoded("train:1", tuple(written), (False,) * 6 + (True,) * 5)
    assert first_choices(base, [itself]) == ((True,) * 5,)


def _log_p(loaded: Loaded, row: Encoded) -> torch.Tensor:
    with torch.inference_mode():
        logits_TV: torch.Tensor = loaded.model(input_ids=torch.tensor([row.ids])).logits[0]
        return logits_TV.log_softmax(-1)
