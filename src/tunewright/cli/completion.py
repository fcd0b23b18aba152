"""`tunewright completion bash|zsh|fish`: a script with which the shell completes our words.

In: a shell's name. Out: its script. What can be known beforehand is written into it and run names are read by the
shell itself, so that no Python starts when Tab is pressed. Its own file because one file a verb.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Annotated

import typer

from tunewright.cli.console import is_terminal, open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.verbs import VERBS, options_of
from tunewright.core.errors import PlanError
from tunewright.core.fields import plan_fields
from tunewright.model.starter import PREFIX, STARTERS
from tunewright.report.glossary import GLOSSARY
from tunewright.report.words import METRICS

INSTALL = {
    "bash": "echo 'source <(tunewright completion bash)' >> ~/.bashrc",
    "zsh": "echo 'source <(tunewright completion zsh)' >> ~/.zshrc",
    "fish": "tunewright completion fish > ~/.config/fish/completions/tunewright.fish",
}
"""How the script is loaded in every new shell. zsh needs compinit before it, as most setups have."""
OTHERS = ("tcsh", "csh", "ksh", "pwsh", "nu", "xonsh", "elvish")
"""Shells, not typing mistakes."""
COMMON = ("--json", "--quiet", "--runs-dir", "--help")

Shell = Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="Which shell.")]


def completion(shell: Shell, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR) -> int:
    """Print a script to source: verbs, options, run names, plan fields and their values are completed with Tab."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        if shell not in INSTALL:
            near = [] if shell in OTHERS else difflib.get_close_matches(shell, INSTALL, n=1, cutoff=0.4)
            why = f"did you mean {near[0]}?" if near else f"it knows {', '.join(INSTALL)}"
            fix = f"tunewright completion {near[0] if near else 'bash'}"
            raise PlanError(f"completion does not know the shell {shell}", where="command line", why=why, fix=fix)
        script = shell_script(shell)
        if not json:
            console.result(script)
        if json or is_terminal(console.people):
            console.note(f"in every new shell:  {INSTALL[shell]}")
        console.answer({"shell": shell, "install": INSTALL[shell], "script": script})
    return 0


def shell_script(shell: str) -> str:
    """One function in the language that sh, bash and zsh share, and the lines that call it."""
    function = candidates_function()
    template = (files("tunewright.cli") / "shells" / f"tunewright.{shell}").read_text(encoding="utf-8")
    if shell == "fish":  # runs it by sh, as one quoted word
        function = function.replace("\\", "\\\\").replace("'", "\\'")
    return template.replace("@CANDIDATES@", function).rstrip()


def candidates_function() -> str:
    """Prints what may stand in place of a word, one a line. Where it prints nothing the shell offers files."""
    template = (files("tunewright.cli") / "shells" / "candidates.sh").read_text(encoding="utf-8")
    tables = {
        "@VALUED@": "|".join(_valued_options()),
        "@OPTIONS@": "\n".join(_option_cases()),
        "@VALUES@": "\n".join(_value_cases()),
        "@WORDS@": "\n".join(_word_cases()),
        "@FIELDS@": _printed(f"{name}=" for name in plan_fields()),
        "@COMMON@": " ".join(COMMON),
    }
    for name, text in tables.items():
        template = template.replace(name, text)
    return template.rstrip()


def _valued_options() -> Iterator[str]:
    """Options that a file or folder follows."""
    yield "--runs-dir"
    yield from dict.fromkeys(o for v in VERBS.values() for o in re.findall(r"(?<![\w-])(--?[a-z-]+) [a-zA-Z]", v.usage))


def _option_cases() -> Iterator[str]:
    for name, verb in VERBS.items():
        if own := options_of(verb.usage):
            yield f"      ({name}) {_printed(own)} ;;"


def _value_cases() -> Iterator[str]:
    known: dict[str, Iterable[str]] = {name: field.choices for name, field in plan_fields().items() if field.choices}
    models = [f"{PREFIX}{name}" for name in STARTERS]
    known |= {"model": models, "model.name": models, "evaluate.primary_metric": METRICS}
    for name, words in known.items():
        yield f"      ({name}) {_printed(f'{name}={word}' for word in words)} ;;"


def _word_cases() -> Iterator[str]:
    """verb:n, the n-th word after the verb, from 0."""
    yield f"    (:*) {_printed(VERBS)} ;;"
    for name, verb in VERBS.items():
        places = _places(verb.usage)
        for n, place in enumerate(places):
            if commands := _offered(place):
                yield f"    ({name}:{n}) {commands} ;;"
        if "a.b=c" in verb.usage:
            yield f"    ({name}:[{len(places)}-9]*) _tunewright_fields ;;"
        elif "RUN ...]" in verb.usage:
            yield f"    ({name}:*) _tunewright_runs ;;"


def _places(usage: str) -> list[str]:
    """The words after a verb, one after the other, without options and what may be repeated.

    >>> _places("RUN IN -o OUT [a.b=c ...]"), _places("[RUN] [--no-open]"), _places("list|add|info [NAME]")
    (['RUN', 'IN'], ['RUN'], ['list|add|info', 'NAME'])
    """
    plain = re.sub(r"\[[^\]]*\.\.\.\]|\[?--?[a-z-]+( [\w.]+)?\]?", "", usage)
    return [place.strip("[]") for place in plain.split()]


def _offered(place: str) -> str:
    """Shell commands that print what can stand in a place of a verb's usage; empty: files."""
    kinds = place.split("|")
    if place == "NAME":
        return _printed(STARTERS)
    if place == "WORD":
        return _printed(dict.fromkeys((*VERBS, *plan_fields(), *GLOSSARY)))
    if "RUN" in kinds:
        return "_tunewright_runs; _tunewright_files" if len(kinds) > 1 else "_tunewright_runs"
    return _printed(kinds) if all(kind.islower() for kind in kinds) else ""


def _printed(words: Iterable[str]) -> str:
    return f"printf '%s\\n' {' '.join(words)}"
