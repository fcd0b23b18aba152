"""The trackers there are: a word of train.trackers to the tool that it names.

In: a plan. Out: Tools, or an error that names the install line. Its own file because it is a table: a new tool is a
file beside this one and a line here; an installed package brings one under the entry point tunewright.trackers.
"""

from __future__ import annotations

from importlib.util import find_spec

from tunewright.core.errors import MissingExtra
from tunewright.core.plan import Plan
from tunewright.core.registry import lookup
from tunewright.train.trackers.mlflow import MLflow
from tunewright.train.trackers.tensorboard import TensorBoard
from tunewright.train.trackers.tracking import Tool
from tunewright.train.trackers.trackio import Trackio
from tunewright.train.trackers.wandb import WeightsAndBiases

TOOLS: dict[str, Tool] = {
    "tensorboard": Tool("tensorboard", "tensorboard", TensorBoard),
    "mlflow": Tool("mlflow", "mlflow", MLflow),
    "wandb": Tool("wandb", "wandb", WeightsAndBiases),
    "trackio": Tool("trackio", "trackio", Trackio),
}


def tools_of(plan: Plan) -> dict[str, Tool]:
    """Those that the plan names, each once, in its order.

    Raises PlanError for a word that is none.
    """
    return {word: lookup(word, TOOLS, kind="trackers", where="train.trackers") for word in plan.train.trackers}


def refuse_missing_trackers(plan: Plan) -> None:
    """Raises PlanError, MissingExtra: before anything is read, so that no training runs undrawn."""
    for word, tool in tools_of(plan).items():
        if tool.extra and not _is_installed(tool.package):
            raise MissingExtra(tool.package, extra=tool.extra, needed_for=f"train.trackers: [{word}]")


def _is_installed(package: str) -> bool:
    """A folder of this name where the command is typed is no package: W&B leaves one called wandb behind."""
    found = find_spec(package)
    return found is not None and found.origin is not None
