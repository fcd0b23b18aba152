"""What the words of evaluate.systems stand for, without running anything.

In: the words, as asked or resolved. Out: the one that the verdict is about, whether it is trained here, the name that a
person reads. Its own file because the pipeline, the evaluation, the report and the command line must agree on them.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from tunewright.core.errors import PlanError
from tunewright.core.evaluate_plan import API, OUTSIDE
from tunewright.core.plan import Plan
from tunewright.core.section import is_auto

TUNED = "tuned"
SCRATCH = "scratch"
SYSTEMS = (TUNED, "base", "majority", "mean", "tfidf", "linear_probe", "few_shot", SCRATCH)
"""What this version can run, beside path:FOLDER, api:NAME, scratch:10x and scratch:max. The functions:
evaluate/systems.py."""
_SAYS_NOTHING = ("adapter", "model", "train", "export", "merged", "output", "final", "best")
"""Names of folders that every tool writes: the folder above says which one it is."""


def subject_word(plan: Plan) -> str:
    """The system that the verdict is about: tuned, else the first path:FOLDER; empty when there is neither."""
    systems = plan.evaluate.systems
    if is_auto(systems) or TUNED in systems:
        return TUNED
    return next((name for name in systems if name.startswith(OUTSIDE)), "")


def trains(plan: Plan) -> bool:
    """False: the plan measures a model that something else has trained."""
    return subject_word(plan) == TUNED


def scratch_words(plan: Plan) -> tuple[str, ...]:
    """The systems that are trained from random weights, in the plan's order."""
    systems = plan.evaluate.systems
    return () if is_auto(systems) else tuple(name for name in systems if is_scratch(name))


def is_scratch(system: str) -> bool:
    return system.partition(":")[0] == SCRATCH


def scratch_times(system: str) -> float:
    """How many times the operations of the tuned model's training a scratch system gets; inf: until it is no better.

    Raises PlanError for an amount that cannot be read.

    >>> scratch_times("scratch"), scratch_times("scratch:10x"), scratch_times("scratch:max")
    (1.0, 10.0, inf)
    """
    if system in (SCRATCH, f"{SCRATCH}:max"):
        return math.inf if system != SCRATCH else 1.0
    found = re.fullmatch(r"(\d{1,4}(?:\.\d+)?)x", system.partition(":")[2])
    if found is None or not float(found[1]):
        raise PlanError(
            f"{system} does not say how long a model is trained from random weights",
            where="evaluate.systems",
            why="scratch takes the operations of tuned's training, scratch:10x ten times them, scratch:max what helps",
            fix="evaluate.systems=[tuned, base, scratch]",
        )
    return float(found[1])


def outside_words(plan: Plan) -> tuple[str, ...]:
    """The path:FOLDER systems, in the plan's order."""
    systems = plan.evaluate.systems
    return () if is_auto(systems) else tuple(name for name in systems if name.startswith(OUTSIDE))


def api_words(plan: Plan) -> tuple[str, ...]:
    """The api:NAME systems, in the plan's order."""
    systems = plan.evaluate.systems
    return () if is_auto(systems) else tuple(name for name in systems if name.startswith(API))


def folder_of(system: str) -> Path:
    """The folder of a system path:FOLDER; whole already, because asking makes a plan's paths whole."""
    return Path(system.removeprefix(OUTSIDE))


def outside_name(system: str) -> str:
    """The folder's name, with the folders above it as long as it says nothing; any other word is its own name.

    >>> outside_name("path:/home/me/my-adapter"), outside_name("path:/runs/first/train/adapter")
    ('my-adapter', 'first/train/adapter')
    """
    parts = folder_of(system).parts
    start = len(parts) - 1
    while start > 1 and (parts[start] in _SAYS_NOTHING or parts[start].startswith("checkpoint-")):
        start -= 1
    return "/".join(parts[start:])
