"""The laws of training: accumulation is a big batch, resumed is uninterrupted, our loss is torch's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from tests.numerics.training import FULL, LORA, tiny_adapted, tiny_training, training_on
from tunewright.core.errors import NonFiniteLoss, TrainError
from tunewright.core.files import file_digest
from tunewright.core.tasks import has_head
from tunewright.core.train_plan import TrainPlan
from tunewright.core.values import IGNORE, Architecture, Task
from tunewright.model.adapt import trainable_state
from tunewright.text.batch import batch_of
from tunewright.train.checkpoint import Position, load_checkpoint, load_weights, save_checkpoint, save_weights
from tunewright.train.loop import Training, train_steps, validation_loss


def weights(training: Training) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in trainable_state(training.model).items()}


def assert_equal_bit_for_bit(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    different = [name for name in a if not torch.equal(a[name], b[name])]
    assert not different


@pytest.mark.parametrize("task", ["classify", "multilabel", "regress", "generate", "text"])
def test_training_lowers_the_loss_when_rows_can_be_learned(task: Task, tiny_encoder: Path, tiny_decoder: Path) -> None:
    folder = tiny_encoder if has_head(task) else tiny_decoder
    losses = [event.loss_nats for event in train_steps(tiny_training(folder, task=task, n_steps=40))]
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


def test_training_repeats_bit_for_bit_when_the_seed_is_the_same(tiny_decoder: Path) -> None:
    runs = []
    for _ in range(2):
        training = tiny_training(tiny_decoder, task="generate", plan=LORA)
        list(train_steps(training))
        runs.append(weights(training))
    assert_equal_bit_for_bit(*runs)


def assert_goes_on_bit_for_bit(make: Callable[[], Training], folder: Path, *, stop: int) -> None:
    """Stopped there, and gone on with by another training from its checkpoint, it ends with the same weights."""
    whole, first, second = make(), make(), make()
    torch.manual_seed(0)
    list(train_steps(whole))
    torch.manual_seed(0)
    for event in train_steps(first):
        if event.step == stop:
            save_checkpoint(folder, first, Position(step=stop), fingerprint="f")
            break
    torch.manual_seed(99)  # whatever happened before, the checkpoint's random state counts
    position = load_checkpoint(folder, second, fingerprint="f")
    list(train_steps(second, done=position.step))
    assert position.step == stop
    assert_equal_bit_for_bit(weights(whole), weights(second))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("plan", [FULL, LORA, TrainPlan(method="full", layers="last:1")], ids=["full", "lora", "last1"])
@pytest.mark.parametrize("stop", [1, 5, 7])
def test_resumed_training_equals_uninterrupted_bit_for_bit(
    plan: TrainPlan, stop: int, dtype: torch.dtype, tiny_decoder: Path, tmp_path: Path
) -> None:
    make = partial(tiny_training, tiny_decoder, task="generate", plan=plan, dtype=dtype)
    assert_goes_on_bit_for_bit(make, tmp_path, stop=stop)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("architecture", "plan"), [("encoder", FULL), ("decoder", LORA)], ids=["whole encoder", "adapter of a decoder"]
)
@pytest.mark.parametrize("task", ["multilabel", "regress"])
def test_resumed_training_of_a_head_equals_uninterrupted_bit_for_bit(
    task: Task,
    architecture: Architecture,
    plan: TrainPlan,
    dtype: torch.dtype,
    tiny_encoder: Path,
    tiny_decoder: Path,
    tmp_path: Path,
) -> None:
    folder = tiny_encoder if architecture == "encoder" else tiny_decoder

    def make() -> Training:
        loaded = tiny_adapted(folder, task=task, plan=plan, architecture=architecture)
        return training_on(loaded, task=task, dtype=dtype, n_steps=8)

    assert_goes_on_bit_for_bit(make, tmp_path, stop=5)


def test_validation_in_between_does_not_change_the_weights(tiny_decoder: Path) -> None:
    plain = tiny_training(tiny_decoder, task="generate", plan=LORA)
    list(train_steps(plain))
    watched = tiny_training(tiny_decoder, task="generate", plan=LORA)
    for _ in train_steps(watched):
        validation_loss(watched, watched.rows[:6])
    assert_equal_bit_for_bit(weights(plain), weights(watched))


def test_accumulated_micro_batches_give_the_gradient_of_one_big_batch(tiny_decoder: Path) -> None:
    """Equal up to float32 rounding of sums in another order: 1e-5 of weights of size 1, one step of 1e-2."""
    big = tiny_training(tiny_decoder, task="generate", batch_size=24, n_steps=1)
    small = tiny_training(tiny_decoder, task="generate", batch_size=4, gradient_accumulation_steps=6, n_steps=1)
    event_big, event_small = next(train_steps(big)), next(train_steps(small))
    assert event_small.n_targets == event_big.n_targets
    assert event_small.loss_nats == pytest.approx(event_big.loss_nats, rel=1e-5)
    assert event_small.grad_norm == pytest.approx(event_big.grad_norm, rel=1e-4)


def test_the_loss_equals_torchs_on_all_logits(tiny_decoder: Path) -> None:
    training = tiny_training(tiny_decoder, task="generate")
    training.model.eval()
    batch = batch_of(training.rows[:5], pad_id=training.pad_id)
    ours = training.objective(training.model, batch)
    logits_BTV = training.model(input_ids=batch.ids_BT, attention_mask=batch.mask_BT).logits
    theirs = F.cross_entropy(logits_BTV.flatten(0, 1), batch.targets_BT.flatten(), ignore_index=IGNORE, reduction="sum")
    assert float(ours.nats) == pytest.approx(float(theirs), rel=1e-5)
    assert ours.n_targets == sum(sum(row.trained) for row in training.rows[:5])


def test_padding_does_not_change_a_rows_loss(tiny_decoder: Path) -> None:
    """1e-4: float32 sums over other widths."""
    training = tiny_training(tiny_decoder, task="generate")
    alone = [validation_loss(training, [row])[0].nats for row in training.rows[:4]]
    together = validation_loss(training, training.rows[:4])[0].nats
    assert together == pytest.approx(sum(alone), rel=1e-4)


def test_every_row_is_seen_once_an_epoch(tiny_encoder: Path) -> None:
    training = tiny_training(tiny_encoder, task="classify", n_steps=6)  # 24 rows, 4 a step
    n_tokens = sum(event.n_tokens for event in train_steps(training))
    assert n_tokens == sum(len(row) for row in training.rows)


def test_a_non_finite_loss_stops_before_the_weights_change(tiny_decoder: Path) -> None:
    training = tiny_training(tiny_decoder, task="generate")
    with torch.no_grad():
        next(iter(trainable_state(training.model).values())).fill_(float("inf"))
    before = weights(training)
    with pytest.raises(NonFiniteLoss) as caught:
        next(train_steps(training))
    assert caught.value.step == 1
    assert len(caught.value.row_ids) == 4
    assert_equal_bit_for_bit(before, weights(training))


def damaged(path: Path, how: str) -> None:
    """flip: one bit of the weights. cut: their last bytes. facts: state.json is no JSON. gone: no weights at all."""
    state = path / "state.safetensors"
    content = bytearray(state.read_bytes())
    if how == "flip":
        content[-7] ^= 1
    if how == "cut":
        del content[-100:]
    state.write_bytes(content)
    if how == "facts":
        (path / "state.json").write_text("{")
    if how == "gone":
        state.unlink()


@pytest.mark.parametrize("damage", ["flip", "cut", "facts", "gone"])
def test_training_goes_on_from_the_checkpoint_before_when_the_newest_is_damaged(
    damage: str, tiny_encoder: Path, tmp_path: Path
) -> None:
    whole = tiny_training(tiny_encoder, task="classify", n_steps=3)
    for event in train_steps(whole):
        save_checkpoint(tmp_path, whole, Position(step=event.step), fingerprint="f")
    damaged(tmp_path / "step-3", damage)
    told: list[str] = []
    again = tiny_training(tiny_encoder, task="classify", n_steps=3)
    position = load_checkpoint(
        tmp_path, again, fingerprint="f", tell=lambda event: told.append(getattr(event, "text", ""))
    )
    assert position.step == 2
    assert "step-3 is damaged" in told[0]
    for event in train_steps(again, done=2):
        save_checkpoint(tmp_path, again, Position(step=event.step), fingerprint="f")
    assert_equal_bit_for_bit(weights(whole), weights(again))
    fresh = tiny_training(tiny_encoder, task="classify", n_steps=3)
    assert load_checkpoint(tmp_path, fresh, fingerprint="f").step == 3, "the damaged one stood in the way"


@pytest.mark.parametrize("damage", ["flip", "cut", "facts", "gone", "other plan"])
def test_checkpoints_are_refused_when_none_is_whole_or_they_are_of_another_plan(
    damage: str, tiny_encoder: Path, tmp_path: Path
) -> None:
    training = tiny_training(tiny_encoder, task="classify")
    next(train_steps(training))
    save_checkpoint(tmp_path, training, Position(step=1), fingerprint="f")
    damaged(tmp_path / "step-1", damage)
    with pytest.raises(TrainError, match="rm -r"):
        load_checkpoint(tmp_path, training, fingerprint="other" if damage == "other plan" else "f")
    assert (tmp_path / "step-1").exists(), "nothing is taken away when there is nothing to go on from"


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_best_weights_are_refused_when_they_are_damaged(damage: str, tiny_encoder: Path, tmp_path: Path) -> None:
    training, path = tiny_training(tiny_encoder, task="classify"), tmp_path / "state.safetensors"
    save_weights(path, training)
    digest = file_digest(path)
    load_weights(path, training, digest=digest)
    damaged(tmp_path, damage)
    with pytest.raises(TrainError, match="best weights"):
        load_weights(path, training, digest=digest)


def test_only_the_newest_two_checkpoints_are_kept(tiny_encoder: Path, tmp_path: Path) -> None:
    training = tiny_training(tiny_encoder, task="classify")
    for event in train_steps(training):
        save_checkpoint(tmp_path, training, Position(step=event.step), fingerprint="f")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-11", "step-12"]
