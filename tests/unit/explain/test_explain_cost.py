"""Whether answers are explained unasked: where it is cheap, never where there is no answer."""

from __future__ import annotations

from typing import Any

import pytest

from tests.golden.contexts import CLASSIFY, DECODER, ENCODER
from tunewright.contradictions import refuse_contradictions
from tunewright.core.errors import PlanError
from tunewright.core.plan import Plan
from tunewright.core.values import DataFacts, Task
from tunewright.explain.cost import methods_choice, occlusion_seconds

PLAN = Plan.model_validate({"task": "classify", "prepare": {"max_length": 512}})


@pytest.mark.parametrize(("mean_tokens", "methods"), [(20, ("occlusion",)), (500, ())])
def test_labels_are_explained_unasked_while_it_is_cheap(mean_tokens: float, methods: tuple[str, ...]) -> None:
    choice = methods_choice(PLAN, card=ENCODER, facts=CLASSIFY.facts, mean_tokens=mean_tokens)
    assert choice.value == methods
    assert "50 test rows" in choice.reason
    assert ("tunewright explain RUN" in choice.reason) == (not methods)


@pytest.mark.parametrize("task", ["generate", "text"])
def test_other_tasks_are_explained_when_asked_only(task: Task) -> None:
    choice = methods_choice(Plan(task=task), card=DECODER, facts=DataFacts(task, {"test": 9}), mean_tokens=5)
    assert choice.value == ()
    assert len(choice.reason) > 20


def test_occlusion_costs_in_proportion_to_rows_tokens_and_parameters() -> None:
    one = occlusion_seconds(ENCODER, n_rows=10, mean_tokens=20)
    assert occlusion_seconds(ENCODER, n_rows=20, mean_tokens=20) == pytest.approx(2 * one)
    assert occlusion_seconds(ENCODER, n_rows=10, mean_tokens=40) == pytest.approx(2 * one)
    assert occlusion_seconds(DECODER, n_rows=10, mean_tokens=20) > 5 * one


def test_plan_is_refused_when_raw_text_shall_be_explained() -> None:
    plan = Plan.model_validate({"task": "text", "explain": {"methods": ["occlusion"]}})
    with pytest.raises(PlanError, match="no answer"):
        refuse_contradictions(plan, plan)


def test_label_errors_is_never_done_unasked_and_its_price_is_named() -> None:
    choice = methods_choice(PLAN, card=ENCODER, facts=CLASSIFY.facts, mean_tokens=20)
    assert "label_errors" not in choice.value
    assert "label_errors only when named: it trains three more models" in choice.reason


@pytest.mark.parametrize(
    ("section", "why"),
    [({"task": "generate"}, "the task is generate"), ({"evaluate": {"systems": ["path:/m"]}}, "trains nothing")],
)
def test_label_errors_is_refused_where_no_labelled_training_can_be_done_again(
    section: dict[str, Any], why: str
) -> None:
    plan = Plan.model_validate({"task": "classify", "explain": {"methods": ["label_errors"]}, **section})
    with pytest.raises(PlanError, match=why):
        refuse_contradictions(plan, plan)
