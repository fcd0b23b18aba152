"""One label spelled in two ways: Refund beside refund.

In: all rows. Out: a finding, and the rows with each label in its most frequent spelling. Its own file because a
spelling splits a class in two, which no later check would see.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tunewright.core.values import Action, Finding, Row
from tunewright.prepare.checks.check import Check, Found, Look, Suspect
from tunewright.tables.words import few, rows
from tunewright.text.clean import normalised

NAME = "label_spelling"


def look(shown: Look) -> Found:
    """fix reads rarer spellings as the most frequent one."""
    everything = [k.row for part in shown.rows.values() for k in part]
    spellings = label_spellings(everything)
    odd = [row for row in everything if row.label in spellings]
    action = shown.actions[NAME]
    return Found(
        spelling_findings(everything, spellings, action=action),
        repaired={row.row_id: row for row in respelled(odd, spellings)} if action == "fix" else {},
        suspects=tuple(
            Suspect(
                row.row_id, NAME, f"the label {row.label!r} is mostly written otherwise", spellings[row.label or ""]
            )
            for row in odd
        ),
    )


CHECK = Check("label spelled in two ways", ("repair",), look, actions=("report", "fix"), tasks=("classify",))


def label_spellings(all_rows: Iterable[Row]) -> dict[str, str]:
    """Each rarer spelling of a label with the most frequent one.

    Two labels are spellings of one when they are equal once normalised; of equally frequent ones the first by the
    alphabet stays.

    >>> label_spellings([Row("1", label="Refund"), Row("2", label="refund"), Row("3", label="refund")])
    {'Refund': 'refund'}
    """
    counts = Counter(row.label for row in all_rows if row.label is not None)
    spelled: dict[str, list[str]] = {}
    for label in sorted(counts):
        spelled.setdefault(normalised(label) or label, []).append(label)
    best = {name: max(labels, key=lambda label: counts[label]) for name, labels in spelled.items()}
    return {label: best[name] for name, labels in spelled.items() for label in labels if label != best[name]}


def spelling_findings(all_rows: Sequence[Row], spellings: Mapping[str, str], *, action: Action) -> tuple[Finding, ...]:
    """One that names every row with a rarer spelling."""
    if not spellings:
        return ()
    pairs = few([f"{label!r} beside {best!r}" for label, best in spellings.items()])
    ids = tuple(row.row_id for row in all_rows if row.label in spellings)
    done = "read as the more frequent spelling" if action == "fix" else "they count as different classes"
    suggestion = (
        "keep them apart: prepare.actions.label_spelling=report"
        if action == "fix"
        else ("read them as one: prepare.actions.label_spelling=fix")
    )
    text = f"labels that differ only in case or punctuation: {pairs} ({rows(len(ids))}); {done}"
    return (Finding(NAME, "warning", text, ids, suggestion, action),)


def respelled(all_rows: Sequence[Row], spellings: Mapping[str, str]) -> tuple[Row, ...]:
    """The rows with each label in its most frequent spelling."""
    return tuple(replace(row, label=spellings.get(row.label or "", row.label)) for row in all_rows)
