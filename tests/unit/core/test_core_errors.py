"""Errors: the exit codes people script against, and the four facts every message states."""

from __future__ import annotations

import pytest

from tunewright.core import errors
from tunewright.core.errors import DoesNotFit, MissingExtra, NonFiniteLoss, PlanError, TunewrightError

EXIT_CODES = {
    "PlanError": 2,
    "DataError": 3,
    "ModelError": 4,
    "NotHere": 4,
    "DoesNotFit": 4,
    "TrainError": 5,
    "NonFiniteLoss": 5,
    "EvalError": 6,
    "RequirementsMissed": 6,
    "ExportError": 7,
    "MissingExtra": 8,
    "RunError": 9,
}
"""As the design's chapter on errors lists them; scripts depend on them."""


def _error_classes() -> dict[str, type[TunewrightError]]:
    found = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, TunewrightError)]
    return {c.__name__: c for c in found if c is not TunewrightError}


def test_errors_keep_their_exit_codes() -> None:
    assert {name: c.exit_code for name, c in _error_classes().items()} == EXIT_CODES
    assert errors.EXIT_INTERRUPTED == 130


@pytest.mark.parametrize("name", EXIT_CODES)
def test_errors_stand_in_the_drawn_tree(name: str) -> None:
    parent = _error_classes()[name].__mro__[1].__name__
    if parent == "TunewrightError":
        assert f"{name} " in str(errors.__doc__)
        assert any(line.split()[:2] == [name, str(EXIT_CODES[name])] for line in str(errors.__doc__).splitlines())
    else:
        assert EXIT_CODES[parent] == EXIT_CODES[name]


def test_error_says_what_where_why_and_fix_each_on_its_line() -> None:
    error = PlanError("no such field", where="plan.yaml:3", why="did you mean lora_r?", fix="write train.lora_r")

    assert str(error) == "plan.yaml:3: no such field\n  why: did you mean lora_r?\n  try: write train.lora_r"


def test_error_says_nothing_empty_when_only_the_fact_is_known() -> None:
    assert str(PlanError("no such field")) == "no such field"


def test_error_facts_carry_everything_for_json() -> None:
    error = PlanError("what", where="where", why="why", fix="fix")

    facts = {"error": "PlanError", "exit_code": 2, "what": "what", "where": "where", "why": "why", "fix": "fix"}
    assert error.facts() == facts


def test_does_not_fit_names_both_sizes() -> None:
    error = DoesNotFit("too large", need_bytes=3_000_000_000, have_bytes=1_500_000_000, fix="smaller")

    assert (error.need_bytes, error.have_bytes) == (3_000_000_000, 1_500_000_000)
    assert "3.0 GB" in str(error)
    assert "1.5 GB" in str(error)


def test_non_finite_loss_names_at_most_eight_rows_and_keeps_all() -> None:
    ids = tuple(f"train:{i}" for i in range(10))
    error = NonFiniteLoss(step=7, row_ids=ids)

    assert error.row_ids == ids
    assert "step 7" in str(error)
    assert "train:7 ..." in str(error)
    assert "train:8" not in str(error)


@pytest.mark.parametrize(
    ("step", "broken", "words"),
    [
        (7, (), "lower train.learning_rate"),
        (7, ("encoder.layer.1.weight",), "lower train.learning_rate"),
        (1, (), "the rate is not to blame"),
        (1, ("encoder.layer.1.weight",), "fetch the model again"),
    ],
)
def test_non_finite_loss_blames_the_rate_only_where_it_can_be(step: int, broken: tuple[str, ...], words: str) -> None:
    """Nothing has been learned at the first step."""
    error = NonFiniteLoss(step=step, row_ids=("train:1",), broken=broken)

    assert words in str(error)
    assert all((name in str(error)) is (step == 1) for name in broken)


def test_missing_extra_ends_with_the_install_line() -> None:
    assert 'pip install "tunewright[serve]"' in str(MissingExtra("fastapi", extra="serve", needed_for="serve"))
