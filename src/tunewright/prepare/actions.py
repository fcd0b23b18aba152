"""The checks of the data and what a plan may say about each.

In: `prepare.actions` of a plan. Out: one action for every check. Its own file because it is a table: a new check is a
new line here, and a check that is not built yet stands here too, so that nobody takes silence for "ok".
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from tunewright.core.errors import PlanError
from tunewright.core.values import Action, Task

ALL_TASKS: tuple[Task, ...] = ("classify", "generate", "text")


@dataclass(frozen=True, slots=True)
class Check:
    """One question that is asked of the data."""

    finds: str
    """What it looks for, in words that follow "no"."""
    actions: tuple[Action, ...] = ("report",)
    """What a plan may ask for; the first is the default."""
    tasks: tuple[Task, ...] = ALL_TASKS


CHECKS: dict[str, Check] = {
    "duplicates": Check("row that repeats another", ("drop", "report")),
    "conflicting_labels": Check("text with different labels", ("fix", "drop", "report"), ("classify",)),
    "leakage": Check("row in two splits", ("refuse", "report", "drop", "fix")),
    "group_overlap": Check("group in two splits"),
    "unusable_rows": Check("row left out for another reason", ("drop",)),
    "label_spelling": Check("label spelled in two ways", ("report", "fix"), ("classify",)),
    "rare_labels": Check("label with too few train rows", tasks=("classify",)),
    "class_imbalance": Check("label far more frequent than another", tasks=("classify",)),
    "unseen_labels": Check("label that train does not have", tasks=("classify",)),
    "held_out_size": Check("test or validation set that is too small"),
    "long_rows": Check("row longer than prepare.max_length"),
    "encoding": Check("byte that is not clean UTF-8"),
    "header": Check("file without a header row"),
    "quotes": Check("stray quote"),
    "columns": Check("column without a name of its own"),
    "ragged": Check("row with more cells than columns", ("drop",)),
    "unreadable": Check("row that cannot be read", ("drop",)),
    "empty": Check("row without text", ("drop",)),
    "no_label": Check("row without a label", ("drop",), ("classify",)),
    "no_prompt": Check("answer without a prompt", ("drop",), ("generate",)),
    "no_answer": Check("prompt without an answer", ("drop",), ("generate",)),
    "no_trained_turn": Check("conversation without an answer to learn", ("drop",), ("generate",)),
}
"""The checks that run; the last ones while the files are read."""

NOT_RUN: dict[str, str] = {
    "near_duplicates": "rows that are nearly the same are not looked for in this version",
    "near_leakage": "only word-for-word and normalised matches between splits are looked for in this version",
    "personal_data": "names, phone numbers and the like are not looked for in this version",
    "contamination": "whether the model saw the test rows in pre-training is not tested in this version",
    "label_errors": "labels that are probably wrong are not looked for in this version",
    "mixed_languages": "only the most frequent language of a sample is told in this version",
}
"""Checks that people expect and that are not built: reported as not run, never as ok."""


def checked_actions(asked: Mapping[str, Action]) -> dict[str, Action]:
    """The action of every check: as asked, else its default. leakage fix means drop.

    Raises PlanError for a check that is unknown or not in this version, and for an action it does not have.
    """
    for name, action in asked.items():
        if name not in CHECKS:
            raise _unknown(name)
        possible = CHECKS[name].actions
        if action not in possible:
            raise PlanError(
                f"{name} cannot be set to {action}",
                where=f"prepare.actions.{name}",
                why=f"a {CHECKS[name].finds} can be met with {' or '.join(possible)} in this version",
                fix=" or ".join(f"prepare.actions.{name}={a}" for a in possible),
            )
    actions = {name: asked.get(name, check.actions[0]) for name, check in CHECKS.items()}
    return {**actions, "leakage": "drop" if actions["leakage"] == "fix" else actions["leakage"]}


def _unknown(name: str) -> PlanError:
    if name in NOT_RUN:
        return PlanError(
            f"the check {name} is not in this version",
            where=f"prepare.actions.{name}",
            why=NOT_RUN[name],
            fix=f"leave {name} out of prepare.actions",
        )
    near = difflib.get_close_matches(name, CHECKS, n=1, cutoff=0.5)
    return PlanError(
        f"there is no check {name}",
        where=f"prepare.actions.{name}",
        why=f"did you mean {near[0]}?" if near else "",
        fix=f"the checks are {', '.join(CHECKS)}",
    )
