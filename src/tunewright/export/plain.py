"""The other side of alone.py: a process that knows an exported folder and nothing of us.

In: one folder after the other. Out: a function that asks it. Its own file because a process that dies must read like
any other fault of an export, whatever killed it.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from tunewright.core.errors import ExportError
from tunewright.export.loading import Kind
from tunewright.export.source import Program
from tunewright.model.classifier import EncoderClassifier
from tunewright.model.load import Loaded
from tunewright.model.trained import body_of

ALONE = Path(__file__).with_name("alone.py")
READERS = Path(__file__).with_name("readers")
Ask = Callable[..., Any]
"""ask("facts"), ask("class_logits", ids_BT=..., mask_BT=...): the functions of a reader's ANSWERS by name."""
PlainLoad = Callable[["Asked", Loaded], Ask]
"""load(asked, proven): the folder of `asked`, and no other from then on, is what is asked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One folder in question."""

    folder: Path
    target: str
    base: str
    """The folder below an adapter; empty for a whole model."""
    device: str
    threads: int
    trust_remote_code: bool
    max_kl_nats: float
    program: Program = "in_transformers"
    n_positions: int = 512
    """Of the longest row that will be asked, and a few more."""


def kind_of(loaded: Loaded) -> Kind:
    """encoder: a head of ours on a plain encoder. classifier: transformers' own head. language: it writes.

    A language model of another tool that is asked for labels by name has no classes of its own.
    """
    if not loaded.labels:
        return "language"
    return "encoder" if isinstance(loaded.model, EncoderClassifier) else "classifier"


@contextmanager
def plain_program() -> Iterator[PlainLoad]:
    """A process that loads folders; to start it costs as long as importing torch and transformers (4 s on two cores).

    One for each reader: it starts with the first folder, and anew after one that ended it. Loading and asking raise
    ExportError, with that process's last words, when it does not load or stops answering.
    """
    with ExitStack() as stack:
        running: dict[Program, _Program] = {}

        def load(asked: Asked, proven: Loaded) -> Ask:
            name = asked.program
            if name not in running or running[name].process.poll() is not None:
                running[name] = stack.enter_context(_program(name))
            ask = partial(_answer, running[name], asked)
            ask(
                "load",
                folder=str(asked.folder),
                base=asked.base,
                kind=kind_of(proven),
                n_classes=len(proven.labels),
                n_embeddings=body_of(proven.model).get_input_embeddings().weight.shape[0],
                device=asked.device,
                threads=asked.threads,
                trust=asked.trust_remote_code,
                n_positions=asked.n_positions,
            )
            return ask

        yield load


@dataclass(frozen=True, slots=True)
class _Program:
    process: subprocess.Popen[bytes]
    questions: IO[bytes]
    answers: IO[bytes]
    words: IO[bytes]
    """Its stderr."""


@contextmanager
def _program(name: Program) -> Iterator[_Program]:
    reader = str(READERS / f"{name}.py")
    command = [sys.executable, "-P", str(ALONE), reader]  # -P: files beside alone.py must not shadow anybody's modules
    with (
        TemporaryFile() as words,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words) as process,
    ):
        assert process.stdin, "we asked for a pipe"
        assert process.stdout, "we asked for a pipe"
        try:
            yield _Program(process, process.stdin, process.stdout, words)
        finally:
            process.kill()


def _answer(program: _Program, asked: Asked, name: str, **given: Any) -> Any:
    try:
        pickle.dump((name, given), program.questions)
        program.questions.flush()
        return pickle.load(program.answers)
    except (EOFError, OSError, pickle.UnpicklingError) as error:
        program.process.kill()  # an answer that nobody can read
        program.process.wait()
        raise _does_not_work(asked, words=program.words) from error


def _does_not_work(asked: Asked, *, words: IO[bytes]) -> ExportError:
    words.seek(0)
    lines = [line.strip() for line in words.read().decode("utf-8", "replace").splitlines() if line.strip()]
    why = lines[-1] if lines else "its process ended without a word"
    who = asked.program.removeprefix("in_").replace("llama_cpp", "llama.cpp")
    return broken(asked, f"plain {who} cannot use this folder", why=why, fix="tunewright doctor")


def broken(asked: Asked, what: str, *, why: str, fix: str = "") -> ExportError:
    others = {"adapter": "merged", "merged": "adapter"}
    return ExportError(
        what,
        where=f"export/{asked.folder.name}",
        why=f"{why}; nothing is published",
        fix=fix or f"export.targets=[{others.get(asked.target, 'merged')}] exports without it",
    )
