"""Odd requests for some minutes: no status of 500 and more but 503, no hang, memory flat.

In: nothing; a tiny model made here, behind a real port in a process of its own. Out: what schemathesis found, and the
server's memory before and after. schemathesis makes requests from the server's own /openapi.json; it is no part of the
tests: `pip install schemathesis`, in an environment of its own if you like, on the PATH.
usage: python benchmarks/serve/fuzz.py [SECONDS]    (300)
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]
from run import asked, free_port, is_up  # noqa: E402

from tests.answering import generate_run  # noqa: E402

START_SECONDS = 120


def main(seconds: int) -> int:
    here, program = Path(sys.executable).parent, shutil.which("schemathesis") or sys.exit("pip install schemathesis")
    with tempfile.TemporaryDirectory() as name:
        run, port = generate_run(Path(name)), free_port()
        command = [here / "tunewright", "serve", str(run.folder), "--port", str(port), "--quiet", "--chat"]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            url, until = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS
            while not is_up(url) and time.monotonic() < until:
                time.sleep(0.2)
            asked(url, "tuned", "hello", max_tokens=8)
            before = memory_mb(server.pid)
            fuzzed = fuzz(program, url, seconds, folder=name)
            answer = asked(url, "tuned", "hello", max_tokens=8)
            after = memory_mb(server.pid)
            print(f"memory {before:.0f} MB before, {after:.0f} MB after; it still answers: {answer.text!r}")
        finally:
            server.terminate()
            print(f"the server ended with {server.wait(60)}")
    return fuzzed


def fuzz(program: str, url: str, seconds: int, *, folder: str) -> int:
    """Again with other seeds until the time is over; the first exit code that is not 0."""
    until, seed, found = time.monotonic() + seconds, 0, 0
    while time.monotonic() < until and not found:
        seed += 1
        command = [program, "run", f"{url}/openapi.json", "--checks", "not_a_server_error"]
        command += ["--seed", str(seed), "--max-examples", "100", "--request-timeout", "30", "--workers", "4"]
        left = max(5.0, until - time.monotonic())
        try:
            found = subprocess.run(command, cwd=folder, timeout=left, check=False).returncode
        except subprocess.TimeoutExpired:
            print(f"the time is over in round {seed}")
    return found


def memory_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss / 2**20)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 300))
