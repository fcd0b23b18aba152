"""trackio: a database in the run's folder that `trackio show` draws.

In: numbers at steps. Out: one trackio run. Its own file because every tool is one.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, redirect_stdout
from shlex import quote

from tunewright.train.trackers.tracking import Tracked

PROJECT = "tunewright"
PLACES = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")
"""Where a person may have told trackio to send its data."""


class Trackio:
    """One trackio run of the project `tunewright`."""

    def __init__(self, tracked: Tracked) -> None:
        os.environ.setdefault("TRACKIO_DIR", str(tracked.folder.resolve()))  # read once, when it is imported
        import trackio  # an extra, and a second to import
        from trackio.utils import TRACKIO_DIR

        with _silence():
            self._run = trackio.init(
                project=PROJECT,
                name=tracked.run_id or tracked.name,
                config=dict(tracked.parameters),
                resume="allow" if tracked.run_id else "never",
                auto_log_cpu=False,
                auto_log_gpu=False,
                embed=False,
            )
        self.run_id = str(self._run.name)
        sent_to = next((os.environ[name] for name in PLACES if os.environ.get(name)), "")
        self.place = sent_to or f"TRACKIO_DIR={quote(str(TRACKIO_DIR))} trackio show --project {PROJECT}"

    def log(self, numbers: Mapping[str, float], *, step: int) -> None:
        self._run.log(dict(numbers), step=step)

    def close(self, *, is_done: bool) -> None:
        with _silence():
            self._run.finish()


def _silence() -> AbstractContextManager[object]:
    """trackio prints to stdout, which is for answers; the training waits meanwhile and prints nothing."""
    return redirect_stdout(io.StringIO())
