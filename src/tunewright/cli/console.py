"""How people and programs are spoken to: results, notes, errors, one JSON object.

In: what the user asked for (--json, --quiet) and the two streams. Out: Console. Its own file because three promises
hold for every verb: nothing but JSON on stdout with --json, no crash on a terminal without Unicode, no torn pipe.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from tunewright.core.errors import RunError, TunewrightError
from tunewright.core.files import json_text

ENCODING_ERRORS = "tunewright_plain"
_PLAIN = {
    "–": "-", "—": "-", "‑": "-", "−": "-", "…": "...", "×": "x", "·": "|", "≤": "<=", "≥": ">=", "→": "->", "±": "+-",
    "‘": "'", "’": "'", "“": '"', "”": '"', "\u00a0": " ", "\u202f": " ", "━": "-", "╸": "-", "╺": "-",
}  # fmt: skip
"""Our own typography on a terminal that has none of it."""


Styled = tuple[tuple[str, str], ...]
"""Pieces of one line, each with its style."""


@dataclass(frozen=True, slots=True)
class Console:
    """Where each kind of words goes."""

    people: TextIO
    """Results in words: stdout, or stderr with --json."""
    progress: TextIO
    """Notes and progress: stderr."""
    machine: TextIO
    """The JSON object: the real stdout."""
    wants_json: bool
    is_quiet: bool

    def result(self, text: str, *, style: str = "") -> None:
        """What was asked for, in words; left out when --json and --quiet ask for the object alone."""
        if not (self.wants_json and self.is_quiet):
            print_to(self.people, text, style=style, may_fail=self.wants_json)

    def line(self, parts: Styled) -> None:
        """A result whose pieces have styles of their own."""
        if not (self.wants_json and self.is_quiet):
            print_parts(self.people, parts, may_fail=self.wants_json)

    def paragraph(self, text: str, *, style: str = "", indent: str = "") -> None:
        """A result that is a sentence or more: broken between words on a terminal, one line elsewhere."""
        if is_terminal(self.people):
            width = shutil.get_terminal_size().columns
            text = textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
            self.result(text, style=style)
        else:
            self.result(indent + text, style=style)

    def note(self, text: str, *, style: str = "") -> None:
        """What is good to know; --quiet leaves it out."""
        if not self.is_quiet:
            print_to(self.progress, text, style=style, may_fail=True)

    def warn(self, text: str) -> None:
        """What must be read; --quiet does not leave it out."""
        print_to(self.progress, text, style="yellow", may_fail=True)

    def answer(self, value: Any) -> None:
        """The one JSON object, if asked for."""
        if self.wants_json:
            print_to(self.machine, json_line(value, encoding=self.machine.encoding))


@contextmanager
def open_console(*, wants_json: bool, is_quiet: bool) -> Iterator[Console]:
    """The console of one verb. With --json whatever a library prints goes to stderr instead of stdout."""
    machine = sys.stdout
    people = sys.stderr if wants_json else machine
    console = Console(people, sys.stderr, machine, wants_json=wants_json, is_quiet=is_quiet)
    if not wants_json:
        yield console
        return
    with redirect_stdout(sys.stderr):
        yield console


def print_to(stream: TextIO, text: str, *, style: str = "", end: str = "\n", may_fail: bool = False) -> None:
    """One piece of text, in colour only on a terminal.

    end: what stands behind it.
    may_fail: nobody may be reading notes any more; that must not end the work they are about.
    Raises BrokenPipeError, RunError (disk full) unless it may fail.
    """
    print_parts(stream, ((text, style),), end=end, may_fail=may_fail)


def print_parts(stream: TextIO, parts: Styled, *, end: str = "\n", may_fail: bool = False) -> None:
    """Pieces of one line, likewise."""
    try:
        if any(style for _, style in parts) and is_terminal(stream):
            _print_styled(stream, parts, end=end)
        else:
            print("".join(text for text, _ in parts), file=stream, end=end, flush=True)
    except BrokenPipeError:
        if not may_fail:
            raise
    except OSError as error:
        if not may_fail:
            raise RunError(
                f"the result cannot be written: {error.strerror}",
                where="stdout",
                fix="free some space, or send the output somewhere else",
            ) from error


def is_terminal(stream: TextIO) -> bool:
    """Somebody watches, on a terminal that can move its cursor."""
    return not stream.closed and stream.isatty() and os.environ.get("TERM") != "dumb"


def has_colour(stream: TextIO) -> bool:
    """Somebody watches, and wants colours. Source: no-color.org."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def json_line(value: Any, *, encoding: str) -> str:
    """The value as JSON; escaped where the stream's encoding cannot say it as it is."""
    text = json_text(value)
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(json.loads(text), indent=1)
    return text


def show_error(error: TunewrightError) -> None:
    """What, where, why and what to do next, on stderr."""
    first, *rest = str(error).split("\n")
    print_to(sys.stderr, first, style="bold red", may_fail=True)
    for line in rest:
        print_to(sys.stderr, line, may_fail=True)


def make_streams_safe() -> None:
    """No character can end the program: what the terminal's encoding lacks is written plainly."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the shell, as in `>&-`: Python gives no stream then
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    codecs.register_error(ENCODING_ERRORS, _plain_characters)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ENCODING_ERRORS)


def forget_stdout() -> None:
    """Nobody reads any more: the interpreter's own last flush must not complain."""
    try:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
    except (OSError, ValueError):
        return


def _plain_characters(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in text), error.end


def _print_styled(stream: TextIO, parts: Styled, *, end: str) -> None:
    from rich.console import Console as Terminal  # 40 ms that plain output need not pay
    from rich.text import Text

    Terminal(file=stream, highlight=False, soft_wrap=True).print(Text.assemble(*parts), end=end)
