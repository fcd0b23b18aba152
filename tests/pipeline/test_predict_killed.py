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
from tests.warm import run_warm, started_warm
from tunewright.core.run import Run

if sys.platform == "win32":
    pytest.skip("kill -9 is asked of POSIX", allow_module_level=True)

LIMIT_SECONDS = 250
PEAK = (
    "import sys; from tunewright.cli.main import main; code = main(sys.argv[1:])\n"
    "from tunewright.core.machine import peak_memory_bytes; print(peak_memory_bytes(), file=sys.stderr); sys.exit(code)"
)
"""The command in a process that says at its end how much memory it once held. Not by ru_maxrss, which on Linux begins
with the size of the process that started it: pytest, larger than what is measured, so that nothing was seen."""


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


def predicted(words: list[str]) -> subprocess.CompletedProcess[str]:
    done = run_warm(words, cwd=Path.cwd(), env=os.environ, limit_seconds=LIMIT_SECONDS)
    assert done.returncode == 0, done.stderr
    return done


def killed(words: list[str], *, parts: Path, at: int) -> None:
    """Start the command and kill -9 it as soon as `at` parts are written."""
    with started_warm(words, cwd=parts.parent, env=os.environ, limit_seconds=LIMIT_SECONDS) as process:
        while len(list(parts.glob("*.jsonl"))) < at:
            assert not process.has_ended(), f"it ended before part {at}"
            time.sleep(0.002)
        process.kill()
        assert process.ended().returncode == -signal.SIGKILL


@pytest.mark.timeout(600)
def test_predict_ends_with_the_same_bytes_when_it_was_killed_twice(run: Run, tmp_path: Path) -> None:
    source, whole, out = write_rows(tmp_path / "new.csv", n=12_000), tmp_path / "whole.csv", tmp_path / "out.csv"
    predicted(words_for(run, source, whole))
    for at in (1, 3):
        killed(words_for(run, source, out), parts=tmp_path / ".out.csv.parts", at=at)
        assert not out.exists()

    done = predicted(words_for(run, source, out))

    assert "going on after the" in done.stderr
    assert out.read_bytes() == whole.read_bytes()
    told = json.loads(done.stdout)
    assert (told["rows"], told["rows_with_error"]) == (12_000, 240)
    assert not list(tmp_path.glob(".out.csv.parts*"))


NOTE_CHARACTERS = 12_000
"""Of a column that is not asked: what makes a row that is held weigh, and a chunk end after 87 of them."""


def write_wide_rows(path: Path, *, n: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.write("text,notes\n")
        file.writelines(f"parcel {i},{str(i).zfill(8) * (NOTE_CHARACTERS // 8)}\n" for i in range(n))
    return path


def peak_bytes(words: list[str]) -> int:
    done = subprocess.run([sys.executable, "-c", PEAK, *words], check=True, capture_output=True, text=True)
    return int(done.stderr.splitlines()[-1])


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="VmHWM is read from /proc")
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_predict_holds_no_more_memory_when_the_file_has_five_times_the_rows(
    run: Run, tmp_path: Path, suffix: str
) -> None:
    """Both files fill whole chunks, so that only their number differs. Rows that are all held would take 48 MB more."""
    n_small, n_large = 1_000, 5_000
    peaks = []
    for n in (n_small, n_large):
        source = write_wide_rows(tmp_path / f"{n}.csv", n=n)
        peaks.append(peak_bytes(words_for(run, source, tmp_path / f"out-{n}{suffix}")))

    assert peaks[1] - peaks[0] < (n_large - n_small) * NOTE_CHARACTERS / 2, peaks


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="VmHWM is read from /proc")
def test_predict_holds_no_more_memory_when_the_rows_are_long(run: Run, tmp_path: Path) -> None:
    """Both files fill a chunk with letters, before its number of rows is reached. All tokens at once would take 350 MB
    more: some 80 bytes for each of the 4 million letters, which are a token each here."""
    peaks = []
    for n_letters in (1_000, 5_000):
        source = tmp_path / f"{n_letters}.csv"
        lines = (f"{i},{'parcel ' * (n_letters // 7)}" for i in range(1_100))
        source.write_text("id,text\n" + "\n".join(lines) + "\n", encoding="utf-8")
        peaks.append(peak_bytes(words_for(run, source, tmp_path / f"out-{n_letters}.csv")))

    assert peaks[1] - peaks[0] < 100 * 2**20, peaks
