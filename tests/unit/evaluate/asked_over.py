"""A contest whose only other system stands behind an address: rows, plan, folder, without any model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tunewright.core.events import Tracker, null_tracker
from tunewright.core.plan import Plan
from tunewright.core.values import DataFacts, Message, ModelCard, Row, Subject, Task
from tunewright.evaluate.contest import Contest

LABELS = ("card_lost", "fee")
CARD = ModelCard("none", "", "decoder", "llama", 1, 1, 1, 1, 1, 512, "MIT", has_chat_template=True)


def written_rows(n: int) -> tuple[Row, ...]:
    return tuple(
        Row(f"test:{i}", messages=(Message("user", f"say {i}"), Message("assistant", f"said {i}", is_trained=True)))
        for i in range(n)
    )


def contest_of(
    rows: Sequence[Row], *, url: str, folder: Path, task: Task = "generate", tell: Tracker = null_tracker, **api: Any
) -> Contest:
    """api: other settings of the address, which is called gpt."""
    plan = Plan.model_validate(
        {
            "task": task,
            "evaluate": {
                "systems": ["tuned", "api:gpt"],
                "apis": {"gpt": {"url": url, "model": "big", **api}},
                "primary_metric": "accuracy" if task == "classify" else "bits_per_byte",
                "max_new_tokens": 8,
                "limit": None,
            },
        }
    )
    labels = LABELS if task == "classify" else ()
    facts = DataFacts(task, {"test": len(rows)}, labels=labels)
    subject = Subject("tuned", str(folder), CARD, task, labels, 64, "cpu", "float32", 1)
    return Contest(plan, subject, facts, (), (), tuple(rows), tell, kept=folder / "apis")
