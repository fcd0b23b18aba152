"""Names of people and places, by a model that a person has installed (extra `pii`).

In: rows of every split. Out: a finding, masked rows or rows that go. Its own file because it is the only check that may
be missing on a machine, and the only one that guesses: a model finds most names, and some words that are none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tunewright.core.errors import MissingExtra
from tunewright.core.values import Dropped, Finding, Row
from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.prepare.checks.private_rows import texts_of
from tunewright.prepare.facts import language_of
from tunewright.prepare.split import drawn
from tunewright.tables.words import few, rows
from tunewright.text.names import LANGUAGE, Named, names_in, why_no_names, without_names

NAME = "names"
SAMPLE_ROWS = 300
"""Looked at when they are only reported: a model is far slower than a pattern. fix and drop look at every row."""


def look(shown: Look) -> Found:
    """Raises MissingExtra when names should be masked or their rows dropped, and nothing here can find them."""
    action = shown.actions[NAME]
    why = why_no_names()
    if why and action != "report":
        raise MissingExtra("presidio-analyzer", extra="pii", needed_for=f"prepare.actions.{NAME}={action}")
    everything = [(split, k.row) for split, part in shown.rows.items() for k in part]
    n_looked = SAMPLE_ROWS if action == "report" else len(everything)
    looked = [everything[i] for i in drawn(len(everything), n_looked, seed=shown.seed, name=NAME)]
    language = language_of(["\n".join(texts_of(row)) for _, row in looked[:SAMPLE_ROWS]])
    if why or language not in ("", LANGUAGE):
        return Found(not_run=why or f"the models of presidio read English, and the rows are in {language}")
    named = _named([row for _, row in looked])
    if not named:
        return Found()
    gone = [row for split, row in looked if split == "train" and row.row_id in named] if action == "drop" else []
    return Found(
        (_finding(named, n_looked=len(looked), n_all=len(everything), shown=shown, n_gone=len(gone)),),
        dropped=tuple(Dropped(row.row_id, NAME) for row in gone),
        repaired={row.row_id: _without(row, named[row.row_id]) for _, row in looked if row.row_id in named}
        if action == "fix"
        else {},
    )


CHECK = Check("name of a person or place", ("repair",), look, actions=("report", "fix", "drop"))


def _named(looked: Sequence[Row]) -> dict[str, tuple[tuple[Named, ...], ...]]:
    """Row id to the names of each of its texts; only rows with one."""
    found = names_in(text for row in looked for text in texts_of(row))
    by_row = {row.row_id: tuple(next(found) for _ in texts_of(row)) for row in looked}
    return {row_id: texts for row_id, texts in by_row.items() if any(texts)}


def _without(row: Row, found: Sequence[Sequence[Named]]) -> Row:
    first, *rest = found
    return replace(
        row,
        text=without_names(row.text, first),
        messages=tuple(
            replace(message, content=without_names(message.content, names))
            for message, names in zip(row.messages, rest, strict=True)
        ),
    )


def _finding(
    named: Mapping[str, Sequence[Sequence[Named]]], *, n_looked: int, n_all: int, shown: Look, n_gone: int
) -> Finding:
    action = shown.actions[NAME]
    counts = Counter(one.kind for texts in named.values() for names in texts for one in names)
    listed = ", ".join(f"{n:,} {kind}{'' if n == 1 else 's'}" for kind, n in counts.most_common())
    of = f" of {n_looked:,} drawn" if n_looked < n_all else ""
    done = {
        "report": "they stay in the data",
        "fix": "each is replaced by [name] or [place]",
        "drop": f"{rows(n_gone, 'train')} left out",
    }[action]
    ids = tuple(named)
    verb = "holds" if len(ids) == 1 else "hold"
    message = f"{rows(len(ids))}{of} {verb} names as a model sees them ({listed}), as {few(ids)}; {done}"
    change = f"replace them: prepare.actions.{NAME}=fix" if action != "fix" else f"keep: prepare.actions.{NAME}=report"
    return Finding(NAME, "info", message, ids, change, action)
