"""Whole resolved plans, value for value and reason for reason: a changed default shows in the diff of a file.

After a change that is meant, write the files anew and read their diff before you commit it:

    python -m tests.golden.test_resolved_plans
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.golden.contexts import CLASSIFY, GENERATE, choices_before
from tunewright.core.plan import Plan, plan_dict
from tunewright.decided import choices_as_dicts
from tunewright.resolve import Context, resolve

FOLDER = Path(__file__).parent
CONTEXTS = {"classify": CLASSIFY, "generate": GENERATE}


def resolved_text(context: Context) -> str:
    """The resolved plan of a plan that says nothing but its data, with every choice and the predicted memory."""
    given = choices_before(context.facts.task, model=context.card.name)
    resolved = resolve(Plan(), context, given=given)
    record = {
        "plan": plan_dict(resolved.plan),
        "choices": choices_as_dicts(resolved.choices[len(given) :]),
        "predicted_peak_memory_bytes": resolved.memory.total,
    }
    return yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=110)


@pytest.mark.parametrize("name", CONTEXTS)
def test_resolve_decides_the_same_as_ever(name: str) -> None:
    golden = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")

    assert resolved_text(CONTEXTS[name]) == golden, "a default changed; if it is meant: see this file's first lines"


if __name__ == "__main__":
    for each, situation in CONTEXTS.items():
        (FOLDER / f"{each}.yaml").write_text(resolved_text(situation), encoding="utf-8")
