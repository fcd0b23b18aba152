"""What differs between two runs that should be the same: what went in, weights, losses, answers, scores.

In: two finished runs. Out: Differences. Its own file because it only reads: nothing is run here, and any two runs can
be held side by side.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open

from tunewright.core.run import Run
from tunewright.core.values import Prediction
from tunewright.evaluate.write import read_predictions
from tunewright.raced import RACE

Sameness = Literal["identical", "same within the interval", "differs"]
MEASURED = ("memory_available_bytes", "matrix_flops")
"""Of a machine: what differs from minute to minute."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that went into one run and not into the other."""

    kind: Literal["data", "version", "machine", "stage"]
    name: str
    then: str
    now: str
    fix: str = ""
    """A command that brings the old state back; empty where none can."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The trained tensors, bit for bit."""

    n: int
    """Tensors of the first run."""
    n_same: int
    different: tuple[str, ...]
    """Names, the other run's own tensors included."""
    largest_difference: float
    """Of any weight; nan when shapes differ."""
    digest: str
    """Of the first run's tensors."""
    digest_again: str


@dataclass(frozen=True, slots=True)
class Losses:
    """Every optimizer step's loss, digit for digit."""

    n: int
    """Steps of the first run."""
    n_same: int
    first_different_step: int | None
    largest_difference_nats: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of one system in both runs."""

    system: str
    metric: str
    value: float
    value_again: float
    difference: float
    """Again minus first, in the metric's unit."""
    ci95: tuple[float, float]
    is_within: bool
    """Each value lies in the other's 95 % interval."""


@dataclass(frozen=True, slots=True)
class Answers:
    """One system's answers to the rows that both runs asked."""

    system: str
    n: int
    n_same: int
    """Same words; where a task writes none, the same likelihood of the reference."""


@dataclass(frozen=True, slots=True)
class Differences:
    """Everything that two runs do not share."""

    verdict: Sameness
    subject: str
    """The system that both runs are about."""
    primary_metric: str
    """Of the first run: the one score of the subject that the verdict looks at when the bits differ."""
    changes: tuple[Change, ...]
    missing: tuple[str, ...]
    """Systems, metrics and answers that only one of the two runs has."""
    unknown: tuple[str, ...]
    """What the first run did not note down, so that it cannot be compared."""
    weights: Weights | None
    """None: nothing was trained."""
    losses: Losses | None
    metrics: tuple[Measured, ...]
    answers: tuple[Answers, ...]

    @property
    def is_explained(self) -> bool:
        """What came out is the same as far as can be told, or something that went in is known to differ."""
        return self.verdict != "differs" or bool(self.changes)


def differences(first: Run, again: Run) -> Differences:
    """Read both runs' folders; an evaluation must be there in both."""
    before, after = _metrics(first), _metrics(again)
    weights, losses = _weights(first, again), _losses(first, again)
    metrics = tuple(_measured(before, after))
    answers, unanswered = _answers(first, again)
    missing = (*_unmeasured(before, after), *unanswered)
    is_identical = (
        (weights is None or not weights.different)
        and (losses is None or (losses.n_same == losses.n and losses.first_different_step is None))
        and all(m.value == m.value_again or (math.isnan(m.value) and math.isnan(m.value_again)) for m in metrics)
        and all(a.n_same == a.n for a in answers)
        and before["rows"] == after["rows"]
        and not missing
    )
    primary = [m for m in metrics if (m.system, m.metric) == (before["subject"], before["primary_metric"])]
    is_within = bool(primary) and all(m.is_within for m in primary) and not missing
    unknown = tuple(word for word in ("data_digests",) if word not in first.manifest())
    return Differences(
        verdict="identical" if is_identical else "same within the interval" if is_within else "differs",
        subject=before["subject"],
        primary_metric=before["primary_metric"],
        changes=(*data_changes(first, again.manifest().get("data_digests", {})), *_other_changes(first, again)),
        missing=missing,
        unknown=unknown,
        weights=weights,
        losses=losses,
        metrics=metrics,
        answers=answers,
    )


def data_changes(first: Run, now: Mapping[str, str]) -> Iterator[Change]:
    """Data files whose content is not what the run read. now: digests by role and position."""
    then = first.manifest().get("data_digests", {})
    for name in sorted({*then, *now}) if then else ():
        if then.get(name) != now.get(name):
            yield Change("data", name, then.get(name, "none"), now.get(name, "none"))


def _other_changes(first: Run, again: Run) -> Iterator[Change]:
    then, now = first.manifest(), again.manifest()
    for name, version in then.get("versions", {}).items():
        other = now.get("versions", {}).get(name, "not installed")
        if other != version:
            yield Change("version", name, version, other, fix=_install(name, version))
    for name, value in then.get("machine", {}).items():
        if name not in MEASURED and value != now.get("machine", {}).get(name):
            yield Change("machine", name, str(value), str(now.get("machine", {}).get(name)))
    not_repeated = (
        {"report", "select"} if (first.stage("select") / RACE).is_file() else {"report"}
    )  # nobody races twice
    for name, record in then.get("stages", {}).items():
        other = now.get("stages", {}).get(name, {}).get("fingerprint")
        if name not in not_repeated and other is not None and other != record.get("fingerprint"):
            yield Change("stage", name, str(record.get("fingerprint")), other)


def _install(name: str, version: str) -> str:
    if name == "python" or version == "not installed":
        return ""
    return f"pip install {name}=={version.partition('+')[0]}"


def _metrics(run: Run) -> dict[str, Any]:
    return dict(json.loads((run.stage("evaluate") / "metrics.json").read_text(encoding="utf-8")))


def _weights(first: Run, again: Run) -> Weights | None:
    then, now = (dict(_tensors(run.stage("train"))) for run in (first, again))
    if not then:
        return None
    different, largest = [], 0.0
    for name in sorted({*then, *now}):
        a, b = then.get(name), now.get(name)
        if a is None or b is None or a.shape != b.shape:
            different.append(name)
            largest = math.nan
        elif not torch.equal(a, b):
            different.append(name)
            largest = max(largest, float((a.double() - b.double()).abs().max()))
    n_same = sum(name not in different for name in then)
    return Weights(len(then), n_same, tuple(different), largest, _digest(then), _digest(now))


def _tensors(trained: Path) -> Iterator[tuple[str, torch.Tensor]]:
    for path in sorted(path for kind in ("model", "adapter") for path in (trained / kind).glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118  (not a dict: it cannot be iterated)
                yield f"{path.stem}:{name}", file.get_tensor(name)


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    whole = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        whole.update(name.encode())
        whole.update(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return whole.hexdigest()


def _losses(first: Run, again: Run) -> Losses | None:
    then, now = _step_losses(first), _step_losses(again)
    if not then:
        return None
    steps = sorted({*then, *now})
    different = [step for step in steps if then.get(step) != now.get(step)]
    gaps = [abs(then[step] - now[step]) for step in steps if step in then and step in now]
    return Losses(
        n=len(then),
        n_same=sum(then[step] == now.get(step) for step in then),
        first_different_step=different[0] if different else None,
        largest_difference_nats=max(gaps, default=math.nan),
    )


def _step_losses(run: Run) -> dict[int, float]:
    path = run.stage("train") / "steps.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else ()
    events = [json.loads(line) for line in lines]
    return {event["step"]: event["loss_nats"] for event in events if event["event"] == "StepEvent"}


def _measured(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Measured]:
    for system, of in before["systems"].items():
        for name, metric in of.items():
            other = after["systems"].get(system, {}).get(name)
            if other is None:
                continue
            a, b = (_number(value) for value in (metric["value"], other["value"]))
            ci_a, ci_b = ((_number(m["ci95"][0]), _number(m["ci95"][1])) for m in (metric, other))
            is_within = ci_a[0] <= b <= ci_a[1] and ci_b[0] <= a <= ci_b[1]
            yield Measured(system, name, a, b, b - a, ci_a, is_within=a == b or is_within)


def _unmeasured(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Scores that stand in one of the two only."""
    then, now = ({(s, name) for s, of in m["systems"].items() for name in of} for m in (before, after))
    yield from (f"{name} of {system}" for system, name in sorted(then ^ now))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _answers(first: Run, again: Run) -> tuple[tuple[Answers, ...], tuple[str, ...]]:
    """How many answers of each system are the same, and which systems have answers in one of the two runs only."""
    then, now = (
        {(p.system, p.row_id): p for p in read_predictions(run.stage("evaluate") / "predictions.parquet")}
        for run in (first, again)
    )
    found = []
    for system in dict.fromkeys(system for system, _ in then):
        both = [(then[key], now[key]) for key in then if key[0] == system and key in now]
        if both:
            found.append(Answers(system, len(both), sum(_said(a) == _said(b) for a, b in both)))
    alone = Counter(system for system, _ in sorted(then.keys() ^ now.keys()))
    return tuple(found), tuple(f"{n:,} answers of {system}" for system, n in alone.items())


def _said(prediction: Prediction) -> tuple[str, float | None]:
    """What can be compared: words, else how likely the reference was."""
    nats = prediction.reference_nats
    return prediction.answer, None if prediction.answer or math.isnan(nats) else nats
