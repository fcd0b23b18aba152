"""The run folder: who may write it, which stages are done, and how a stage is published.

In: a runs folder, a name, stage names and fingerprints. Out: Run, a path with a manifest (run.json); stage folders
that appear whole. Its own file because it is one of the two places that hold state (the other: the model's weights).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from tunewright.core.errors import RunError
from tunewright.core.files import cannot_write, is_disk_full, remove, write_json

MANIFEST = "run.json"
LOCK = ".lock"
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%z"
StageStatus = Literal["running", "done", "refused", "failed", "interrupted", "outdated"]

_VERSIONS_OF = ("tunewright", "torch", "transformers", "peft", "tokenizers", "numpy", "scikit-learn", "pyarrow")


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder. Its state is on disk, not here."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def word(self) -> str:
        """What a person who stands here types for it: its name below ./runs, else its path."""
        here = Path.cwd()
        if self.folder.parent == here / "runs":
            return self.name
        return str(self.folder.relative_to(here) if self.folder.is_relative_to(here) else self.folder)

    def stage(self, name: str) -> Path:
        """Folder of a stage, there or not."""
        return self.folder / name

    def manifest(self) -> dict[str, Any]:
        """run.json; empty when the run has not started."""
        path = self.folder / MANIFEST
        if not path.exists():
            return {}
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise RunError(
                "run.json cannot be read", where=str(path), fix=f"start over, old results are kept: rm {path}"
            ) from error


def create_run(runs_dir: Path, *, name: str) -> Run:
    """The run's folder, made if needed.

    Raises RunError when it cannot be made.
    """
    folder = runs_dir / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
    return Run(folder.resolve())


def find_run(word: str | None, *, runs_dir: Path) -> Run:
    """The run a person means: a name below runs_dir, a path, or the newest (that has a model, when any has).

    Raises RunError when there is none.
    """
    if word:
        for folder in (runs_dir / word, Path(word)):
            if (folder / MANIFEST).is_file():
                return Run(folder.resolve())
        raise RunError(f"there is no run {word}", where=str(runs_dir), fix="tunewright runs")
    runs = list_runs(runs_dir)
    if not runs:
        raise RunError("there is no run yet", where=str(runs_dir), fix="tunewright demo")
    return next((run for run in runs if _has_model(run)), runs[0])


def _has_model(run: Run) -> bool:
    """It trained a model, or measured one."""
    stages = _manifest_or_nothing(run).get("stages", {})
    return any(stages.get(stage, {}).get("status") == "done" for stage in ("train", "evaluate"))


def _manifest_or_nothing(run: Run) -> dict[str, Any]:
    """One damaged run must not hide the others."""
    try:
        return run.manifest()
    except RunError:
        return {}


def list_runs(runs_dir: Path) -> tuple[Run, ...]:
    """All runs, the one that was started last first: a copied folder is as old as what it copies."""
    runs = [Run(path.parent.resolve()) for path in runs_dir.glob(f"*/{MANIFEST}")]
    return tuple(sorted(runs, key=_started, reverse=True))


def _started(run: Run) -> tuple[float, float]:
    """Seconds since 1970; runs of one second by their files."""
    changed = (run.folder / MANIFEST).stat().st_mtime
    try:
        return datetime.strptime(str(_manifest_or_nothing(run).get("started")), TIME_FORMAT).timestamp(), changed
    except ValueError:
        return changed, changed


@contextmanager
def locked(run: Run) -> Iterator[None]:
    """Nobody else works in this run meanwhile; the system frees the lock even when we are killed.

    What a killed writer left half is removed: whoever writes in a run holds this lock.

    Raises RunError at once when another process holds it.
    """
    lock = FileLock(run.folder / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunError(
            "another tunewright works in this run",
            where=str(run.folder),
            fix="wait for it to end, or give this run another name: run.name=other",
        ) from error
    except OSError as error:
        raise cannot_write(run.folder, error) from error
    try:
        _remove_halves(run)
        yield
    finally:
        lock.release()


def _remove_halves(run: Run) -> None:
    try:
        for pattern in (".*.tmp", ".*.partial"):
            for path in tuple(run.folder.rglob(pattern)):
                remove(path)
    except OSError as error:
        raise cannot_write(run.folder, error) from error


def update_manifest(run: Run, **facts: Any) -> None:
    """Merge facts into run.json, written whole."""
    write_json(run.folder / MANIFEST, {**run.manifest(), **facts})


def versions() -> dict[str, str]:
    """What computed this: Python and the libraries that matter, without importing them."""
    found = {"python": platform.python_version()}
    for package in _VERSIONS_OF:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def is_done(run: Run, stage: str, *, fingerprint: str, files: Sequence[str] = ()) -> bool:
    """The stage is finished with these very inputs, and its folder and these files in it are there."""
    record = run.manifest().get("stages", {}).get(stage, {})
    return (
        record.get("status") == "done"
        and record.get("fingerprint") == fingerprint
        and run.stage(stage).is_dir()
        and all((run.stage(stage) / name).exists() for name in files)
    )


@contextmanager
def stage_work(run: Run, stage: str, *, fingerprint: str, is_resumable: bool = False) -> Iterator[Path]:
    """A folder to work in, published as `<run>/<stage>` when the block ends well.

    is_resumable: work happens in the final folder, and a stopped stage with the same fingerprint finds its files
    again (training), also after other inputs were tried in between. Otherwise it happens beside it and takes the name
    at the end. A finished stage with other inputs, and a stopped training, is kept as `<stage>.<its fingerprint8>`.
    """
    final = run.stage(stage)
    record = run.manifest().get("stages", {}).get(stage, {})
    started = time.time()
    try:
        if not (is_resumable and record.get("fingerprint") == fingerprint):
            _keep_old(run, stage, record, keeps_partial=is_resumable)
        earlier = _kept(run, stage, fingerprint)
        if is_resumable and earlier.is_dir() and not final.exists():
            os.replace(earlier, final)
        work = final if is_resumable else run.folder / f".{stage}.partial"
        if not is_resumable:
            remove(work)
        work.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(final, error) from error
    before = float(record.get("seconds") or 0.0) if is_resumable and record.get("fingerprint") == fingerprint else 0.0
    _record(run, stage, status="running", fingerprint=fingerprint, seconds=before)
    try:
        yield work
    except BaseException as error:
        status: StageStatus = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        if not is_resumable:
            shutil.rmtree(work, ignore_errors=True)
        _try_record(run, stage, status=status, fingerprint=fingerprint, seconds=before + time.time() - started)
        if isinstance(error, Exception) and is_disk_full(error):  # in a library's own words, wherever it happened
            raise cannot_write(work, error) from error
        raise
    if work != final:
        try:
            os.replace(work, final)
        except OSError as error:
            raise cannot_write(final, error) from error
    _record(run, stage, status="done", fingerprint=fingerprint, seconds=before + time.time() - started)


def kept_name(run: Run, stage: str, *, fingerprint: str) -> str:
    """What the finished result of other inputs will be called once the stage is done anew; empty when there is none."""
    record = run.manifest().get("stages", {}).get(stage, {})
    is_other = record.get("status") in ("done", "outdated") and record.get("fingerprint") != fingerprint
    return _kept(run, stage, str(record["fingerprint"])).name if is_other and run.stage(stage).exists() else ""


def mark_refused(run: Run, stage: str, *, fingerprint: str, why: str) -> None:
    """The stage published its evidence and refuses to go on."""
    _record(run, stage, status="refused", fingerprint=fingerprint, seconds=0.0, why=why)


def mark_outdated(run: Run, stages: Sequence[str]) -> None:
    """These stages' results were made from something that is being made anew."""
    records = dict(run.manifest().get("stages", {}))
    for stage in stages:
        if records.get(stage, {}).get("status") == "done":
            records[stage] = {**records[stage], "status": "outdated"}
    update_manifest(run, stages=records)


def _keep_old(run: Run, stage: str, record: Mapping[str, Any], *, keeps_partial: bool) -> None:
    final = run.stage(stage)
    if not final.exists():
        return
    if record and record.get("status") not in ("done", "outdated") and not keeps_partial:
        remove(final)
        return
    kept = _kept(run, stage, str(record.get("fingerprint", "old")))
    remove(kept)
    os.replace(final, kept)


def _kept(run: Run, stage: str, fingerprint: str) -> Path:
    return run.folder / f"{stage}.{fingerprint[:8]}"


def _record(run: Run, stage: str, **facts: Any) -> None:
    stages = dict(run.manifest().get("stages", {}))
    stages[stage] = {**facts, "seconds": round(facts["seconds"], 3)}
    update_manifest(run, stages=stages)


def _try_record(run: Run, stage: str, **facts: Any) -> None:
    """A note about a failure must not hide the failure: a full disk cannot take the note either."""
    try:
        _record(run, stage, **facts)
    except RunError:
        return
