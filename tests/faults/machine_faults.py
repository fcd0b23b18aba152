"""What can be wrong with the place of a run: its disk and folder, its streams, files changed under it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.fault import Played, Record, Refused, Scene, Told
from tests.faults.happen import (
    AS_THEY_WERE,
    assert_no_traceback,
    assert_nothing_half,
    error_message,
    read_json,
    users_files,
)
from tests.faults.rows import LABELLED, ROWS, csv
from tests.faults.stopped_faults import SAME, assert_whole
from tests.faults.terminal import wait_until
from tests.faults.undisturbed import N_STEPS, TYPED, arrange, assert_as_undisturbed, stages, steps_done, undisturbed
from tests.faults.undisturbed import RUN as RUN_IN_FOLDER

DISK_BYTES = 8_000_000
CHECKPOINT_BYTES = 370_000
"""Of the tiny model: weights and two moments."""
_ROWS = {"rows.csv": ROWS}
WITHOUT_ROOTS_RIGHTS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override")
"""Root may write and read everywhere; without these two rights it is refused as everybody is."""


def play_full_disk(scene: Scene) -> Mapping[str, Record]:
    """A disk of 8 MB is full at one stage after the other; space is freed each time, and the run goes on."""
    arrange(scene)
    before = users_files(scene.folder)
    with _small_disk(scene.folder.parent / "disk") as disk:
        run, typed = disk / "runs" / "plan", f"{TYPED} --runs-dir {disk / 'runs'}"
        records = {}
        for name, is_there, free_bytes in (
            ("disk-full-preparing", lambda: (run / "plan.yaml").exists(), 0),
            ("disk-full-training", lambda: steps_done(run) > 0, 0),
            ("disk-full-checkpoint", lambda: True, CHECKPOINT_BYTES // 2),
            ("disk-full-exporting", lambda: "export" in stages(run), 0),
        ):
            told = _filled_when(scene, typed, disk, is_there=is_there, free_bytes=free_bytes)
            message = error_message(told, exit_code=9, words=("the disk is full",), folder=disk)
            assert_whole(run)
            if name == "disk-full-checkpoint":
                assert "train/checkpoints/step-50: the disk is full" in message, message
            words = re.sub(r"^\S+: ", "FILE: ", message)  # which one it was is chance
            records[name] = Record(TYPED, 9, words, kept="all that was finished; the same command went on")
        told = scene.typed_warm(typed)
        assert told.exit_code == 0, told.stderr
        assert_as_undisturbed(scene, run)
        assert_nothing_half(disk)
    assert users_files(scene.folder) == before
    return records


def play_read_only(scene: Scene) -> Mapping[str, Record]:
    """A folder that nobody may write, a file that nobody may read."""
    scene.write("rows.csv", ROWS)
    (scene.folder / RUN_IN_FOLDER).parent.mkdir()
    (scene.folder / RUN_IN_FOLDER).parent.chmod(0o555)
    rightless = WITHOUT_ROOTS_RIGHTS if os.geteuid() == 0 else ()
    told = scene.typed("run rows.csv", before=rightless)
    message = error_message(told, exit_code=9, words=("cannot be written", "--runs-dir"), folder=scene.folder)
    records = {"read-only-folder": Record("run rows.csv", 9, message, kept=AS_THEY_WERE)}
    (scene.folder / RUN_IN_FOLDER).parent.chmod(0o755)
    (scene.folder / "rows.csv").chmod(0)
    told = scene.typed("run rows.csv", before=rightless)
    message = error_message(told, exit_code=3, words=("rows.csv", "chmod"), folder=scene.folder)
    records["unreadable-file"] = Record("run rows.csv", 3, message, kept=AS_THEY_WERE)
    return records


def play_damage(scene: Scene) -> Mapping[str, Record]:
    """Files of a finished run are changed by hand, one after the other."""
    run = _copy_of_undisturbed(scene)
    manifest = (run / "run.json").read_text(encoding="utf-8")
    (run / "run.json").write_text(manifest[:100], encoding="utf-8")
    told = scene.typed_warm(TYPED)
    words = ("run.json cannot be read",)
    message = error_message(told, exit_code=9, words=words, folder=scene.folder)
    records = {"damaged-manifest": Record(TYPED, 9, message, kept="every stage's folder")}
    (run / "run.json").write_text(manifest, encoding="utf-8")
    (run / "resolved.yaml").write_text("plan: [", encoding="utf-8")
    _flip(run / "train/model/model.safetensors", cut=100)
    newest = max(run.glob("train/checkpoints/step-*"), key=lambda path: int(path.name.partition("-")[2]))
    _flip(newest / "state.safetensors")
    told = scene.typed_warm(TYPED)
    assert told.exit_code == 0, told.stderr
    assert_no_traceback(told)
    assert_as_undisturbed(scene, run)
    lines = [line.strip() for line in told.stderr.splitlines()]
    [damaged] = [line for line in lines if "is damaged" in line]
    [again] = [line for line in lines if "decided again" in line]
    records["damaged-decisions"] = Record(TYPED, 0, again, kept=SAME)
    records["damaged-checkpoint"] = Record(TYPED, 0, damaged, kept=SAME)
    records["cut-result"] = Record(TYPED, 0, "nothing; training ends again from its checkpoint", kept=SAME)
    return records


def play_changes(scene: Scene) -> Mapping[str, Record]:
    """The data and the plan of a finished run are changed under its name."""
    run = _copy_of_undisturbed(scene)
    old = {name: stage["fingerprint"][:8] for name, stage in read_json(run / "run.json")["stages"].items()}
    scene.write("rows.csv", csv([*LABELLED, ("it never came", "delivery")]))
    told = scene.typed_warm("prepare plan.yaml")
    assert told.exit_code == 0, told.stderr
    assert (run / f"prepare.{old['prepare']}/train.parquet").exists()
    assert stages(run) == dict.fromkeys(stages(run), "outdated") | {"prepare": "done", "select": "done"}
    assert sum(read_json(run / "prepare/ledger.json")["rows_kept"].values()) == len(LABELLED) + 1
    records = {
        "changed-data": Record(
            "prepare plan.yaml",
            0,
            _kept_words(told, "prepare"),
            kept="the old result as prepare.FINGERPRINT; later stages are outdated",
        )
    }
    told = scene.typed_warm("train plan.yaml train.max_steps=2")
    assert told.exit_code == 0, told.stderr
    assert read_json(run / f"train.{old['train']}/summary.json")["steps"] == N_STEPS
    assert read_json(run / "train/summary.json")["steps"] == 2
    records["changed-plan"] = Record(
        "train plan.yaml train.max_steps=2", 0, _kept_words(told, "train"), kept="the old result as train.FINGERPRINT"
    )
    return records


def play_streams(scene: Scene) -> Mapping[str, Record]:
    """Nobody reads the output, its disk is full, or there is none."""
    _copy_of_undisturbed(scene)
    records = {}
    for name, redirection, exit_code, said in (
        ("stdout-gone", "| :", 141, "nothing: nobody would read it"),
        ("stdout-full", "> /dev/full", 9, ""),
        ("stdout-closed", ">&-", 0, "nothing: nobody would read it"),
    ):
        shown = f"tunewright show plan.yaml {redirection}"
        command = f"set -o pipefail; '{scene.command('show')[0]}' show plan.yaml {redirection}"
        done = subprocess.run(
            ["bash", "-c", command], cwd=scene.folder, env=scene.environment(), capture_output=True, encoding="utf-8"
        )
        told = Told(done.returncode, done.stdout, done.stderr)
        assert_no_traceback(told)
        assert told.exit_code == exit_code, f"{shown}: {told}"
        message = said or error_message(told, exit_code=exit_code, words=("No space left",), folder=scene.folder)
        records[name] = Record(f"show plan.yaml {redirection}", exit_code, message, kept=AS_THEY_WERE)
    return records


def _copy_of_undisturbed(scene: Scene) -> Path:
    """The run's folder in the user's folder, with everything that belongs to it."""
    shutil.copytree(undisturbed(scene).folder, scene.folder, dirs_exist_ok=True, copy_function=shutil.copy2)
    return scene.folder / RUN_IN_FOLDER


def _flip(path: Path, *, cut: int = 0) -> None:
    """Another bit near the end; with cut, the last bytes are gone instead."""
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content[: len(content) - cut])


def _kept_words(told: Told, stage: str) -> str:
    """What is said of the old result, without the digits of its fingerprint."""
    [line] = [line.strip() for line in told.stderr.splitlines() if f"kept as {stage}." in line]
    return re.sub(r"\.[0-9a-f]{8}$", ".FINGERPRINT", line)


@contextmanager
def _small_disk(place: Path) -> Iterator[Path]:
    """A disk of its own in memory; skips where mounting is not allowed."""
    place.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(mounting, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _filled_when(scene: Scene, typed: str, disk: Path, *, is_there: Callable[[], bool], free_bytes: int) -> Told:
    """The command, with the disk filled up as soon as something is there; the space is freed when it has ended."""
    filler = disk / "filler"
    with scene.started_warm(typed) as process:
        wait_until(lambda: process.has_ended() or is_there(), what="the moment")
        _fill(filler, free_bytes=free_bytes)
        done = process.ended()
    filler.unlink()
    return Told(done.returncode, done.stdout, done.stderr)


def _fill(path: Path, *, free_bytes: int) -> None:
    left = shutil.disk_usage(path.parent).free - free_bytes
    with path.open("wb", buffering=0) as file:
        file.write(b"\0" * max(0, left))


FAULTS = (
    Played(
        {
            "disk-full-preparing": "the disk is full while preparing",
            "disk-full-training": "the disk is full while training",
            "disk-full-checkpoint": "the disk has no room for a checkpoint",
            "disk-full-exporting": "the disk is full while exporting",
        },
        play_full_disk,
    ),
    Played(
        {
            "read-only-folder": "a folder for runs that may not be written",
            "unreadable-file": "a data file that may not be read",
        },
        play_read_only,
    ),
    Refused(
        "runs-is-a-file",
        "a file where the folder for runs should be",
        "run rows.csv",
        9,
        ("runs",),
        {**_ROWS, "runs": ""},
    ),
    Refused(
        "no-run", "a run that is not there", "report tickets", 9, ("there is no run tickets", "tunewright runs"), _ROWS
    ),
    Refused("no-run-yet", "a report before any run", "report", 9, ("there is no run yet",), _ROWS),
    Played(
        {
            "damaged-manifest": "run.json was cut by hand",
            "damaged-decisions": "resolved.yaml was broken by hand",
            "damaged-checkpoint": "a bit of the newest checkpoint was flipped",
            "cut-result": "the trained model's file was cut",
        },
        play_damage,
    ),
    Played(
        {
            "changed-data": "the data were changed under a finished run",
            "changed-plan": "the plan was changed under a finished run's name",
        },
        play_changes,
    ),
    Played(
        {
            "stdout-gone": "nobody reads the output",
            "stdout-full": "the output goes to a full disk",
            "stdout-closed": "the output is closed",
        },
        play_streams,
    ),
)
