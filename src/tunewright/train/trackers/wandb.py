"""Weights & Biases: offline files in the run's folder, or the server that a person has logged in to.

In: numbers at steps. Out: one W&B run. Its own file because every tool is one, and because this one would ask for an
account and send data by itself: it is offline unless WANDB_MODE or an API key says otherwise.
"""

from __future__ import annotations

import netrc
import os
from collections.abc import Mapping
from shlex import quote
from typing import Any
from urllib.parse import urlsplit

from tunewright.train.trackers.tracking import Tracked


class WeightsAndBiases:
    """One W&B run of the project `tunewright`, or of WANDB_PROJECT."""

    def __init__(self, tracked: Tracked) -> None:
        is_online = is_set_up()
        if not is_online:
            os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # it reports its own crashes over the network
        import wandb  # an extra, and a second to import

        tracked.folder.mkdir(parents=True, exist_ok=True)
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or "tunewright",
            name=tracked.name,
            id=tracked.run_id or None,
            resume="allow" if tracked.run_id else None,
            dir=str(tracked.folder),
            config=dict(tracked.parameters),
            mode=None if is_online else "offline",
            settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
        )
        self.run_id = str(self._run.id)
        folder = str(self._run.dir).removesuffix("/files")
        self.place = f"offline; to send it: wandb sync {quote(folder)}" if self._run.offline else str(self._run.url)

    def log(self, numbers: Mapping[str, float], *, step: int) -> None:
        self._run.log(dict(numbers), step=step)

    def close(self, *, is_done: bool) -> None:
        self._run.finish(exit_code=0 if is_done else 1)


def is_set_up() -> bool:
    """A person has said where to: WANDB_MODE, WANDB_API_KEY, or `wandb login`, which writes to netrc."""
    if os.environ.get("WANDB_MODE") or os.environ.get("WANDB_API_KEY"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai").hostname or ""
    try:
        return netrc.netrc(os.environ.get("NETRC")).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
