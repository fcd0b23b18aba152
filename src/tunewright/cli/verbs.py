"""Which verbs there are: a table, and the help made from it.

In: nothing. Out: VERBS, the help text, the error for a word that is neither. Its own file because help must
answer without loading any verb.
"""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.errors import PlanError

GROUPS: tuple[str, ...] = ("Start", "Stages", "Experts")

AFTER = (
    "Every verb takes --json, --quiet, --runs-dir DIR (default ./runs) and --help.",
    "RUN is a run's name or folder; left out, the newest. A plan's values can follow",
    "it: tunewright run tickets.csv train.epochs=3. An example of any verb, and what",
    "any word means: tunewright help VERB|FIELD|WORD. --version says which this is.",
    "",
    "Example:  tunewright run tickets.csv",
)
"""Below the verbs."""

DATA_SUFFIXES = (".yaml", ".yml", ".csv", ".tsv", ".json", ".jsonl", ".parquet", ".xlsx", ".xls", ".ods", ".txt")
"""Endings of what `run` takes: a word with one of them was meant as a file."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb, before its file is loaded."""

    group: str
    module: str
    """The file below cli/ whose function bears the verb's name."""
    usage: str
    """What may follow the verb: RUN, PLAN, DATA, a.b=c stand for words, options and small words for themselves."""
    summary: str
    example: str


PLANNED = "PLAN|DATA [a.b=c ...]"

VERBS: Mapping[str, Verb] = {
    "demo": Verb("Start", "demo", "", "the shipped example, start to finish", "tunewright demo"),
    "run": Verb("Start", "run", PLANNED, "every stage; finished ones are skipped", "tunewright run tickets.csv"),
    "check": Verb(
        "Start",
        "check",
        "PLAN|DATA [a.b=c ...] [--row ROW_ID] [--no-step]",
        "data, masks, memory, time; changes nothing",
        "tunewright check tickets.csv",
    ),
    "init": Verb(
        "Start",
        "init",
        "DATA [DATA ...] [--from TOOL] [-o PLAN]",
        "look at the data, write a commented plan",
        "tunewright init tickets.csv -o plan.yaml",
    ),
    "predict": Verb(
        "Start",
        "predict",
        "[RUN] IN -o OUT [a.b=c ...]",
        "the model's answer beside every row of a file",
        "tunewright predict tickets new.csv -o answers.csv",
    ),
    "chat": Verb(
        "Start", "chat", "[RUN] [a.b=c ...]", "talk to the model; /base for the untuned", "tunewright chat tickets"
    ),
    "report": Verb(
        "Start", "report", "[RUN] [--no-open]", "make a run's page again and open it", "tunewright report tickets"
    ),
    "runs": Verb("Start", "runs", "", "all runs, the newest first", "tunewright runs"),
    "help": Verb("Start", "help", "[WORD]", "what a verb, field, error or word means", "tunewright help learning_rate"),
    "prepare": Verb("Stages", "stage", PLANNED, "read, clean, split the data", "tunewright prepare tickets.csv"),
    "select": Verb("Stages", "stage", PLANNED, "choose the model", "tunewright select tickets.csv"),
    "train": Verb("Stages", "stage", PLANNED, "change its weights", "tunewright train tickets.csv train.epochs=2"),
    "evaluate": Verb("Stages", "stage", PLANNED, "measure it against its rivals", "tunewright evaluate tickets.csv"),
    "explain": Verb(
        "Stages",
        "stage",
        "PLAN|DATA|RUN [a.b=c ...]",
        "which words carried the answers of a sample",
        "tunewright explain tickets",
    ),
    "export": Verb(
        "Stages",
        "stage",
        "PLAN|DATA|RUN [a.b=c ...] [--push NAME]",
        "forms that others load, checked against the model",
        "tunewright export tickets",
    ),
    "show": Verb(
        "Experts",
        "show",
        "[PLAN|DATA] [a.b=c ...] [--schema]",
        "what would be done, and why; changes nothing",
        "tunewright show tickets.csv",
    ),
    "trace": Verb(
        "Experts", "trace", "[RUN] ROW_ID", "one row, from your file to its scores", "tunewright trace train:17"
    ),
    "why": Verb(
        "Experts",
        "why",
        '[RUN] "TEXT"',
        "the words of a text that carried its answer",
        'tunewright why tickets "I never got my parcel"',
    ),
    "compare": Verb(
        "Experts",
        "compare",
        "RUN RUN [RUN ...] [--blind SYSTEM] [--votes]",
        "runs on the same rows, with paired tests",
        "tunewright compare tickets tickets-lora",
    ),
    "serve": Verb(
        "Experts",
        "serve",
        "[RUN] [a.b=c ...] [--host HOST] [--port PORT] [--token TOKEN] [--queue QUEUE] [--chat] [--log-prompts]"
        " [--engine ENGINE]",
        "OpenAI's clients ask the model; --chat: a page",
        "tunewright serve tickets --chat",
    ),
    "models": Verb(
        "Experts", "models", "list|add|info [NAME]", "models here and elsewhere", "tunewright models list qwen3"
    ),
    "doctor": Verb("Experts", "doctor", "", "is everything here that a run needs?", "tunewright doctor"),
    "selftest": Verb(
        "Experts",
        "selftest",
        "[PLAN|DATA] [a.b=c ...]",
        "do masks, resume, merge hold on your model?",
        "tunewright selftest plan.yaml",
    ),
    "reproduce": Verb(
        "Experts", "reproduce", "[RUN]", "run it again and say what differs", "tunewright reproduce tickets"
    ),
    "completion": Verb(
        "Experts",
        "completion",
        "bash|zsh|fish",
        "a script: your shell completes our words",
        "tunewright completion bash",
    ),
}


def help_text() -> str:
    """What `tunewright --help` prints: one screen of 80 columns."""
    short = {name: f"{name} {short_usage(verb.usage)}".rstrip() for name, verb in VERBS.items()}
    width = max(map(len, short.values())) + 2
    lines = ["A file of examples becomes a fine-tuned language model, proven and explained.", ""]
    for group in GROUPS:
        lines.append(group)
        lines += [f"  {short[name]:<{width}}{verb.summary}" for name, verb in VERBS.items() if verb.group == group]
        lines.append("")
    return "\n".join([*lines, *AFTER])


def short_usage(usage: str) -> str:
    """Without the words that may be left out, RUN apart.

    >>> short_usage("PLAN|DATA [a.b=c ...]"), short_usage("[RUN] [--no-open]")
    ('PLAN|DATA', '[RUN]')
    """
    return re.sub(r" ?\[(a\.b=c|-)[^\]]*\]", "", usage).strip()


def options_of(usage: str) -> tuple[str, ...]:
    """The verb's own options, beside those of every verb.

    >>> options_of("DATA [-o plan.yaml] [--force]")
    ('-o', '--force')
    """
    return tuple(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", usage))


def unknown_verb(word: str, rest: Sequence[str]) -> PlanError:
    """What to say to a first word that is no verb."""
    where = "command line"
    if word.startswith("-"):
        return PlanError(f"there is no option {word} before the verb", where=where, fix="tunewright --help")
    if word.lower().endswith(DATA_SUFFIXES) or Path(word).exists():
        command = shlex.join(["tunewright", "run", word, *rest])
        return PlanError(f"{word} is a file, not a verb", where=where, fix=command)
    near = difflib.get_close_matches(word.lower(), VERBS, n=1)
    why = f"did you mean {near[0]}?" if near else f"the verbs are {', '.join(VERBS)}"
    fix = shlex.join(["tunewright", near[0], *rest]) if near else "tunewright --help"
    return PlanError(f"there is no verb {word}", where=where, why=why, fix=fix)
