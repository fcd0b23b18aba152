"""The command line's entry: the first word says which verb, and only that verb's file is loaded.

In: the words typed. Out: the exit code; every failure a person can mend is said, everything else passes through.
Its own file because --help must answer at once. typer parses a verb's words (18 ms, measured with -X importtime) but
does not dispatch: its own sub-commands would load every verb, and its error boxes speak another voice than ours.
"""

from __future__ import annotations

import difflib
import logging
import os
import shlex
import subprocess
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from tunewright import __version__
from tunewright.cli.console import forget_stdout, json_line, make_streams_safe, print_to, show_error
from tunewright.cli.verbs import VERBS, help_text, unknown_verb
from tunewright.core.errors import EXIT_INTERRUPTED, PlanError, TunewrightError
from tunewright.core.interrupt import ignore_signals, signals_interrupt

EXIT_BROKEN_PIPE = 141
"""Nobody reads stdout any more. Source: shells' 128 + SIGPIPE."""

LAUNCHED = "TORCHELASTIC_RUN_ID"
"""torchrun's own variable: there are other processes that do the same."""

QUIET_LIBRARIES = {
    "TOKENIZERS_PARALLELISM": "true",
    "TRANSFORMERS_VERBOSITY": "error",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_SYMLINKS_WARNING": "1",
    "DATASETS_VERBOSITY": "error",
    "GOMP_SPINCOUNT": "1000",
}
"""Other libraries' talk does not reach people; a variable that the user has set wins. tokenizers: said aloud, it
stays parallel without warning at every subprocess (ours all exec at once). GOMP_SPINCOUNT: torch's threads wait for
each other by spinning; beside another busy program that made training up to 20 times slower, with short spins twice
(docs/decisions/0005-waiting-threads.md)."""


def main(words: Sequence[str] | None = None) -> int:
    """Do what the words say and return the exit code.

    words: without the program's name; left out: those typed.
    """
    typed = list(sys.argv[1:] if words is None else words)
    make_streams_safe()
    try:
        with signals_interrupt():
            return _do(verb_first(typed))
    except TunewrightError as error:
        show_error(error)
        return _told(error.facts(), typed)
    except KeyboardInterrupt:
        if words is None:  # the process ends: another Ctrl-C finds nothing to stop
            ignore_signals()
        command = typed_again(typed)
        print_to(sys.stderr, f"\nstopped; the same command goes on where it stopped:\n  {command}", may_fail=True)
        what = "stopped; the same command goes on where it stopped"
        return _told({"error": "Interrupted", "exit_code": EXIT_INTERRUPTED, "what": what, "fix": command}, typed)
    except BrokenPipeError:
        forget_stdout()
        return EXIT_BROKEN_PIPE


def verb_first(words: Sequence[str]) -> list[str]:
    """The options that every verb takes may stand before it; here they come after.

    >>> verb_first(["--json", "--runs-dir", "old", "runs"])
    ['runs', '--json', '--runs-dir', 'old']
    """
    i = 0
    while i < len(words) and (words[i] in ("--json", "--quiet", "-q") or words[i].startswith("--runs-dir")):
        i += 2 if words[i] == "--runs-dir" else 1
    return [*words[i : i + 1], *words[:i], *words[i + 1 :]]


def typed_again(words: Sequence[str]) -> str:
    """The command as it can be copied into the user's shell."""
    command = ["tunewright", *words]
    return subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)


def quieten_libraries() -> None:
    """Before anything heavy is loaded: no library's warnings, logs or bars. -W brings the warnings back."""
    for name, value in QUIET_LIBRARIES.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())  # else Python prints what nobody handles


def _do(words: list[str]) -> int:
    if not words or words[0] in ("--help", "-h") or words == ["help"]:
        print_to(sys.stdout, help_text())
        return 0
    if words[0] in ("--version", "-V"):
        print_to(sys.stdout, f"tunewright {__version__}")
        return 0
    name, rest = words[0], words[1:]
    if name not in VERBS:
        raise unknown_verb(name, rest)
    quieten_libraries()
    if LAUNCHED in os.environ:
        return _do_together(name, rest, rank=int(os.environ.get("RANK", "0")))
    return _do_verb(name, rest)


def _do_together(name: str, words: list[str], *, rank: int) -> int:
    """Started by torchrun: the first process does what the words say, the others take their share of its trainings."""
    from tunewright.train.together import dismiss  # torch: only where several processes train

    if rank == 0:
        try:
            return _do_verb(name, words)
        finally:
            dismiss()
    from tunewright.train.worker import work

    ignore_signals()  # Ctrl-C reaches them all; rank 0 saves, and then lets them go
    work()
    return 0


def _do_verb(name: str, words: list[str]) -> int:
    import typer  # help and version do without

    from tunewright.cli.usage import usage, usage_text, verb_command

    usage_error: Any = typer.BadParameter.__mro__[2]  # ClickException, wherever this version of typer keeps it
    command = verb_command(name)
    if {"--help", "-h"} & set(words):
        print_to(sys.stdout, usage_text(usage(name, command)))
        return 0
    try:
        with command.make_context(f"tunewright {name}", words) as context:
            return int(command.invoke(context) or 0)
    except typer.Exit as end:
        return int(end.exit_code)
    except usage_error as error:
        raise _plan_error(error, name=name, command=command) from error


def _plan_error(error: Any, *, name: str, command: Any) -> PlanError:
    """typer's complaint about the words, in our voice."""
    from tunewright.core.spelling import fields_named  # pydantic: only a mistake pays for it

    options = sorted(option for parameter in command.params for option in parameter.opts if option.startswith("--"))
    wrong = vars(error).get("option_name")
    if wrong and wrong not in options:
        near = difflib.get_close_matches(wrong, options, n=1)
        why = f"did you mean {near[0]}?" if near else f"its options are {', '.join(options)}"
        fix = f"tunewright {name} --help"
        if written := fields_named(wrong.lstrip("-").replace("-", "_")):
            why, fix = "values of the plan are written without dashes", f"{written[0]}=VALUE"
        return PlanError(f"{name} has no option {wrong}", where="command line", why=why, fix=fix)
    text = str(error.format_message()).rstrip(".")
    what = text[:1].lower() + text[1:]
    return PlanError(
        what, where="command line", why=f"{name} takes {VERBS[name].usage or 'options only'}", fix=VERBS[name].example
    )


def _told(facts: dict[str, Any], words: Sequence[str]) -> int:
    """The facts of the failure on stdout for programs that asked for JSON; its exit code."""
    if "--json" in words:
        try:
            print_to(sys.stdout, json_line(facts, encoding=sys.stdout.encoding))
        except (BrokenPipeError, TunewrightError):
            forget_stdout()
    return int(facts["exit_code"])
