"""A fault happens: the command is run in a fresh folder and process, and what has to hold is asserted.

In: a Fault and its Scene. Out: a Record for each line of the page. Its own file because what holds for every fault
(exit code, words, no traceback, the user's files unchanged, rows accounted for) is said once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.faults.fault import QUICK, Fault, Played, Record, Refused, Scene, Survived, Told
from tunewright.core.files import file_digest

RUNS = "runs"
AS_THEY_WERE = "your files as they were"


def records_of(fault: Fault, scene: Scene) -> Mapping[str, Record]:
    """What came of the fault. Fails when it is not what has to come of it."""
    if isinstance(fault, Played):
        return fault.play(scene)
    scene.copy_model(fault.model)
    for name, content in fault.files.items():
        scene.write(name, content)
    fault.arrange(scene)
    return {fault.name: refused(fault, scene) if isinstance(fault, Refused) else survived(fault, scene)}


def refused(fault: Refused, scene: Scene) -> Record:
    before = users_files(scene.folder)
    line, limit_seconds = f"{fault.typed} --quiet", fault.limit_seconds
    if fault.env:  # libraries read variables when they are loaded
        told = replace(scene, env=fault.env).typed(line, limit_seconds=limit_seconds)
    else:
        told = scene.typed_warm(line, limit_seconds=limit_seconds)
    message = error_message(told, exit_code=fault.exit_code, words=fault.words, folder=scene.folder)
    assert users_files(scene.folder) == before, "the user's files were changed"
    assert_nothing_half(scene.folder)
    message = re.sub(r" --quiet$", "", message, flags=re.MULTILINE)  # our word in a command to copy
    return Record(fault.typed, told.exit_code, message, kept=AS_THEY_WERE)


def survived(fault: Survived, scene: Scene) -> Record:
    before = users_files(scene.folder)
    told = scene.typed_warm(f"{fault.typed} {QUICK[fault.model]}")
    assert told.exit_code == 0, told.stderr
    assert_no_traceback(told)
    assert users_files(scene.folder) == before, "the user's files were changed"
    [run] = [path.parent for path in scene.folder.glob(f"{RUNS}/*/run.json")]
    assert {stage["status"] for stage in read_json(run / "run.json")["stages"].values()} == {"done"}
    assert_nothing_half(scene.folder)
    account = accounted(run, rows_read=fault.rows_read)
    assert account["dropped"] == dict(fault.dropped), account["dropped"]
    assert account["repaired"] == dict(fault.repaired), account["repaired"]
    findings = [f for f in read_json(run / "prepare/findings.json")["findings"] if f["check"] == fault.check]
    told_it = [f for f in findings if all(word in f["message"] + f["suggestion"] for word in fault.words)]
    assert told_it, f"no finding of {fault.check} says {fault.words}: {findings}"
    fault.also(run)
    message = f"{told_it[0]['severity']}: {told_it[0]['message']}\n  try: {told_it[0]['suggestion']}"
    return Record(fault.typed, 0, plain(message, folder=scene.folder), kept=account_words(account))


def error_message(told: Told, *, exit_code: int, words: tuple[str, ...], folder: Path) -> str:
    """The error at the end of stderr, asserted: its exit code, its words, its way out."""
    assert_no_traceback(told)
    assert told.exit_code == exit_code, f"exit code {told.exit_code}\n{told.stderr}"
    lines = told.stderr.rstrip().splitlines()
    first = max(i for i, line in enumerate(lines) if not line.startswith(" "))
    message = "\n".join(lines[first:])
    assert [word for word in words if word not in message] == [], message
    assert re.search(r"^  try: \S", message, re.MULTILINE), f"no way out is named:\n{message}"
    return plain(message, folder=folder)


def plain(text: str, *, folder: Path) -> str:
    """The message as everybody would see it: without this machine's folders, ports and sizes."""
    text = text.replace(f"{folder}/", "").replace(str(folder), ".").replace(f"{folder.parent}/", "")
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:8000", text)  # whichever port was free
    return re.sub(r"\b\d+(\.\d)?( ?)GB", r"N\2GB", text)


def assert_no_traceback(told: Told) -> None:
    for stream in (told.stdout, told.stderr):
        assert "Traceback" not in stream, stream
        assert not re.search(r"^\w*(Warning|Error): ", stream, re.MULTILINE), stream


def assert_nothing_half(folder: Path) -> None:
    """No temporary file stands anywhere in the runs."""
    assert not [path for path in folder.rglob("*") if path.name.endswith((".tmp", ".partial"))]


def users_files(folder: Path) -> dict[str, str]:
    """Everything in the folder but the runs, by content."""
    paths = [path for path in sorted(folder.rglob("*")) if path.relative_to(folder).parts[0] != RUNS]
    return {str(path.relative_to(folder)): file_digest(path) if path.is_file() else "folder" for path in paths}


def accounted(run: Path, *, rows_read: int) -> dict[str, Any]:
    """ledger.json; every row that was read is kept or dropped."""
    account = read_json(run / "prepare/ledger.json")
    assert account["rows_read"] == rows_read
    assert rows_read == sum(account["rows_kept"].values()) + sum(account["dropped"].values())
    return account


def account_words(account: dict[str, Any]) -> str:
    """49 rows read = 48 kept + 1 ragged"""
    parts = [f"{sum(account['rows_kept'].values())} kept", *(f"{n} {why}" for why, n in account["dropped"].items())]
    mended = "".join(f"; mended: {n} {why}" for why, n in account["repaired"].items())
    return f"{account['rows_read']} rows read = {' + '.join(parts)}{mended}"


def read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))
