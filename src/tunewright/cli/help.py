"""`tunewright help WORD`: what a verb, a field of the plan, an exit code, an error or a word of the trade means.

In: a word. Out: everything that it can mean, in words or as {word, entries}. Its own file because one file a verb.
"""

from __future__ import annotations

import difflib
import re
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from tunewright.cli.console import open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.verbs import VERBS, Verb, help_text
from tunewright.core import errors
from tunewright.core.aliases import ALIASES, NO_COUNTERPART, WARMUP_STEPS
from tunewright.core.errors import EXIT_INTERRUPTED, PlanError, TunewrightError
from tunewright.core.fields import Field, override, plan_fields, plan_line
from tunewright.core.plan import SECTIONS
from tunewright.core.spelling import fields_named
from tunewright.report.glossary import GLOSSARY, glossary_word, term

WIDTH = 80
LISTS = ("verbs", "fields", "errors", "words")
"""Words that list all there is of a kind."""

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="WORD", help="A verb, a plan field, an exit code, an error, a word; or verbs, fields, errors, words."
    ),
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that the word can mean."""

    kind: Literal["verb", "field", "error", "word", "list"]
    name: str
    lines: tuple[tuple[str, str], ...]
    """(what, text): the first `what` is empty."""


def help(words: Words = None, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR) -> int:
    """Say what a word means: a verb, a field of the plan, an exit code, an error or a word of the trade."""
    word = " ".join(words or ())
    with open_console(wants_json=json, is_quiet=quiet) as console:
        found = entries(word) if word else tuple(map(_verb, VERBS))
        if not json:
            console.result("\n\n".join(map(shown, found)) if word else help_text())
        console.answer({"word": word, "entries": found})
    return 0


def entries(word: str) -> tuple[Entry, ...]:
    """Everything that the word means here.

    Raises PlanError with the nearest word for one that means nothing.
    """
    found = tuple(_entries(word))
    if found:
        return found
    if word in NO_COUNTERPART:
        return (
            Entry("field", word, (("", f"{word} has no counterpart in a plan"), ("instead", NO_COUNTERPART[word]))),
        )
    known = {known.lower(): known for known in _known()}
    near = difflib.get_close_matches(word.lower(), known, n=1)
    raise PlanError(
        f"nothing here is called {word}",
        where="command line",
        why=f"did you mean {known[near[0]]}?" if near else "tunewright help words, fields, verbs or errors lists them",
        fix=shlex.join(["tunewright", "help", known[near[0]] if near else "words"]),
    )


def error_kinds() -> dict[str, type[TunewrightError]]:
    """Every error of ours by its name, in the order of the tree."""
    return {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, TunewrightError) and kind is not TunewrightError
    }


def shown(entry: Entry) -> str:
    """For a terminal of 80 columns."""
    lines = [entry.name]
    label = max(len(what) for what, _ in entry.lines)
    for what, text in entry.lines:
        start = "  " + (f"{what:<{label}}  " if what else "")
        lines += textwrap.wrap(
            text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False
        )
    return "\n".join(lines)


def _entries(word: str) -> Iterator[Entry]:
    if word in VERBS:
        yield _verb(word)
    if word in LISTS:
        yield _list(word)
    yield from map(_field, _fields_of(word))
    if word in SECTIONS and word not in VERBS:
        yield _list("fields", section=word)
    yield from _errors_of(word)
    if meaning := glossary_word(word):
        yield Entry("word", term(meaning), (("", GLOSSARY[meaning]),))


def _verb(name: str) -> Entry:
    verb: Verb = VERBS[name]
    return Entry(
        "verb",
        _line(f"{name} {verb.usage}".strip()),
        (("", verb.summary), ("example", verb.example), ("all options", f"tunewright {name} --help")),
    )


def _line(usage: str) -> str:
    """With its options where they have room.

    >>> _line("serve [RUN]" + " [--port PORT]" * 10)
    'serve [RUN] [options]'
    """
    return usage if len(usage) <= WIDTH else re.sub(r"( \[--[^\]]*\])+", " [options]", usage)


def _fields_of(word: str) -> list[Field]:
    """By the canonical name, the bare name, or another tool's."""
    fields = plan_fields()
    section, _, name = word.rpartition(".")
    if word in fields:
        return [fields[word]]
    if name == WARMUP_STEPS:
        return [fields["train.warmup_ratio"]]
    homes = [ALIASES[name]] if name in ALIASES else fields_named(name)
    return [fields[home] for home in homes if section in ("", home.partition(".")[0])]


def _field(field: Field) -> Entry:
    facts = (
        ("", field.what),
        ("takes", field.takes),
        ("left out", field.left_out),
        ("also", ", ".join(field.aliases)),
        ("typed", f"tunewright run tickets.csv {override(field)}"),
        ("in a plan", plan_line(field)),
    )
    more = _checks() if field.name == "prepare.actions" else ()
    return Entry("field", field.name, (*((what, text) for what, text in facts if text), *more))


def _checks() -> tuple[tuple[str, str], ...]:
    """Every check of the data: its action where the plan names none, the others it has, what it looks for."""
    from tunewright.prepare.checks.table import all_checks  # scikit-learn: no other word waits for it

    return tuple(
        (
            name,
            check.actions[0] + (f" (or {', '.join(rest)})" if (rest := check.actions[1:]) else "") + f": {check.finds}",
        )
        for name, check in all_checks().items()
    )


def _errors_of(word: str) -> Iterator[Entry]:
    for name, kind in error_kinds().items():
        is_code = word == str(kind.exit_code) and kind.__base__ is TunewrightError
        if is_code or word.lower() == name.lower():
            yield Entry("error", f"{name}, exit code {kind.exit_code}", (("", str(kind.__doc__).splitlines()[0]),))
    if word in ("0", "1", "141", str(EXIT_INTERRUPTED)):
        yield Entry("error", f"exit code {word}", (("", OTHER_CODES[int(word)]),))


OTHER_CODES = {
    0: "Everything that was asked for is done.",
    1: "doctor found a problem, or a bug of ours showed its traceback.",
    EXIT_INTERRUPTED: "Stopped by Ctrl-C. Nothing is lost: the same command goes on where it stopped.",
    141: "Nobody read the output any more, as after `| head`.",
}
"""Exit codes that are no error of ours."""


def _list(kind: str, *, section: str = "") -> Entry:
    if kind == "verbs":
        lines = [(name, verb.summary) for name, verb in VERBS.items()]
    elif kind == "errors":
        lines = [(str(code), text) for code, text in OTHER_CODES.items() if code < 2]
        lines += [(f"{e.exit_code}", f"{n}: {str(e.__doc__).splitlines()[0]}") for n, e in error_kinds().items()]
        lines += [(str(code), text) for code, text in OTHER_CODES.items() if code > 9]
    elif kind == "fields":
        fields = plan_fields().values()
        lines = [(f.name, re.split(r" \(|[:;.] |\.$", f.what)[0]) for f in fields if f.name.startswith(section)]
    else:
        lines = [("", " · ".join(sorted(map(term, GLOSSARY), key=str.lower)))]
    names = {"fields": f"the fields of {section}" if section else "every field of a plan"}
    return Entry("list", names.get(kind, f"the {kind} that there are"), tuple(lines))


def _known() -> Iterator[str]:
    yield from (*VERBS, *LISTS, *SECTIONS)
    for name in plan_fields():
        yield from (name, name.rpartition(".")[2])
    yield from (*ALIASES, *NO_COUNTERPART, *error_kinds(), *(term(word) for word in GLOSSARY))
