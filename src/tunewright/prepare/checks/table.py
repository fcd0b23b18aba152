"""The checks of the data and what a plan may say about each.

In: `prepare.actions` of a plan. Out: one action for every check. Its own file because it is a table: a new check is a
new line here, and a check that is not built yet stands here too, so that nobody takes silence for "ok".
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import entry_points

from tunewright.core.errors import PlanError
from tunewright.core.values import Action
from tunewright.prepare.checks import (
    boilerplate,
    class_imbalance,
    conflicting_labels,
    conversation_shape,
    cut_off,
    duplicates,
    filler_answers,
    group_overlap,
    held_out_size,
    invisible,
    label_errors,
    label_spelling,
    languages,
    leakage,
    lengths,
    markup,
    names,
    near_duplicates,
    personal_data,
    rare_labels,
    repetition,
    secrets,
    unseen_labels,
)
from tunewright.prepare.checks.check import Check
from tunewright.prepare.checks.not_built import NOT_RUN

CHECKS: dict[str, Check] = {
    "label_spelling": label_spelling.CHECK,
    "conversation_shape": conversation_shape.CHECK,
    "markup": markup.CHECK,
    "secrets": secrets.CHECK,
    "personal_data": personal_data.CHECK,
    "names": names.CHECK,
    "leakage": leakage.CHECK,
    "group_overlap": group_overlap.CHECK,
    "duplicates": duplicates.CHECK,
    "conflicting_labels": conflicting_labels.CHECK,
    "near_duplicates": near_duplicates.CHECK,
    "boilerplate": boilerplate.CHECK,
    "filler_answers": filler_answers.CHECK,
    "cut_off": cut_off.CHECK,
    "repetition": repetition.CHECK,
    "invisible": invisible.CHECK,
    "lengths": lengths.CHECK,
    "languages": languages.CHECK,
    "label_errors": label_errors.CHECK,
    "rare_labels": rare_labels.CHECK,
    "class_imbalance": class_imbalance.CHECK,
    "unseen_labels": unseen_labels.CHECK,
    "held_out_size": held_out_size.CHECK,
    "unusable_rows": Check("row left out for another reason", ("reading",), actions=("drop",)),
    "long_rows": Check("row longer than prepare.max_length", ("tokens",)),
    "cut_answers": Check("answer cut by prepare.max_length", ("tokens",), tasks=("generate",)),
    "no_trained_token": Check("row without a token to train on", ("tokens",), tasks=("generate", "text")),
    "template": Check("row in other tokens than the model was made for", ("tokens",)),
    "round_trip": Check("turn that does not read back as it was written", ("tokens",), tasks=("generate",)),
    "masks": Check("row trained on something else than its answers", ("tokens",), tasks=("generate", "text")),
    "end_token": Check("answer without an end token", ("tokens",), tasks=("generate", "text")),
    "encoding": Check("byte that is not clean UTF-8", ("reading",)),
    "header": Check("file without a header row", ("reading",)),
    "quotes": Check("quote that does not close", ("reading",), actions=("refuse", "report")),
    "columns": Check("column without a name of its own", ("reading",)),
    "ragged": Check("row with more cells than columns", ("reading",), actions=("drop",)),
    "unreadable": Check("row that cannot be read", ("reading",), actions=("drop",)),
    "empty": Check("row without text", ("reading",), actions=("drop",)),
    "mojibake": Check("text read with the wrong encoding", ("reading",), actions=("fix", "report")),
    "characters": Check("control character or letter written in parts", ("reading",), actions=("fix",)),
    "several_answers": Check("row with several answers", ("reading",), actions=("fix",), tasks=("generate",)),
    "unknown_role": Check("turn of an unknown role", ("reading",), actions=("drop",), tasks=("generate",)),
    "no_label": Check(
        "row without a label", ("reading",), actions=("drop",), tasks=("classify", "multilabel", "regress")
    ),
    "not_a_number": Check("number that cannot be read", ("reading",), actions=("drop",), tasks=("regress",)),
    "no_prompt": Check("answer without a prompt", ("reading",), actions=("drop",), tasks=("generate",)),
    "no_answer": Check("prompt without an answer", ("reading",), actions=("drop",), tasks=("generate",)),
    "no_trained_turn": Check(
        "conversation without an answer to learn", ("reading",), actions=("drop",), tasks=("generate",)
    ),
}
"""The checks in their order: of one moment each repair sees the ones before it."""


@lru_cache(maxsize=1)
def all_checks() -> Mapping[str, Check]:
    """Ours, then those of installed packages (entry points tunewright.checks), which cannot take a name of ours."""
    others = {point.name: point.load() for point in entry_points(group="tunewright.checks")}
    return {**CHECKS, **{name: check for name, check in others.items() if name not in CHECKS}}


def checked_actions(asked: Mapping[str, Action]) -> dict[str, Action]:
    """The action of every check: as asked, else its default. leakage fix means drop.

    Raises PlanError for a check that is unknown or not in this version, and for an action it does not have.
    """
    checks = all_checks()
    for name, action in asked.items():
        if name not in checks:
            raise _unknown(name)
        possible = checks[name].actions
        if action not in possible:
            raise PlanError(
                f"{name} cannot be set to {action}",
                where=f"prepare.actions.{name}",
                why=f"a {checks[name].finds} can be met with {' or '.join(possible)} in this version",
                fix=" or ".join(f"prepare.actions.{name}={a}" for a in possible),
            )
    actions = {name: asked.get(name, check.actions[0]) for name, check in checks.items()}
    return {**actions, "leakage": "drop" if actions["leakage"] == "fix" else actions["leakage"]}


def _unknown(name: str) -> PlanError:
    if name in NOT_RUN:
        return PlanError(
            f"the check {name} is not in this version",
            where=f"prepare.actions.{name}",
            why=NOT_RUN[name],
            fix=f"leave {name} out of prepare.actions",
        )
    near = difflib.get_close_matches(name, all_checks(), n=1, cutoff=0.5)
    return PlanError(
        f"there is no check {name}",
        where=f"prepare.actions.{name}",
        why=f"did you mean {near[0]}?" if near else "",
        fix=f"the checks are {', '.join(all_checks())}",
    )
