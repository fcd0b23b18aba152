"""The command in a process of its own that has not to load torch: forked from one that did, 4 s sooner each time.

In: words, folder and environment. Out: exit code and streams, as from subprocess.run, or the process while it works.
Its own file because faults and how-tos both start some hundred commands. Before the fork modules are loaded, ours
too, and templates compiled: nothing has been done yet. Each command has its own streams, folder and environment, and
ends as Python ends. kill -9 ends it as any other process. A test about starting itself, about variables that libraries
read when they are loaded, about signals that are answered, limits or memory takes subprocess instead.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

LOADED = (
    "torch", "torch._dynamo", "transformers", "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto", "transformers.models.bert.modeling_bert",
    "transformers.models.llama.modeling_llama", "transformers.generation.utils", "peft", "accelerate",
    "safetensors.torch", "tokenizers", "huggingface_hub", "numpy", "pandas", "pyarrow.parquet", "pyarrow.dataset",
    "scipy.stats", "scipy.sparse", "sklearn.feature_extraction.text", "sklearn.linear_model", "sklearn.metrics",
    "sklearn.model_selection", "sacrebleu", "pydantic", "typer", "rich.console", "yaml", "jinja2", "clevercsv",
    "ftfy", "charset_normalizer", "py3langid", "regex", "filelock", "psutil",
)  # fmt: skip
"""What a whole run loads of other projects, as sys.modules tells after one."""
_KEPT = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "TUNEWRIGHT_"))}
"""Of our environment, read once: pytest changes it at each test, while others start commands in threads."""
_PID_BYTES = 20
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class Warm:
    """A command that works, or has ended."""

    words: Sequence[str]
    pid: int
    told: IO[bytes]
    """Its exit code, once it has ended."""
    out: IO[bytes]
    err: IO[bytes]

    def has_ended(self) -> bool:
        return bool(select.select([self.told], [], [], 0)[0])

    def kill(self) -> None:
        """kill -9."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def ended(self) -> subprocess.CompletedProcess[str]:
        """Waits for it. The exit code is negative if a signal ended it, None if that was the limit."""
        code = json.loads(self.told.read())
        streams = [(stream.seek(0), stream.read().decode("utf-8"))[1] for stream in (self.out, self.err)]
        return subprocess.CompletedProcess(list(self.words), code, *streams)


def run_warm(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], limit_seconds: float
) -> subprocess.CompletedProcess[str]:
    """What `tunewright WORDS` comes to, without a terminal and with nothing on stdin.

    Raises subprocess.TimeoutExpired after the limit; the command is killed then.
    """
    with started_warm(words, cwd=cwd, env=env, limit_seconds=limit_seconds) as process:
        done = process.ended()
    if done.returncode is None:
        raise subprocess.TimeoutExpired(list(words), limit_seconds, done.stdout, done.stderr)
    return done


@contextmanager
def started_warm(words: Sequence[str], *, cwd: Path, env: Mapping[str, str], limit_seconds: float) -> Iterator[Warm]:
    """The same while it works; it is killed when the block ends before it."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, Path(os.devnull).open("rb") as nothing:
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb", buffering=0) as told:
            request = {"words": list(words), "cwd": str(cwd), "env": dict(env), "limit_seconds": limit_seconds}
            try:
                _ask(request, [nothing.fileno(), out.fileno(), err.fileno(), writing])
            finally:
                os.close(writing)
            pid = told.read(_PID_BYTES)
            assert pid, "the process that has torch loaded is gone"
            process = Warm(words, int(pid), told, out, err)
            try:
                yield process
            finally:
                if not process.has_ended():
                    process.kill()
                    told.read()  # its keeper has seen the end


def _ask(request: Mapping[str, Any], files: Sequence[int]) -> None:
    body = json.dumps(request).encode()
    with _one_at_a_time:
        server = _server()
        socket.send_fds(server, [len(body).to_bytes(8, "big")], files)
        server.sendall(body)


@cache
def _server() -> socket.socket:
    """The way to the process that forks; it ends when this one does, because its socket ends."""
    from tunewright.cli.main import QUIET_LIBRARIES

    ours, theirs = socket.socketpair()
    home = tempfile.mkdtemp(prefix="warm-hf")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    quiet = {"OMP_NUM_THREADS": "1", **QUIET_LIBRARIES, "HF_HOME": home}
    subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        env={**_KEPT, **quiet},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()
    return ours


def _request(client: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    head, files, _, _ = socket.recv_fds(client, 8, 4)
    if not head:
        return None
    n_bytes = int.from_bytes(head, "big")
    body = b""
    while len(body) < n_bytes:
        body += client.recv(n_bytes - len(body))
    return dict(json.loads(body)), list(files)


def _serve(client: socket.socket) -> list[str] | None:
    """In the process that forks: nothing, at the end. In each forked one: the words that it has to do."""
    for name in (*LOADED, *_ours()):
        importlib.import_module(name)
    _prepare_caches()
    gc.freeze()  # what is loaded stays shared memory
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    while (asked := _request(client)) is not None:
        request, files = asked
        if os.fork() == 0:
            client.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _keep(request, files)
        for file in files:
            os.close(file)
    return None


def _ours() -> list[str]:
    """Every module of ours that needs no extra."""
    import tunewright

    found = pkgutil.walk_packages(tunewright.__path__, "tunewright.")
    not_loaded = (
        "tunewright.__main__",
        "tunewright.train.trackers.",
        "tunewright.serve.http.",
        "tunewright.export.readers.",
    )
    return [one.name for one in found if not one.name.startswith(not_loaded)]


def _prepare_caches() -> None:
    """What each process makes once for itself: what tells languages, transformers' table of renamed weights, our
    templates.
    """
    import py3langid
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    from tunewright.report.page import environment

    py3langid.classify("a few words")
    get_checkpoint_conversion_mapping("bert")
    templates = environment(is_html=True)
    for name in templates.list_templates(filter_func=lambda name: name.endswith(".html.j2")):
        templates.get_template(name)


def _keep(request: Mapping[str, Any], files: Sequence[int]) -> list[str]:
    """Forks the command and tells what came of it; returns in the command alone."""
    *streams, ending = files
    pid = os.fork()
    if pid == 0:
        for number, file in enumerate(streams):
            os.dup2(file, number)
        for file in files:
            os.close(file)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        return list(request["words"])
    os.write(ending, str(pid).rjust(_PID_BYTES).encode())
    os.write(ending, json.dumps(_exit_code(pid, until=time.monotonic() + request["limit_seconds"])).encode())
    os._exit(0)


def _exit_code(pid: int, *, until: float) -> int | None:
    """None if it had to be killed at the limit."""
    while time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


if __name__ == "__main__":
    sys.path.pop(0)
    asked_words = _serve(socket.socket(fileno=int(sys.argv[1])))
    if asked_words is not None:
        sys.argv = [str(Path(sys.executable).parent / "tunewright"), *asked_words]
        from tunewright.cli.main import main

        sys.exit(main())
