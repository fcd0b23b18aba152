"""The race itself, on losses that follow laws: who is dropped, what a budget ends, what a failure costs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tunewright.select.more_data import learning_curve
from tunewright.select.race import Race, Trained, race
from tunewright.select.race_words import Rival, change_words, race_table, won_words, worth_words

N_ROWS = 3200
LAWS: dict[str, Callable[[int], float]] = {
    "slow": lambda n: 2.0 * n**-0.05,
    "fast": lambda n: 4.0 * n**-0.25,
    "flat": lambda n: 2.0,
    "worse": lambda n: 5.0 * n**-0.1,
    "worst": lambda n: 9.0 * n**-0.1,
}
"""At 3,200 rows: 1.34, .53, 2.0, 2.2, 4.0; at 100 rows slow is still ahead of nobody but flat."""


@dataclass
class ByLaw:
    """Trains by the laws above; a second for every hundred rows."""

    failing: tuple[str, ...] = ()
    calls: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, name: str, size: int, *, seconds_left: float) -> Trained:
        self.calls.append((name, size))
        seconds = size / 100
        if name in self.failing:
            return Trained(math.nan, seconds, failure="the loss is not a number at step 3")
        if seconds > seconds_left:
            return Trained(math.nan, seconds_left, is_out_of_time=True)
        return Trained(LAWS[name](size), seconds)


def raced(train: ByLaw, *, budget: float = 1e6) -> Race:
    return race(list(LAWS), n_rows=N_ROWS, train=train, budget_seconds=budget)


def test_race_finds_the_best_at_full_data_at_15_percent_of_the_cost() -> None:
    train = ByLaw()
    found = raced(train)
    assert next(iter(found.told())) == "fast"
    assert found.told()["fast"].loss == pytest.approx(LAWS["fast"](N_ROWS))
    assert sum(size for _, size in train.calls) <= 0.15 * N_ROWS * len(LAWS)
    assert [name for name, size in train.calls if size == 400] == ["fast", "slow"]
    assert found.dropped_after == {"flat": 200, "worse": 200, "worst": 200}
    assert not found.stopped


def test_race_goes_on_without_the_one_that_fails() -> None:
    found = raced(ByLaw(failing=("fast",)))
    assert found.failed == {"fast": "the loss is not a number at step 3"}
    assert next(iter(found.told())) == "slow"
    assert "1 failed" in won_words(found, unit="nats a row", seed=0)
    assert race_table(found)[-1]["failure"] == "the loss is not a number at step 3"


def test_race_ends_within_its_budget_and_a_half_round_does_not_decide() -> None:
    """The rounds of 100 and 200 rows take 5 s and 10 s, that of 400 rows 4 s each: 21 s end within the third round."""
    found = raced(ByLaw(), budget=21.0)
    assert found.spent_seconds == 19.0
    assert 400 in found.losses["fast"]
    assert found.finished == [100, 200]
    assert found.stopped == "the budget of 21 s ended in the round of 400 rows"
    assert next(iter(found.told())) == "fast"
    assert found.told()["fast"].sizes == (100, 200)


def test_race_does_not_begin_a_training_that_would_not_end_in_time() -> None:
    """After the first round 12 - 5 = 7 s are left: 2 s each are expected, so three begin and the fourth does not."""
    train = ByLaw()
    raced(train, budget=12.0)
    assert [size for _, size in train.calls] == [100] * 5 + [200] * 3


def test_race_without_time_for_one_training_has_no_winner_and_says_so() -> None:
    found = raced(ByLaw(), budget=0.5)
    assert found.told() == {}
    assert math.isnan(found.regret(seed=0))
    assert "0 s ended in the round of 100 rows" in found.stopped


def test_words_name_the_second_and_what_would_change_the_choice() -> None:
    found = raced(ByLaw())
    reason = won_words(found, unit="nats a row", seed=0)
    assert "0.532 ±" in reason
    assert "slow comes next with 1.34" in reason
    assert "3 were dropped early" in reason
    assert "slow would be chosen if its loss with all rows were 0.8" in change_words(found, unit="nats a row")


def test_change_words_say_where_the_lines_cross() -> None:
    laws = {"first": lambda n: 1.0 * n**-0.10, "second": lambda n: 1.5 * n**-0.15}
    found = race(
        list(laws),
        n_rows=N_ROWS,
        train=lambda name, size, *, seconds_left: Trained(laws[name](size), 1.0),
        budget_seconds=1e6,
    )
    n = 1.5**20  # n^.05 = 1.5
    assert next(iter(found.told())) == "first"
    assert n / N_ROWS < 2
    assert f"it is better from about {n:,.0f} rows on" in change_words(found, unit="nats a row")


def test_worth_words_say_plainly_when_tuning_is_not_worth_it() -> None:
    told = raced(ByLaw()).told()["fast"]
    said = {
        loss: worth_words(told, Rival("the keyword model", loss, "nats a row"), n_rows=N_ROWS)
        for loss in (0.3, 0.53, 1.0, math.nan)
    }
    assert said[0.3].startswith("tuning is not worth it here: the keyword model is better already")
    assert said[0.53].startswith("tuning may not be worth it")
    assert said[1.0].startswith("tuning is worth it: 0.532 ±")
    assert said[math.nan] == ""
    noisy = Rival("the keyword model", 0.3, "wrong answers a row", noise=0.2)
    assert worth_words(told, noisy, n_rows=N_ROWS).startswith("tuning may not be worth it")


def test_learning_curve_says_what_twice_the_data_would_buy() -> None:
    """By a power law with slope -.25: 2^-.25 - 1 of the loss, and hardly any error."""
    curve = learning_curve({n: LAWS["fast"](n) for n in (100, 200, 400)}, n_rows=N_ROWS)
    loss = LAWS["fast"](N_ROWS)
    assert curve.gain == pytest.approx(loss * (2**-0.25 - 1))
    assert curve.gain_error == pytest.approx(0.0, abs=1e-6)
    assert curve.sentence.startswith("twice the data would buy -0.085")
    assert (curve.told[0].rows, curve.told[-1].rows) == (100, 4 * N_ROWS)


def test_learning_curve_does_not_promise_what_noise_could_be() -> None:
    curve = learning_curve({100: 1.0, 200: 1.1, 400: 0.95}, n_rows=N_ROWS)
    assert curve.gain + curve.gain_error > 0
    assert curve.sentence.endswith("whether it would help at all is not known")
    assert all(one.low < one.loss < one.high for one in curve.told)


def test_learning_curve_of_one_or_two_sizes_has_no_interval() -> None:
    assert "not known" in learning_curve({100: 1.0}, n_rows=N_ROWS).sentence
    two = learning_curve({100: 1.0, 200: 0.5}, n_rows=N_ROWS)
    assert two.gain == pytest.approx(-1 / 64)  # at 3,200 rows 1/32, and half of that beyond
    assert "no interval" in two.sentence
