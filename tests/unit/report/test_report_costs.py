"""Costs beside the gain: every training that was paid for, in one cell a system."""

from __future__ import annotations

from tunewright.report.costs import cost_lines

COSTS = {
    "tuned": {"seconds": 2.0, "training": {"seconds": 63.0, "flops": 2.14e14, "kwh": 0.0012, "price": 0.031}},
    "tfidf": {"seconds": 0.4},
    "scratch": {
        "seconds": 1.0,
        "training": {"seconds": 65.0, "flops": 2.14e14, "kwh": None, "price": None},
        "search": {"seconds": 48.0, "flops": 1.6e14, "kwh": None, "price": None},
    },
}


def test_a_training_stands_beside_what_finding_its_rate_took() -> None:
    lines = {line.name: line.cells for line in cost_lines(COSTS, ["tuned", "tfidf", "scratch"])}
    assert lines == {
        "Time to answer": ("2.0 s", "0.4 s", "1.0 s"),
        "Training": ("1 min 03 s", "", "1 min 05 s + 48 s"),
        "Operations of training": ("2.1e14", "", "2.1e14 + 1.6e14"),
        "Electricity of training": ("about 1 Wh", "", ""),
        "Price of training": ("about 0.031", "", ""),
    }


def test_nothing_is_said_of_costs_that_a_run_does_not_tell() -> None:
    assert cost_lines({}, ["tuned"]) == ()
    assert [line.name for line in cost_lines({"tuned": {"seconds": 1.0}}, ["tuned"])] == ["Time to answer"]
