"""`tunewright report` opens the page where a person can see it, and never waits for the browser."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunewright.cli.report import has_display

SECONDS = 30
"""The browser of the tests sleeps ten times as long."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A run that has only begun, and a browser that writes down what it opens and then stays."""
    (tmp_path / "runs/begun").mkdir(parents=True)
    (tmp_path / "runs/begun/run.json").write_text(json.dumps({"name": "begun", "stages": {}}), encoding="utf-8")
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\necho $$ > {tmp_path}/process\necho "$1" > {tmp_path}/opened\nexec sleep {10 * SECONDS}\n',
        encoding="utf-8",
    )
    browser.chmod(0o755)
    yield tmp_path
    if (tmp_path / "process").exists():
        os.kill(int((tmp_path / "process").read_text(encoding="utf-8")), signal.SIGTERM)


def on_a_terminal(words: list[str], folder: Path, *, display: str = ":9") -> str:
    """What the command says there."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "BROWSER": str(folder / "browser"), "DISPLAY": display, "TERM": "xterm"}
    environment.pop("WAYLAND_DISPLAY", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "tunewright", "report", *words],
        cwd=folder,
        env=environment,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    assert process.wait(timeout=SECONDS) == 0
    said = os.read(ours, 100_000).decode()
    os.close(ours)
    return said


def is_opened(folder: Path, *, within_seconds: float) -> bool:
    end = time.monotonic() + within_seconds
    while not (folder / "opened").exists() and time.monotonic() < end:
        time.sleep(0.05)
    return (folder / "opened").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the display is told by DISPLAY on Linux only")
def test_report_opens_the_page_and_goes_on_when_the_browser_stays(folder: Path) -> None:
    said = on_a_terminal([], folder)
    assert "runs/begun/report.html" in said
    assert is_opened(folder, within_seconds=SECONDS)
    time.sleep(0.1)
    assert (folder / "opened").read_text(encoding="utf-8").strip() == (folder / "runs/begun/report.html").as_uri()


@pytest.mark.skipif(sys.platform != "linux", reason="the display is told by DISPLAY on Linux only")
@pytest.mark.parametrize(
    ("words", "display"), [(["--no-open"], ":9"), (["--quiet"], ":9"), (["--json"], ":9"), ([], "")]
)
def test_report_only_names_the_page_when_nobody_wants_it_opened(words: list[str], display: str, folder: Path) -> None:
    assert "report.html" in on_a_terminal(words, folder, display=display)
    assert not is_opened(folder, within_seconds=1)


@pytest.mark.skipif(sys.platform != "linux", reason="the display is told by DISPLAY on Linux only")
def test_has_display_is_told_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not has_display()
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert has_display()
