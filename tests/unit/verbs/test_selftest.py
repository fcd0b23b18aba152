"""selftest is green on tiny models of every kind, and red when the one thing it looks for is broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn

from tests.pipeline.data import write_documents, write_labelled, write_pairs
from tests.tiny import save_tiny_decoder
from tunewright.core.errors import ModelError
from tunewright.core.events import null_tracker
from tunewright.core.planfile import LoadedPlan, load_plan
from tunewright.core.probe import Status
from tunewright.deciding import decisions
from tunewright.model.load import Loaded
from tunewright.prepare.stage import draft
from tunewright.verbs.bench import Bench, bench_of
from tunewright.verbs.selftest import probes_of, selftest

MAKERS = {"classify": write_labelled, "generate": write_pairs, "text": write_documents}


def plan(folder: Path, task: str, model: Path, *overrides: str) -> LoadedPlan:
    data = MAKERS[task](folder / f"rows.{'csv' if task == 'classify' else 'txt' if task == 'text' else 'jsonl'}")
    return load_plan(
        data, overrides=(f"task={task}", f"model={model}", "run.threads=1", "model.dtype=float32", *overrides)
    )


def bench(loaded: LoadedPlan) -> Bench:
    data = draft(loaded.plan, folder=loaded.folder, tell=null_tracker)
    return bench_of(data, decisions(loaded, data, tell=null_tracker))


def statuses(made: Bench) -> dict[str, Status]:
    return {probe.name: probe.status for probe in probes_of(made)}


def failed(made: Bench) -> set[str]:
    return {name for name, status in statuses(made).items() if status == "failed"}


@pytest.mark.parametrize(
    ("task", "method", "not_run"),
    [
        ("classify", "full", {"masks", "end token", "round trip", "merge", "generation"}),
        ("classify", "lora", {"masks", "end token", "round trip", "generation"}),
        ("generate", "lora", set()),
        ("text", "full", {"round trip", "merge", "generation"}),
    ],
)
def test_selftest_holds_on_every_task_and_says_what_did_not_run(
    task: str, method: str, not_run: set[str], tiny_encoder: Path, tiny_decoder: Path, tmp_path: Path
) -> None:
    model = tiny_encoder if task == "classify" else tiny_decoder
    found = selftest(plan(tmp_path, task, model, f"train.method={method}"))
    by_status = {s: {p.name for p in found.probes if p.status == s} for s in ("failed", "not run")}
    assert by_status == {"failed": set(), "not run": not_run}
    assert found.is_ok
    assert len(found.probes) == 12
    assert all(probe.found and probe.why for probe in found.probes)


class StuckDropout(nn.Dropout):
    """Dropout that evaluation mode does not turn off."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, self.p, training=True)


def with_stuck_dropout(loaded: Loaded) -> Loaded:
    for module in loaded.model.modules():
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Dropout):
                setattr(module, name, StuckDropout())
    return loaded


def test_padding_accumulation_and_save_fail_when_dropout_is_left_on(tiny_encoder: Path, tmp_path: Path) -> None:
    made = bench(plan(tmp_path, "classify", tiny_encoder, "train.method=full"))
    sabotaged = replace(made, fresh=lambda: with_stuck_dropout(made.fresh()))
    assert {"padding", "accumulation", "save"} <= failed(sabotaged)


def without_mask(loaded: Loaded) -> Loaded:
    """A model that attends to the padding."""
    forward = loaded.model.forward

    def blind(ids_BT: Tensor, mask_BT: Tensor) -> Any:
        return forward(ids_BT, torch.ones_like(mask_BT))

    loaded.model.forward = blind  # type: ignore[assignment]
    return loaded


def test_padding_and_accumulation_fail_when_the_model_attends_to_padding(tiny_encoder: Path, tmp_path: Path) -> None:
    made = bench(plan(tmp_path, "classify", tiny_encoder, "train.method=full"))
    sabotaged = replace(made, fresh=lambda: without_mask(made.fresh()))
    assert {"padding", "accumulation"} <= failed(sabotaged)


def louder_alone(loaded: Loaded) -> Loaded:
    """A model whose gradient is six times too long where a row stands alone."""
    n_rows = [0]
    loaded.model.register_forward_pre_hook(
        lambda _, args, kwargs: n_rows.__setitem__(0, len([*args, *kwargs.values()][0])), with_kwargs=True
    )
    for parameter in loaded.model.parameters():
        parameter.register_hook(lambda gradient: gradient * (6.0 if n_rows[0] == 1 else 1.0))
    return loaded


def test_accumulation_fails_when_clipping_would_make_both_gradients_as_long(tiny_encoder: Path, tmp_path: Path) -> None:
    made = bench(plan(tmp_path, "classify", tiny_encoder, "train.method=full", "train.max_grad_norm=0.01"))
    assert "accumulation" in failed(replace(made, fresh=lambda: louder_alone(made.fresh())))


def with_more_than_weights(loaded: Loaded) -> Loaded:
    """An adapter that does something which no merging can carry into the weights below it."""
    for module in loaded.model.modules():
        if isinstance(module, BaseTunerLayer):
            module.register_forward_hook(lambda _, __, out: out + 0.5)
    return loaded


def test_merge_fails_when_the_adapter_does_more_than_its_weights_say(tiny_encoder: Path, tmp_path: Path) -> None:
    made = bench(plan(tmp_path, "classify", tiny_encoder, "train.method=lora"))
    assert "merge" in failed(replace(made, fresh=lambda: with_more_than_weights(made.fresh())))


def test_resume_fails_when_a_fresh_model_is_not_the_same_each_time(tiny_decoder: Path, tmp_path: Path) -> None:
    """Full tuning of the last block: what is not trained is not in a checkpoint, and must come back by itself."""
    made = bench(plan(tmp_path, "generate", tiny_decoder, "train.method=full", "train.layers=last:1"))
    n_made = iter(range(100))

    def drifting() -> Loaded:
        loaded = made.fresh()
        with torch.no_grad():
            loaded.model.get_input_embeddings().weight.add_(0.01 * next(n_made))  # type: ignore[operator]
        return loaded

    assert "resume" in failed(replace(made, fresh=drifting))


def test_first_loss_fails_when_the_weights_are_not_those_of_a_model(tiny_decoder: Path, tmp_path: Path) -> None:
    made = bench(plan(tmp_path, "generate", tiny_decoder))

    def loud() -> Loaded:
        loaded = made.fresh()
        with torch.no_grad():
            loaded.model.get_output_embeddings().weight.mul_(500.0)  # type: ignore[operator]
        return loaded

    assert "first loss" in failed(replace(made, fresh=loud))


def test_selftest_stops_when_the_template_ends_no_turn(tmp_path: Path) -> None:
    endless = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    model = save_tiny_decoder(tmp_path / "model", template=endless)
    with pytest.raises(ModelError, match="no end token"):
        selftest(plan(tmp_path, "generate", model))
