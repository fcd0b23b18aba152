"""A long file: killed at any moment the same command ends with the same bytes; memory does not grow with its rows."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.answering import classify_run
from tests.pipeline.data import WORDS
from tunewright.core.run import Run

if sys.platform == "win32":
    pytest.skip("kill -9 and peak memory of a child are asked of POSIX", allow_module_level=True)

TUNEWRIGHT = str(Path(sys.executable).with_name("tunewright"))
PEAK = (
    "import resource, sys; from tunewright.cli.main import main; code = main(sys.argv[1:])\n"
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(code)"
)
"""The command in a process that says at its end how much memory it once held, in kB on Linux."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Run:
    return classify_run(tmp_path_factory.mktemp("classify"), tiny_encoder)


def write_rows(path: Path, *, n: int) -> Path:
    words = [word for some in WORDS.values() for word in some]
    lines = (f"{i},{words[i % len(words)]} number {i}" if i % 50 else f"{i}," for i in range(n))
    path.write_text("id,text\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def words_for(run: Run, source: Path, out: Path) -> list[str]:
    return ["predict", str(run.folder), str(source), "-o", str(out), "--json"]


def killed(words: list[str], *, parts: Path, at: int) -> None:
    """Start the command and kill -9 it as soon as `at` parts are written."""
    process = subprocess.Popen([TUNEWRIGHT, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 250
    while len(list(parts.glob("*.jsonl"))) < at:
        assert process.poll() is None, f"it ended before part {at}"
        assert time.monotonic() < deadline, "no such part within 250 s"
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.timeout(600)
def test_predict_ends_with_the_same_bytes_when_it_was_killed_twice(run: Run, tmp_path: Path) -> None:
    source, whole, out = write_rows(tmp_path / "new.csv", n=12_000), tmp_path / "whole.csv", tmp_path / "out.csv"
    subprocess.run([TUNEWRIGHT, *words_for(run, source, whole)], check=True, capture_output=True)
    for at in (1, 3):
        killed(words_for(run, source, out), parts=tmp_path / ".out.csv.parts", at=at)
        assert not out.exists()

    done = subprocess.run([TUNEWRIGHT, *words_for(run, source, out)], check=True, capture_output=True, text=True)

    assert "going on after the" in done.stderr
    assert out.read_bytes() == whole.read_bytes()
    told = json.loads(done.stdout)
    assert (told["rows"], told["rows_with_error"]) == (12_000, 240)
    assert not list(tmp_path.glob(".out.csv.parts*"))


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has another unit elsewhere")
def test_predict_holds_no_more_memory_when_the_file_has_eight_times_the_rows(run: Run, tmp_path: Path) -> None:
    """Both files fill whole chunks, so that only the number of chunks differs."""
    peaks_bytes = []
    for n in (4 * 1024, 32 * 1024):
        source = write_rows(tmp_path / f"{n}.csv", n=n)
        words = words_for(run, source, tmp_path / f"out-{n}.csv")
        done = subprocess.run([sys.executable, "-c", PEAK, *words], check=True, capture_output=True, text=True)
        peaks_bytes.append(1024 * int(done.stderr.splitlines()[-1]))
        assert json.loads(done.stdout)["rows"] == n

    held_whole_bytes = 28 * 1024 * 400  # what 28,672 more records alone would take: 420 bytes each, by tracemalloc
    assert peaks_bytes[1] - peaks_bytes[0] < held_whole_bytes, peaks_bytes
