"""From a model's name in a plan to its folder on this machine.

In: starter:NAME, a folder, or a Hugging Face id. Out: the folder, fetched first when the name is a remote one. Its own
file because it is where a network may be touched: only for a name the user wrote, never when HF_HUB_OFFLINE is set.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from huggingface_hub import constants, scan_cache_dir, snapshot_download
from huggingface_hub.errors import (
    CacheNotFound,
    GatedRepoError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tunewright.core.errors import ModelError, NotHere
from tunewright.model.catalogue import nearest
from tunewright.model.files import CONFIG, TOKENIZER_FILES, weight_files
from tunewright.model.starter import PREFIX, STARTERS, starter_path

FETCHED = ("*.safetensors", "*.json", "*.jinja", "*.txt", "*.model", "README.md", "LICENSE*")
"""What a model needs; pickles, ONNX and other formats stay where they are."""
NOT_FETCHED = ("*/*", "consolidated*")
"""Folders of other formats, and second copies of the weights."""


def model_folder(name: str, *, folder: Path, revision: str, trust_remote_code: bool) -> Path:
    """The folder that `name` means: a starter model, then an existing folder, then a Hugging Face id.

    Raises ModelError when there is none, with what to do.
    """
    if name.startswith(PREFIX):
        return _starter(name.removeprefix(PREFIX))
    local = folder / Path(name).expanduser()
    if local.is_dir():
        return local.resolve()
    if local.is_file():
        raise ModelError("this is a file, and a model is a folder", where=str(local), fix=f"model.name={local.parent}")
    if _is_path(name):
        raise ModelError(
            "there is no such model folder",
            where=str(local),
            fix="paths start from the plan's own folder; or " + _starters(name),
        )
    if name in STARTERS:
        raise ModelError(f"{name} is a starter model", where="model.name", fix=f"model.name={PREFIX}{name}")
    return _from_hub(name, revision=revision, trust_remote_code=trust_remote_code)


def cached_names() -> tuple[str, ...]:
    """Ids of the models that lie whole in the local Hugging Face cache, by name."""
    try:
        repos = scan_cache_dir().repos
    except (CacheNotFound, OSError):
        return ()
    ids = sorted(repo.repo_id for repo in repos if repo.repo_type == "model")
    return tuple(name for name in ids if _in_cache(name, revision="main") is not None)


def local_names(folder: Path) -> tuple[str, ...]:
    """Model folders below this one, two levels deep, as a plan there would name them."""
    found = sorted(path.parent for level in ("*", "*/*") for path in folder.glob(f"{level}/{CONFIG}"))
    return tuple(f"./{path.relative_to(folder).as_posix()}" for path in found if _is_whole(path))


def is_here(name: str, *, folder: Path, revision: str = "main") -> bool:
    """Its files can be read without a network."""
    if name.startswith(PREFIX):
        return starter_path(name) is not None
    if (folder / Path(name).expanduser()).is_dir():
        return True
    try:
        return not _is_path(name) and _in_cache(name, revision=revision) is not None
    except HFValidationError:
        return False


def not_reachable(name: str) -> str:
    """Why a model that is not here cannot be fetched, as far as that is known without trying; empty when it may be."""
    return f"{name} is not on this machine, and HF_HUB_OFFLINE forbids fetching it" if constants.HF_HUB_OFFLINE else ""


def _starter(name: str) -> Path:
    path = starter_path(name)
    if path is None:
        raise ModelError(
            f"the starter model {name} is not on this machine yet",
            where="model.name",
            fix=f"tunewright models add {name}",
        )
    return path


def _is_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or "\\" in name or name.count("/") > 1 or Path(name).is_absolute()


def _from_hub(name: str, *, revision: str, trust_remote_code: bool) -> Path:
    try:
        known = _in_cache(name, revision=revision)
    except HFValidationError as error:
        raise ModelError(
            f"{name!r} is no model's name",
            where="model.name",
            why="it is neither a folder nor a Hugging Face id (OWNER/NAME)",
            fix=_near(name) or _starters(name),
        ) from error
    if known is not None:
        return known
    if why := not_reachable(name):
        raise NotHere(
            why,
            where="model.name",
            why=_near(name),
            fix=f"unset HF_HUB_OFFLINE, or name a folder, or {_starters(name)}",
        )
    patterns = [*FETCHED, *(["*.py"] if trust_remote_code else [])]
    try:
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=patterns, ignore_patterns=list(NOT_FETCHED))
        )
    except (
        Exception
    ) as error:  # httpx, httpx2, requests or OSError, by the hub's version: every one means "not fetched"
        raise _not_fetched(name, revision=revision, error=error) from error


def _in_cache(name: str, *, revision: str) -> Path | None:
    """The whole snapshot in the local Hugging Face cache; a part of one, left by another tool, is no model.

    Raises HFValidationError for what cannot be an id.
    """
    try:
        path = Path(snapshot_download(name, revision=revision, local_files_only=True))
    except OSError:  # LocalEntryNotFoundError is one
        return None
    return path if _is_whole(path) else None


def _is_whole(path: Path) -> bool:
    if not ((path / CONFIG).is_file() and any((path / name).is_file() for name in TOKENIZER_FILES)):
        return False
    try:
        weight_files(path)
    except ModelError:
        return False
    return True


def _not_fetched(name: str, *, revision: str, error: Exception) -> ModelError:
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    kind: type[ModelError] = NotHere
    if isinstance(error, GatedRepoError):
        what, fix = (
            f"{name} asks you to accept its licence first",
            f"accept it on https://hf.co/{name}, then: hf auth login",
        )
    elif isinstance(error, RepositoryNotFoundError):
        kind = ModelError
        what, fix = (
            f"there is no model {name} on Hugging Face, or it is private",
            _near(name) or f"check the spelling, or {_starters(name)}",
        )
    elif isinstance(error, RevisionNotFoundError):
        kind = ModelError
        what, fix = f"{name} has no revision {revision}", "model.revision=main"
    else:
        what = f"{name} is not on this machine and could not be fetched"
        fix = f"check the network or a mirror (HF_ENDPOINT), name a local folder, or {_starters(name)}"
        reason = "; ".join(filter(None, [reason, _near(name)]))
    return kind(what, where="model.name", why=reason, fix=fix)


def _near(name: str) -> str:
    """The nearest names, of catalogue and cache; empty for one that the catalogue has, or when nothing is like it."""
    found = nearest(name, among=cached_names())
    if not found or found[0].lower() == name.lower():
        return ""
    return f"did you mean model.name={' or '.join(found)}?"


def _starters(name: str) -> str:
    """The starter model nearest to the name first."""
    near = difflib.get_close_matches(name.rpartition("/")[2].lower(), STARTERS, n=1, cutoff=0.5)
    ordered = [*near, *(known for known in STARTERS if known not in near)]
    return "use a starter model: " + " or ".join(f"model.name={PREFIX}{known}" for known in ordered)
