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
    "report": Verb("Start", "report", "[RUN]", "make a run's page again and say where it is", "tunewright report demo"),
    "runs": Verb("Start", "runs", "", "all runs, the newest first", "tunewright runs"),
    "prepare": Verb(
        "Stages", "stage", "PLAN|DATA [a.b=c ...]", "read, clean, split the data", "tunewright prepare tickets.csv"
    ),
    "select": Verb("Stages", "stage", "PLAN|DATA [a.b=c ...]", "choose the model", "tunewright select tickets.csv"),
    "train": Verb("Stages", "stage", "PLAN|DATA [a.b=c ...]", "change its weights", "tunewright train tickets.csv"),
    "evaluate": Verb(
        "Stages",
        "stage",
        "PLAN|DATA [a.b=c ...]",
        "measure it against its rivals",
        "tunewright evaluate tickets.csv",
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
    "models": Verb(
        "Experts", "models", "list|add|info [NAME]", "the starter models", "tunewright models add minilm-l6"
    ),
    "doctor": Verb("Experts", "doctor", "", "is everything here that a run needs?", "tunewright doctor"),
}

LATER: Mapping[str, str] = {
    "check": "tunewright show PLAN",
    "init": "tunewright show DATA",
    "predict": "python RUN/train/model/predict.py TEXT   (labels; adapters load in peft)",
    "chat": "load RUN/train/adapter with peft, or RUN/train/model with transformers",
    "serve": "RUN/train/model and RUN/train/adapter are standard folders: vLLM and others serve them",
    "export": "RUN/train/model and RUN/train/adapter are standard folders already",
    "explain": "tunewright trace RUN ROW_ID",
    "why": "tunewright trace RUN ROW_ID",
    "compare": "tunewright runs",
    "selftest": "tunewright doctor",
    "reproduce": "tunewright run PLAN run.name=again",
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
