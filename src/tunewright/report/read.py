"""The run folder as values: what is there is read, what is missing is empty, what is out of date is left out.

In: a run folder. Out: RunFiles, plain values as the stages wrote them. Its own file because everything else in this
room is a pure function of RunFiles.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from tunewright.core.errors import RunError
from tunewright.core.run import MANIFEST
from tunewright.core.systems import TUNED

STAGES = ("prepare", "select", "train", "evaluate", "explain")
"""In the order they run: a stage whose forerunner is not done belongs to an older try. The evaluation of a model of
another tool has no training before it."""

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Empty means: the file is not there, or belongs to an older try of the run."""

    name: str
    folder: Path
    manifest: Record
    decision: Record
    """resolved.yaml: plan, choices, notes, predicted_peak_memory_bytes."""
    candidates: tuple[Record, ...]
    left_out: tuple[Record, ...]
    """Models that were not compared, and why."""
    size_rules: tuple[str, ...]
    """What the number of rows says about the choice."""
    card: Record
    race: Record
    """race.json; empty when nothing raced."""
    learning_curve: Record
    """learning_curve.json, of the race and the whole training."""
    ledger: Record
    findings: Record
    cards: Record
    """cards.json: the rows behind the findings."""
    token_sample: Record
    n_undecided: int
    """Lines of review.csv that wait for a person."""
    lengths: Record
    facts: Record
    steps: tuple[Record, ...]
    """steps.jsonl, in order: StepEvents and ValidationEvents."""
    summary: Record
    metrics: Record
    answers: tuple[Record, ...]
    """predictions.parquet."""
    explanations: Record
    exported: Record
    """export.json."""

    @property
    def task(self) -> str:
        """classify, generate or text; empty when nothing says it."""
        return str(self.metrics.get("task") or self.facts.get("task") or self.plan.get("task") or "")

    @property
    def subject(self) -> str:
        """The system that the verdict is about: tuned, or path:FOLDER for a model that the run only measured."""
        return str(self.metrics.get("subject") or TUNED)

    @property
    def plan(self) -> Record:
        return as_record(self.decision.get("plan"))

    @property
    def seed(self) -> int:
        return int(as_record(self.plan.get("run")).get("seed") or self.manifest.get("seed") or 0)

    def status(self, stage: str) -> Record:
        """run.json's record of a stage: status, seconds, why."""
        return as_record(as_record(self.manifest.get("stages")).get(stage))


def read_run(folder: Path) -> RunFiles:
    """Everything a report needs.

    Raises RunError when the folder does not exist or a file in it is damaged.
    """
    if not folder.is_dir():
        raise RunError("there is no such run", where=str(folder), fix="tunewright runs")
    manifest = _json(folder / MANIFEST)
    decision = _yaml(folder / "resolved.yaml")
    is_trained = _is_trained(decision)
    prepare, select, train, evaluate, explain = (
        _stage(folder, stage, manifest, is_trained=is_trained) for stage in STAGES
    )
    ranked = _loaded(select / "candidates.json")
    return RunFiles(
        name=str(manifest.get("name") or folder.resolve().name),
        folder=folder,
        manifest=manifest,
        decision=decision,
        candidates=_listed(ranked, "candidates"),
        left_out=_listed(ranked, "left_out"),
        size_rules=tuple(str(rule) for rule in as_list(as_record(ranked).get("rules"))),
        card=_json(select / "card.json"),
        race=_json(select / "race.json"),
        learning_curve=_json(train / "learning_curve.json"),
        ledger=_json(prepare / "ledger.json"),
        findings=_json(prepare / "findings.json"),
        cards=_json(prepare / "cards.json"),
        token_sample=_json(prepare / "token_sample.json"),
        n_undecided=_undecided(prepare / "review.csv"),
        lengths=_json(prepare / "lengths.json"),
        facts=_json(prepare / "facts.json"),
        steps=_json_lines(train / "steps.jsonl"),
        summary=_json(train / "summary.json"),
        metrics=_json(evaluate / "metrics.json"),
        answers=_parquet(evaluate / "predictions.parquet"),
        explanations=_json(explain / "explanations.json"),
        exported=_exported(folder, manifest),
    )


def as_record(value: object) -> Record:
    """The value if it is a mapping, else an empty one: null and absent read the same."""
    return dict(value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The value if it is a list, else an empty one."""
    return list(value) if isinstance(value, (list, tuple)) else []


def _is_trained(decision: Record) -> bool:
    systems = as_list(as_record(as_record(decision.get("plan")).get("evaluate")).get("systems"))
    return TUNED in systems or not systems


def _stage(folder: Path, stage: str, manifest: Record, *, is_trained: bool) -> Path:
    """The stage's folder; a place where nothing is when an earlier stage is not done."""
    records = as_record(manifest.get("stages"))
    before = [name for name in STAGES[: STAGES.index(stage)] if is_trained or name != "train"]
    is_old = not is_trained and stage == "train"
    is_old = is_old or as_record(records.get(stage)).get("status") == "outdated"
    is_old = is_old or any(as_record(records[s]).get("status") != "done" for s in before if s in records)
    return folder / ".out-of-date" / stage if is_old else folder / stage


def _exported(folder: Path, manifest: Record) -> Record:
    """Of an export that stands: it needs no explanation before it."""
    is_done = as_record(as_record(manifest.get("stages")).get("export")).get("status") == "done"
    return _json(folder / "export" / "export.json") if is_done else {}


def _listed(found: object, key: str) -> tuple[Record, ...]:
    """A list alone is that of an older version's candidates."""
    items = as_record(found).get(key) if isinstance(found, dict) else found if key == "candidates" else ()
    return tuple(as_record(item) for item in as_list(items))


def _undecided(path: Path) -> int:
    if not path.is_file():
        return 0
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return sum(not str(line.get("decision") or "").strip() for line in csv.DictReader(file))


def _json(path: Path) -> Record:
    return as_record(_loaded(path))


def _loaded(path: Path) -> object:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path) from error


def _json_lines(path: Path) -> tuple[Record, ...]:
    if not path.is_file():
        return ()
    records = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            records.append(as_record(json.loads(line)))
        except ValueError:
            break  # the torn last line of a killed run
    return tuple(records)


def _yaml(path: Path) -> Record:
    if not path.is_file():
        return {}
    try:
        return as_record(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _damaged(path) from error


def _parquet(path: Path) -> tuple[Record, ...]:
    if not path.is_file():
        return ()
    try:
        return tuple(pq.read_table(path).to_pylist())
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise _damaged(path) from error


def _damaged(path: Path) -> RunError:
    return RunError(
        f"{path.name} is damaged", where=str(path), fix="run the same plan under another name: run.name=other"
    )
