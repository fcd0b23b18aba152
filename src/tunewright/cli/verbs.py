"""Which verbs there are, and which will come: tables, and the help made from them.

In: nothing. Out: VERBS, LATER, the help text, the error for a word that is neither. Its own file because help must
answer without loading any verb.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewright.core.errors import PlanError

GROUPS: tuple[str, ...] = ("Start", "Stages", "Experts")

DATA_SUFFIXES = (".yaml", ".yml", ".csv", ".tsv", ".json", ".jsonl", ".parquet", ".txt")
"""Endings of what `run` takes: a word with one of them was meant as a file."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb, before its file is loaded."""

    group: str
    module: str
    """The file below cli/ whose function bears the verb's name."""
    usage: str
    summary: str
    example: str


VERBS: Mapping[str, Verb] = {
    "demo": Verb("Start", "demo", "", "the shipped example, start to finish", "tunewright demo"),
    "run": Verb(
        "Start",
        "run",
        "PLAN|DATA [a.b=c ...]",
        "every stage; finished ones are skipped",
        "tunewright run tickets.csv train.epochs=3",
    ),
    "check": Verb(
        "Start",
        "check",
        "PLAN|DATA [a.b=c ...]",
        "before a run: data, masks, memory, time; changes nothing",
        "tunewright check tickets.csv",
    ),
    "init": Verb(
        "Start",
        "init",
        "DATA [-o plan.yaml]",
        "look at the data, write a commented plan",
        "tunewright init tickets.csv -o plan.yaml",
    ),
    "predict": Verb(
        "Start",
        "predict",
        "RUN IN -o OUT",
        "the model's answer beside every row of a file",
        "tunewright predict tickets new.csv -o answers.csv",
    ),
    "chat": Verb(
        "Start", "chat", "[RUN]", "talk to the model; /base lets the untuned one speak", "tunewright chat tickets"
    ),
    "report": Verb("Start", "report", "[RUN]", "make a run's page again and open it", "tunewright report tickets"),
    "runs": Verb("Start", "runs", "", "all runs, the newest first", "tunewright runs"),
    "prepare": Verb(
        "Stages", "stage", "PLAN|DATA [a.b=c ...]", "read, clean, split the data", "tunewright prepare tickets.csv"
    ),
    "select": Verb("Stages", "stage", "PLAN|DATA [a.b=c ...]", "choose the model", "tunewright select tickets.csv"),
    "train": Verb("Stages", "stage", "PLAN|DATA [a.b=c ...]", "change its weights", "tunewright train tickets.csv"),
    "evaluate": Verb(
        "Stages", "stage", "PLAN|DATA [a.b=c ...]", "measure it against its rivals", "tunewright evaluate tickets.csv"
    ),
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
        "PLAN|DATA|RUN [a.b=c ...]",
        "adapter and merged folders, checked against the proven model",
        "tunewright export tickets",
    ),
    "show": Verb(
        "Experts",
        "show",
        "PLAN|DATA [a.b=c ...]",
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
        "RUN RUN [RUN ...]",
        "runs on the same rows, with paired tests",
        "tunewright compare tickets tickets-lora",
    ),
    "models": Verb(
        "Experts", "models", "list|add|info [NAME]", "the starter models", "tunewright models add minilm-l6"
    ),
    "doctor": Verb("Experts", "doctor", "", "is everything here that a run needs?", "tunewright doctor"),
    "selftest": Verb(
        "Experts",
        "selftest",
        "[PLAN]",
        "do masks, gradients, resume and merge hold on your model?",
        "tunewright selftest plan.yaml",
    ),
    "reproduce": Verb(
        "Experts", "reproduce", "[RUN]", "run it again and say what differs", "tunewright reproduce tickets"
    ),
}

LATER: Mapping[str, str] = {
    "serve": "RUN/train/model and RUN/train/adapter are standard folders: vLLM and others serve them",
}
"""Verbs of later versions, and what does nearly the same today."""


def help_text() -> str:
    """What `tunewright --help` prints."""
    width = max(len(f"{name} {verb.usage}") for name, verb in VERBS.items()) + 2
    lines = ["A file of examples becomes a fine-tuned language model that is proven and explained.", ""]
    for group in GROUPS:
        lines.append(group)
        verbs = [(f"{name} {verb.usage}", verb.summary) for name, verb in VERBS.items() if verb.group == group]
        lines += [f"  {words:<{width}}{summary}".rstrip() for words, summary in verbs]
        lines.append("")
    return "\n".join(
        [
            *lines,
            "Every verb takes --json (one JSON object on stdout), --quiet, --runs-dir DIR (default ./runs) and --help.",
            "RUN is a name or a folder; left out, the newest. --version says which tunewright this is.",
            "",
            "Example:  tunewright run tickets.csv",
        ]
    )


def unknown_verb(word: str, rest: Sequence[str]) -> PlanError:
    """What to say to a first word that is no verb."""
    where = "command line"
    if word in LATER:
        return PlanError(f"{word} is not in this version", where=where, fix=LATER[word])
    if word.startswith("-"):
        return PlanError(f"there is no option {word} before the verb", where=where, fix="tunewright --help")
    if word.lower().endswith(DATA_SUFFIXES) or Path(word).exists():
        command = shlex.join(["tunewright", "run", word, *rest])
        return PlanError(f"{word} is a file, not a verb", where=where, fix=command)
    near = difflib.get_close_matches(word.lower(), VERBS, n=1)
    why = f"did you mean {near[0]}?" if near else f"the verbs are {', '.join(VERBS)}"
    fix = shlex.join(["tunewright", near[0], *rest]) if near else "tunewright --help"
    return PlanError(f"there is no verb {word}", where=where, why=why, fix=fix)
