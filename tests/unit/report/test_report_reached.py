"""Which weights changed, in words: what is left out is seen at a glance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.report.run_folder import write_run
from tunewright.report.reached import reached_of
from tunewright.report.stage import write_report


def part(n_weights: int, n_reached: int, n_trained: int = 0) -> dict[str, Any]:
    return {"n_weights": n_weights, "n_reached": n_reached, "n_trained": n_trained}


def test_reached_names_what_does_not_change_and_joins_blocks_that_are_alike() -> None:
    found = reached_of(
        {
            "reached": {
                "by_kind": {"attention": part(1000, 1000, 80), "experts": part(3000, 0), "head": part(0, 0, 5)},
                "by_block": [part(100, 0), part(100, 0), part(1000, 999)],
                "missed": [{"name": "mlp.experts.down_proj", "share": 0.714}],
            }
        }
    )

    assert found is not None
    assert found.kinds == (
        ("Attention", "1 k", "100 %", "80"),
        ("Routed experts", "3 k", "0 %", "0"),
        ("Output layer, head", "0", "", "5"),
    )
    assert found.blocks == "Weights that change, by block: 0 to 1: 0 %; 2: over 99 %."
    assert found.missed == ("mlp.experts.down_proj (71 % of its blocks)",)


def test_reached_of_an_older_run_is_not_shown() -> None:
    assert reached_of({"method": "lora"}) is None


def test_page_shows_which_weights_changed(tmp_path: Path) -> None:
    html = write_report(write_run(tmp_path / "run")).read_text(encoding="utf-8")

    assert "Which weights changed" in html
    assert '<th scope="row">Attention</th><td class="num">22.7 M</td>' in html
