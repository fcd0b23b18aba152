"""The error tree: what a user can do wrong or a machine can fail at, each with its exit code.

In: the facts of a failure. Out: one exception whose text says what, where, why and what to do next.
Its own file because the command line, the stages and the documentation all read the same tree.

    TunewrightError
      PlanError     2   unknown field, out of range, contradiction
      DataError     3   unreadable, missing column, nothing left, leakage refused
      ModelError    4   not found, does not fit, template missing, unsafe file
      TrainError    5   non-finite loss, checkpoint mismatch
      EvalError     6   no honest comparison, requirements missed
      ExportError   7   parity failed
      MissingExtra  8   names the install line
      RunError      9   folder locked, not writable, disk full, port in use

Add a class only when a caller can act differently on it; a new cause of an existing kind is a new message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

EXIT_INTERRUPTED = 130
"""Ctrl-C: the state is saved and the same command goes on. Source: shells' 128 + SIGINT."""


class TunewrightError(Exception):
    """A failure that a person can mend; everything else passes through as it is."""

    exit_code = 1

    def __init__(self, what: str, *, where: str = "", why: str = "", fix: str = "") -> None:
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.fix:
            lines.append(f"  try: {self.fix}")
        return "\n".join(lines)

    def facts(self) -> dict[str, Any]:
        """The same for machines: what `--json` prints."""
        return {
            "error": type(self).__name__,
            "exit_code": self.exit_code,
            "what": self.what,
            "where": self.where,
            "why": self.why,
            "fix": self.fix,
        }


class PlanError(TunewrightError):
    """The plan asks for something that does not exist or contradicts itself."""

    exit_code = 2


class DataError(TunewrightError):
    """The user's file cannot be used as it stands."""

    exit_code = 3


class ModelError(TunewrightError):
    """The model is missing, unsafe, or does not fit."""

    exit_code = 4


class NotHere(ModelError):
    """A model whose files are not on this machine, and cannot be fetched now: another one may do."""


@dataclass(frozen=True, slots=True)
class Way:
    """A change of the plan with which it fits, as predicted."""

    change: str
    """Fields as one writes them behind a command: train.batch_size=1 train.gradient_accumulation_steps=8."""
    need_bytes: int
    """With the change."""
    price: str
    """What it costs: time, quality."""


class DoesNotFit(ModelError):
    """The run would need more memory than there is."""

    def __init__(self, what: str, *, need_bytes: int, have_bytes: int, fix: str, ways: Sequence[Way] = ()) -> None:
        self.need_bytes = need_bytes
        self.have_bytes = have_bytes
        self.ways = tuple(ways)
        super().__init__(
            what,
            why=f"it needs about {need_bytes / 1e9:.1f} GB and {have_bytes / 1e9:.1f} GB can be used",
            fix=fix,
        )

    def __str__(self) -> str:
        """With a line for each way, where there are any."""
        if not self.ways:
            return super().__str__()
        head, _, _ = super().__str__().partition("\n  try: ")
        lines = [f"  try: {way.change}\n       {way.need_bytes / 1e9:.1f} GB; {way.price}" for way in self.ways]
        return "\n".join([head, *lines])

    def facts(self) -> dict[str, Any]:
        """With every way that fits."""
        return {**super().facts(), "ways": [asdict(way) for way in self.ways]}


class TrainError(TunewrightError):
    """Training cannot go on; the last good checkpoint is kept."""

    exit_code = 5


class NonFiniteLoss(TrainError):
    """A loss or gradient became inf or nan; the weights before that step are kept."""

    def __init__(self, *, step: int, row_ids: tuple[str, ...], broken: tuple[str, ...] = ()) -> None:
        """broken: weights that are inf or nan themselves, by name: at the first step they came so, and no rate is to
        blame."""
        self.step = step
        self.row_ids = row_ids
        rows = f"the rows of that step are {_few(row_ids, 8)}"
        fix = "lower train.learning_rate (a third of it is a good next try) and run the same command again"
        if broken and step == 1:
            rows = f"the model came with weights that are no numbers: {_few(broken, 3)}"
            fix = "fetch the model again, or name another one: model=..."
        elif step == 1:
            fix = "nothing was learned yet, so the rate is not to blame: model.dtype=float32, or another model"
        super().__init__(f"the loss is not a number at step {step}", where="train", why=rows, fix=fix)


def _few(names: tuple[str, ...], n: int) -> str:
    return f"{', '.join(names[:n])}{' ...' if len(names) > n else ''}"


class EvalError(TunewrightError):
    """The comparison cannot be made honestly."""

    exit_code = 6


class RequirementsMissed(EvalError):
    """Everything was measured and written, and the model does not reach what `evaluate.require` asks."""

    def __init__(self, what: str, *, folder: str, where: str, why: str, fix: str) -> None:
        self.folder = folder
        super().__init__(what, where=where, why=why, fix=fix)

    def facts(self) -> dict[str, Any]:
        """With the run, whose metrics.json holds the numbers."""
        return {**super().facts(), "run": self.folder}


class ExportError(TunewrightError):
    """The exported model does not answer like the proven one."""

    exit_code = 7


class MissingExtra(TunewrightError):
    """An optional package is needed."""

    exit_code = 8

    def __init__(self, package: str, *, needed_for: str, extra: str = "", install: str = "") -> None:
        """extra: of ours that brings it. install: how it is had, where none does."""
        self.package = package
        name = package if install else f"the package {package}"
        super().__init__(
            f"{needed_for} needs {name}, which is not installed",
            fix=install or f'pip install "tunewright[{extra}]"',
        )


class RunError(TunewrightError):
    """The run folder cannot be used: locked, not writable, disk full."""

    exit_code = 9
