"""`tunewright models list|add|info`: the models there are, here and elsewhere, and the facts of any one.

In: an action and a name or a word. Out: a table, a folder, facts. Its own file because one file a verb.
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
from tunewright.core.errors import PlanError, TunewrightError
from tunewright.core.values import ModelCard
from tunewright.model.card import model_card
from tunewright.model.catalogue import (
    UNKNOWN_LICENCE,
    Known,
    catalogue_card,
    catalogue_names,
    contradictions,
    known,
    search,
)
from tunewright.model.effort import effort
from tunewright.model.find import cached_names, is_here, local_names
from tunewright.model.memory import BYTES_A_WEIGHT, base_bytes
from tunewright.model.starter import PREFIX, STARTERS, add_starter, starter_path

ACTIONS = ("list", "add", "info")

ActionWord = Annotated[str, typer.Argument(metavar="list|add|info", help="What to do; left out: list.")]
ModelName = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME|WORD",
        help="add: a starter model. info: also a folder or a Hugging Face id. list: what to look for in the catalogue.",
    ),
]


def models(
    action: ActionWord = "list",
    name: ModelName = None,
    json: Json = False,
    quiet: Quiet = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> int:
    """List models that are here or look for others (list WORD), fetch one (add), or show a model's facts (info)."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        _check_words(action, name)
        if action == "list":
            _list(console, word=name or "")
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


def _list(console: Console, *, word: str) -> None:
    here = [*map(_starter_facts, STARTERS), *_found_here()]
    elsewhere = [_catalogue_facts(one) for one in search(word)] if word else []
    names = {facts["name"].lower() for facts in here}
    shown = [facts for facts in here if _fits_word(facts, word)]
    shown += [facts for facts in elsewhere if facts["name"].lower() not in names]
    if not console.wants_json:
        _show_list(console, shown, word=word)
    console.answer({"models": shown})


def _show_list(console: Console, shown: list[dict[str, Any]], *, word: str) -> None:
    if shown:
        rows = [("name", "kind", "parameters", "reads", "licence", "here?", "what")]
        for facts in shown:
            where = "yes" if facts["is_added"] else size(facts["download_bytes"]) if facts["download_bytes"] else "no"
            parameters = f"{'' if facts['is_exact'] else '≤ '}{facts['n_parameters'] / 1e6:,.1f} M"
            reads, what = f"{facts['context_tokens']:,}", facts["what"]
            rows.append((facts["name"], facts["architecture"], parameters, reads, facts["licence"], where, what))
        console.result(table(rows))
    else:
        console.result(f"no model has {word!r} in its name, kind, family or licence")
    others = f"{len(catalogue_names())} more are in the catalogue: tunewright models list qwen3"
    console.result(
        f"\n{others}" if not word else "\nThe facts of one, each with its source: tunewright models info NAME"
    )
    console.result("A run fetches the starter it needs by itself; tunewright models add NAME does it now.")
    console.result(f"In a plan: model: {PREFIX}NAME, a Hugging Face id, or a local folder.")


def _found_here() -> list[dict[str, Any]]:
    """Whole models in the local Hugging Face cache and in folders below this one."""
    found = []
    for name in (*cached_names(), *local_names(Path())):
        try:
            card = model_card(name, folder=Path())
        except TunewrightError as error:
            found.append(_line_facts(name, card=None, what=f"cannot be used: {error.what}"))
        else:
            found.append(_line_facts(name, card=card, what="; ".join(effort(card, entry=known(name)))))
    return found


def _catalogue_facts(one: Known) -> dict[str, Any]:
    card = catalogue_card(one)
    return _line_facts(one.name, card=card, what="; ".join(effort(card, entry=one))) | {
        "is_exact": one.architecture == "encoder" or one.facts["is_tied"] is not None
    }


def _line_facts(name: str, *, card: ModelCard | None, what: str) -> dict[str, Any]:
    """The keys of a starter's facts that a line of the list needs."""
    return {
        "name": name,
        "architecture": card.architecture if card else "unknown",
        "n_parameters": card.n_parameters if card else 0,
        "context_tokens": card.context_tokens if card else 0,
        "licence": (card.licence if card and card.licence != "unknown" else UNKNOWN_LICENCE),
        "path": (card.path or None) if card else None,
        "is_added": bool(card and card.path),
        "is_exact": True,
        "download_bytes": 0,
        "what": what,
    }


def _fits_word(facts: dict[str, Any], word: str) -> bool:
    text = " ".join(str(facts[key]) for key in ("name", "architecture", "licence", "what")).lower()
    return all(part in text for part in word.lower().split())


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
    entry = known(name)
    if word in STARTERS and starter_path(word) is None:
        facts = _starter_facts(word)
    elif entry is not None and not is_here(entry.name, folder=Path()):
        facts = _known_facts(entry)
    else:
        facts = _card_facts(f"{PREFIX}{word}" if word in STARTERS else entry.name if entry else name)
    if not console.wants_json:
        rows = [(key, _fact_words(key, value)) for key, value in facts.items() if key not in ("sources", "is_exact")]
        console.result("\n".join(table([("", ""), *rows]).split("\n")[1:]))
        for sentence in facts.get("contradictions", ()):
            console.result(f"warning    {sentence}: the files count")
        if entry is not None and "sources" in facts:
            _show_sources(console, facts["sources"])
        if not facts["path"]:
            fetch = f"models add {word}" if word in STARTERS else f"run tickets.csv model={facts['name']}"
            console.result(f"\nnext    tunewright {fetch}")
    console.answer(facts)


def _show_sources(console: Console, sources: dict[str, str]) -> None:
    """Facts that one source states stand together."""
    console.result("\nIts files are not here; stated by:")
    for source in dict.fromkeys(sources.values()):
        console.result(f"  {', '.join(fact for fact, of in sources.items() if of == source)}: {source}")


def _known_facts(entry: Known) -> dict[str, Any]:
    """What the catalogue states, null where no source does."""
    card = catalogue_card(entry)
    return {
        "name": entry.name,
        "architecture": entry.architecture,
        **entry.facts,
        "licence": card.licence,
        "path": None,
        "is_added": False,
        "effort": effort(card, entry=entry),
        "weights_bytes": _weights_bytes(card),
        "sources": dict(entry.sources),
    }


def _card_facts(name: str) -> dict[str, Any]:
    """A model's own files."""
    card, word = model_card(name, folder=Path()), name.removeprefix(PREFIX)
    return {
        **(_starter_facts(word) if name.startswith(PREFIX) else {}),
        **asdict(card),
        "path": card.path or None,
        "effort": effort(card, entry=known(name)),
        "weights_bytes": _weights_bytes(card),
        "contradictions": [one.sentence for one in contradictions(card)],
    }


def _weights_bytes(card: ModelCard) -> dict[str, int]:
    kinds = {word: base_bytes(card, quantization=word) for word in BYTES_A_WEIGHT}
    return {"float32": base_bytes(card, quantization=None)} | kinds


def _fact_words(key: str, value: Any) -> str:
    if key == "weights_bytes":
        return ", ".join(f"{size(n_bytes)} in {kind}" for kind, n_bytes in value.items())
    if key in ("effort", "contradictions", "languages"):
        return "; ".join(value) or "none"
    if value is None:
        return "not here yet" if key == "path" else "unknown"
    return str(value)


def _starter_facts(name: str) -> dict[str, Any]:
    """The table's facts of a starter model, and where it is on this machine; path is null before it is added."""
    starter, path = STARTERS[name], starter_path(name)
    return {
        **asdict(starter.card),
        "name": name,
        "path": str(path) if path else None,
        "is_added": path is not None,
        "is_exact": True,
        "package": starter.package,
        "version": starter.version,
        "download_bytes": starter.wheel_bytes,
        "folder_bytes": starter.folder_bytes,
        "what": starter.what,
    }
