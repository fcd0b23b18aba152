"""`tunewright models list|add|info`: the starter models, and the facts of any other.

In: an action and a name. Out: a table, a folder, facts. Its own file because one file a verb.
"""

from __future__ import annotations

import difflib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from tunewright.cli.console import Console, open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.progress import event_printer
from tunewright.cli.words import size, table
from tunewright.core.errors import PlanError
from tunewright.model.card import model_card
from tunewright.model.memory import BYTES_A_WEIGHT, base_bytes
from tunewright.model.starter import PREFIX, STARTERS, add_starter, starter_path

ACTIONS = ("list", "add", "info")

ActionWord = Annotated[str, typer.Argument(metavar="list|add|info", help="What to do; left out: list.")]
ModelName = Annotated[
    str | None, typer.Argument(metavar="NAME", help="A starter model; for info also a folder or a Hugging Face id.")
]


def models(
    action: ActionWord = "list",
    name: ModelName = None,
    json: Json = False,
    quiet: Quiet = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> int:
    """List the starter models, fetch one (add), or show a model's facts (info)."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        _check_words(action, name)
        if action == "list":
            _list(console)
        elif action == "add":
            _add(console, str(name))
        else:
            _info(console, str(name))
    return 0


def _check_words(action: str, name: str | None) -> None:
    if action not in ACTIONS:
        near = difflib.get_close_matches(action, ACTIONS, n=1)
        why = f"did you mean {near[0]}?" if near else f"it takes {', '.join(ACTIONS)}"
        fix = " ".join([near[0], *([name] if name else [])]) if near else "list"
        raise PlanError(f"models cannot {action}", where="command line", why=why, fix=f"tunewright models {fix}")
    if action != "list" and name is None:
        raise PlanError(
            f"models {action} needs a name",
            where="command line",
            fix=f"tunewright models {action} {next(iter(STARTERS))}",
        )


def _list(console: Console) -> None:
    found = [_starter_facts(name) for name in STARTERS]
    if not console.wants_json:
        rows = [("name", "kind", "parameters", "download", "licence", "here?", "what")]
        for facts in found:
            where = "yes" if facts["is_added"] else "not yet"
            parameters = f"{facts['n_parameters'] / 1e6:.1f} M"
            download, what = size(facts["download_bytes"]), facts["what"]
            rows.append((facts["name"], facts["architecture"], parameters, download, facts["licence"], where, what))
        console.result(table(rows))
        console.result("\nA run fetches the one it needs by itself; tunewright models add NAME does it now.")
        console.result(f"In a plan: model: {PREFIX}NAME, a Hugging Face id, or a local folder.")
    console.answer({"models": found})


def _add(console: Console, name: str) -> None:
    was_there = starter_path(name) is not None
    with event_printer(console) as tell:
        folder = add_starter(name, tell=tell)
    word = name.removeprefix(PREFIX)
    console.result(f"{word} {'was here already' if was_there else 'is ready'}: {folder}")
    console.result(f"next    tunewright run tickets.csv model={PREFIX}{word}")
    console.answer({"name": word, "path": str(folder), "was_there": was_there})


def _info(console: Console, name: str) -> None:
    word = name.removeprefix(PREFIX)
    if word in STARTERS and starter_path(word) is None:
        facts = _starter_facts(word)
    else:
        card = model_card(f"{PREFIX}{word}" if word in STARTERS else name, folder=Path())
        facts = {**(_starter_facts(word) if word in STARTERS else {}), **asdict(card), "path": card.path or None}
        facts["weights_bytes"] = {"float32": base_bytes(card, quantization=None)} | {
            word: base_bytes(card, quantization=word) for word in BYTES_A_WEIGHT
        }
    if not console.wants_json:
        rows = [(key, _fact_words(key, value)) for key, value in facts.items()]
        console.result("\n".join(table([("", ""), *rows]).split("\n")[1:]))
        if not facts["path"]:
            console.result(f"\nnext    tunewright models add {word}")
    console.answer(facts)


def _fact_words(key: str, value: Any) -> str:
    if key == "weights_bytes":
        return ", ".join(f"{size(n_bytes)} in {kind}" for kind, n_bytes in value.items())
    return "not here yet" if key == "path" and value is None else str(value)


def _starter_facts(name: str) -> dict[str, Any]:
    """The table's facts of a starter model, and where it is on this machine; path is null before it is added."""
    starter, path = STARTERS[name], starter_path(name)
    return {
        **asdict(starter.card),
        "name": name,
        "path": str(path) if path else None,
        "is_added": path is not None,
        "package": starter.package,
        "version": starter.version,
        "download_bytes": starter.wheel_bytes,
        "folder_bytes": starter.folder_bytes,
        "what": starter.what,
    }
