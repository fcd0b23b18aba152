"""The exported repository onto the Hugging Face Hub.

In: a run whose export has the target repo, the name there. Out: its address. Its own file because it is the only place
that sends anything of a run away: it is asked for by name, and the repository is private.
"""

from __future__ import annotations

import re
from pathlib import Path

from huggingface_hub import HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from tunewright.core.errors import ExportError, PlanError

TARGET = "repo"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


def refuse_push(name: str) -> None:
    """Before any work: the name must be one, and a token must be there.

    Raises PlanError, ExportError.
    """
    if not _NAME.fullmatch(name):
        why = "a repository of the Hub is called OWNER/NAME"
        raise PlanError(f"{name!r} is no name of a repository", where="--push", why=why, fix="--push me/tickets")
    if not get_token():
        raise ExportError(
            "nothing can be pushed: there is no token of the Hub",
            where="--push",
            why="neither HF_TOKEN nor a stored login was found; nothing was exported",
            fix="hf auth login, or export HF_TOKEN=...; then the same command again",
        )


def with_repo(overrides: list[str]) -> list[str]:
    """The overrides, with the target that is pushed where none is named."""
    is_named = any(word.startswith(("export.targets=", "targets=")) for word in overrides)
    return overrides if is_named else [*overrides, f"export.targets=[{TARGET}]"]


def push(export: Path, name: str) -> str:
    """Upload export/repo as one commit into a private repository, made where it is not there.

    Raises ExportError when the target is not there or the Hub refuses; what was exported stays.
    """
    folder = export / TARGET
    if not folder.is_dir():
        fix = f"export.targets=[{TARGET}] --push {name}"
        raise ExportError("the target repo was not exported, so there is nothing to push", where=str(export), fix=fix)
    api = HfApi()
    try:
        url = api.create_repo(name, private=True, exist_ok=True)
        api.upload_folder(repo_id=name, folder_path=folder, commit_message="Exported and compared by tunewright")
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise ExportError(
            f"the Hub did not take {name}",
            where="--push",
            why=f"{(str(error).strip().splitlines() or [type(error).__name__])[0]}; the export is in {folder}",
            fix="look at the token's rights, then the same command again: only the push is left to do",
        ) from error
    return str(url)
