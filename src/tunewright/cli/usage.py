"""How a verb is called: its words, its options, an example.

In: the verb's name and the command that typer made of its function. Out: Usage, and its text for 80 columns. Its own
file because `VERB --help` and the pages in docs/verbs say the same; typer's own page shows Python types.
"""

from __future__ import annotations

import importlib
import textwrap
from dataclasses import dataclass
from typing import Any

from tunewright.cli.verbs import VERBS

WIDTH = 80


@dataclass(frozen=True, slots=True)
class Usage:
    """Everything that can follow a verb."""

    name: str
    line: str
    """tunewright run PLAN|DATA [a.b=c ...]"""
    about: str
    words: tuple[tuple[str, str], ...]
    """(word, what it is), in order."""
    options: tuple[tuple[str, str], ...]
    """(option with its other spelling and value, what it does)."""
    example: str


def verb_command(name: str) -> Any:
    """typer's command of a verb; its file is loaded now."""
    import typer  # help and version do without

    function = vars(importlib.import_module(f"tunewright.cli.{VERBS[name].module}"))[name]
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name, add_help_option=False)(function)
    return typer.main.get_command(app)


def usage(name: str, command: Any) -> Usage:
    words = [(p.metavar or p.name.upper(), p.help or "") for p in command.params if p.param_type_name == "argument"]
    options = [(_spelled(p), _help(p)) for p in command.params if p.param_type_name == "option"]
    return Usage(
        name=name,
        line=f"tunewright {name} {VERBS[name].usage}".strip(),
        about=" ".join(str(command.help or "").split()),
        words=tuple(words),
        options=(*options, ("-h, --help", "This page.")),
        example=VERBS[name].example,
    )


def usage_text(found: Usage) -> str:
    """The page for a terminal.

    >>> options = (("--json", "As JSON."),)
    >>> print(usage_text(Usage("runs", "tunewright runs", "List the runs.", (), options, "tunewright runs")))
    tunewright runs
    <BLANKLINE>
      List the runs.
    <BLANKLINE>
      --json  As JSON.
    <BLANKLINE>
    Example: tunewright runs
    """
    line = textwrap.fill(found.line, WIDTH, subsequent_indent="    ", break_on_hyphens=False)
    blocks = [line, _wrapped("", found.about, column=0)]
    column = max(len(word) for word, _ in (*found.words, *found.options))
    for pairs in (found.words, found.options):
        if pairs:
            blocks.append("\n".join(_wrapped(word, text, column=column) for word, text in pairs))
    return "\n\n".join([*blocks, f"Example: {found.example}"])


def _wrapped(word: str, text: str, *, column: int) -> str:
    start = f"  {word:<{column}}  " if column else "  "
    return textwrap.fill(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False)


def _spelled(option: Any) -> str:
    value = "" if option.is_flag else f" {option.metavar or option.name.upper()}"
    return f"{', '.join(sorted((*option.opts, *option.secondary_opts), key=len))}{value}"


def _help(option: Any) -> str:
    text = option.help or ""
    is_said = option.is_flag or option.default in (None, "", ()) or callable(option.default)
    return text if is_said else f"{text} Left out: {option.default}."
