"""TensorBoard: event files that `tensorboard --logdir` draws.

In: numbers at steps. Out: event files in the run's folder; no network at all. Its own file because every tool is one.
"""

from __future__ import annotations

from collections.abc import Mapping
from shlex import quote

from tunewright.train.trackers.tracking import Tracked


class TensorBoard:
    """Event files; one more each time that a training goes on."""

    run_id = "tensorboard"

    def __init__(self, tracked: Tracked) -> None:
        from torch.utils.tensorboard import SummaryWriter  # an extra, and a second to import

        tracked.folder.mkdir(parents=True, exist_ok=True)
        self.place = f"tensorboard --logdir {quote(str(tracked.folder))}"
        self._writer = SummaryWriter(str(tracked.folder))
        if not tracked.run_id:
            lines = "\n".join(f"| {name} | {value} |" for name, value in tracked.parameters.items())
            self._writer.add_text("plan", f"| field | value |\n|---|---|\n{lines}", 0)

    def log(self, numbers: Mapping[str, float], *, step: int) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()  # a killed run keeps what it told

    def close(self, *, is_done: bool) -> None:
        self._writer.close()
