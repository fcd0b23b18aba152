"""Operations of a training, held against torch's own counter."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch.utils.flop_counter import FlopCounterMode

from tests.numerics.training import FULL, LORA, tiny_adapted, tiny_rows
from tests.tiny import tiny_card
from tunewright.core.train_plan import TrainPlan
from tunewright.core.values import IGNORE, Architecture, Task
from tunewright.model.adapt import trainable_state
from tunewright.model.flops import TokenFlops, token_flops, training_flops
from tunewright.model.layers import layer_indices
from tunewright.model.trunk import body_of
from tunewright.text.batch import batch_of
from tunewright.train.objective import OBJECTIVES

PLAIN_LORA = LORA.with_(lora_dropout=0.0)
HEAD = TrainPlan(method="head", layers="all")
PLANS = (FULL, FULL.with_(layers=(0,)), FULL.with_(layers=(1,)), PLAIN_LORA, PLAIN_LORA.with_(layers=(1,)))


@pytest.mark.parametrize(
    ("architecture", "task", "plan"),
    [
        *(("encoder", "classify", plan) for plan in (*PLANS, HEAD)),
        *(("decoder", "generate", plan) for plan in PLANS),
    ],
    ids=lambda of: f"{of.method}-{of.layers}" if isinstance(of, TrainPlan) else of,
)
def test_training_flops_are_what_torch_counts(
    architecture: Architecture, task: Task, plan: TrainPlan, tiny_encoder: Path, tiny_decoder: Path
) -> None:
    folder = tiny_encoder if architecture == "encoder" else tiny_decoder
    loaded, card = tiny_adapted(folder, task=task, plan=plan), tiny_card(folder, architecture)
    body_of(loaded.model).set_attn_implementation("eager")
    row = tiny_rows(loaded, task=task, n_rows=8)[7]
    batch = batch_of([row], pad_id=loaded.pad_id)

    with FlopCounterMode(display=False) as counter:
        OBJECTIVES[task](loaded.model, batch).nats.backward()

    is_classify = task == "classify"
    flops = token_flops(
        card,
        method=plan.method,
        blocks=layer_indices(plan.layers, n_layers=2),
        mean_length=len(row) * (1 if architecture == "encoder" else 2),  # torch multiplies the masked half too
        n_lora=sum(p.numel() for name, p in trainable_state(loaded.model).items() if "lora_" in name),
        outputs=2 if is_classify else card.vocabulary_size,
        is_headed=is_classify,
    )
    counted = training_flops(
        flops, n_tokens=len(row), n_targets=1 if is_classify else int((batch.targets_BT != IGNORE).sum())
    )
    # The first three adapters of the lowest block hand no gradient to their input: 3 matrices of rank 4, 32 wide.
    unneeded = 2 * 3 * 4 * 32 * len(row) if plan.method == "lora" else 0
    assert counter.get_total_flops() == counted - unneeded


def test_training_flops_pay_a_kept_trunk_once() -> None:
    flops = TokenFlops(frozen=10, passed=100, output=1)

    assert training_flops(flops, n_tokens=50, n_targets=3) == 50 * 10 + 50 * 100 + 3
    assert training_flops(flops, n_tokens=50, n_targets=3, n_kept=5) == 5 * 10 + 50 * 100 + 3


def test_token_flops_depend_on_the_lowest_block_and_not_on_the_order() -> None:
    def passed(*blocks: int, method: str = "full") -> float:
        return token_flops(tiny_card(Path(), "encoder"), method=method, blocks=blocks, mean_length=10).passed

    assert passed(0) > passed(1)
    assert passed(0, 1) == passed(1, 0, 1)
    assert passed(0, method="head") == 0
