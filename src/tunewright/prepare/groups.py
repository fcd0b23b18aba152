"""Which column says that rows belong together: one patient, one customer, one conversation.

In: counted columns and their table. Out: the column, or none, and why. Its own file because the split rests on it: rows
of one conversation on both sides are a leak that no comparison of texts finds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.prepare.columns import Column
from tunewright.tables.names import GROUP, plain
from tunewright.tables.table import Table, cell_text
from tunewright.text.private import quoted

PEOPLE = (
    "patient", "customer", "client", "user", "account", "member", "person", "participant", "subject", "student",
    "pupil", "employee", "author", "writer", "reviewer", "speaker", "household", "family",
)  # fmt: skip
OCCASIONS = (
    "conversation", "conv", "dialog", "dialogue", "thread", "session", "chat", "call", "case", "ticket", "encounter",
    "admission", "hadm", "document", "doc", "article", "paper", "passage", "story",
)  # fmt: skip
"""What several rows can come from. Not product, item or agent: their rows have different writers."""
ID_WORDS = ("id", "uuid", "guid", "hash", "key", "pseudonym")
NUMBER_WORDS = ("no", "nr", "number", "code")
"""Of people only: a call number or a document number may count within something else."""
LEAST_GROUPS = 3
"""One for each split."""
LEAST_NAMES = 10
"""Different values of a column that is not called an id (user, speaker, group): with fewer it says a role, not who."""
LARGEST_SHARE = 0.5
"""Of the rows; when one value stands in more of them, what is held out is everybody else."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True, slots=True)
class Together:
    """The column whose rows stay together; None when there is none."""

    column: str | None
    why: str


def group_of(columns: Sequence[Column], *, table: Table, taken: Sequence[str], label: str | None) -> Together:
    """The first column by name whose values fit; else why the first such name was rejected.

    taken: columns that are read for something else. label: the column of labels, if there is one.
    """
    named = [(place, c) for c in columns if c.name not in taken and not c.is_turns and c.n_filled
             if (place := group_place(c.name)) is not None]  # fmt: skip
    named.sort(key=lambda found: found[0])
    rejected = ""
    for _, column in named:
        against = _against(column, table=table, label=label)
        if against is None:
            return Together(column.name, _why(column))
        rejected = rejected or f"{column.name} was rejected: {against}"
    return Together(None, rejected or "no column is called like patient_id, customer_id or conversation_id")


def group_place(name: str) -> int | None:
    """Where a name stands in the order of what is tried; None when it names no group.

    >>> group_place("patient_id"), group_place("PatientID"), group_place("user_type")
    (2, 34, None)
    """
    spelled = plain(name)
    if spelled in GROUP:
        return GROUP.index(spelled)
    words = [word.lower() for word in _WORD.findall(name.rsplit(".", 1)[-1])]
    if words and words[-1].endswith("id") and words[-1] not in ID_WORDS:  # patientid
        words = [*words[:-1], words[-1][:-2], "id"]
    if len(words) < 2 or not _is_id(words[-2], words[-1]):
        return None
    return len(GROUP) + (*PEOPLE, *OCCASIONS).index(words[-2])


def _is_id(of: str, word: str) -> bool:
    return (of in PEOPLE and word in (*ID_WORDS, *NUMBER_WORDS)) or (of in OCCASIONS and word in ID_WORDS)


def _why(column: Column) -> str:
    name = column.name
    return (
        f"{column.n_filled:,} rows share {column.n_distinct:,} values: rows of one {name} stay together in one split; "
        "data.group_column=null to split freely"
    )


def _against(column: Column, *, table: Table, label: str | None) -> str | None:
    """Why the values do not say which rows belong together; None when they do."""
    if column.n_distinct == 1:
        return "it has only one value, so it holds no rows apart"
    if column.n_distinct == column.n_filled:
        return "all values are different, so it holds no rows together"
    if column.n_distinct < LEAST_GROUPS:
        return f"{column.n_distinct} values are too few for train, validation and test"
    is_id = plain(column.name).endswith(ID_WORDS) or plain(column.name).endswith(NUMBER_WORDS)
    if column.n_distinct < LEAST_NAMES and not is_id:
        return (
            f"{column.n_distinct} values are few: it may say a role and not who; data.group_column={column.name} if so"
        )
    values = [cell_text(record.values.get(column.name)).strip() for record in table.records]
    value, n_most = Counter(filter(None, values)).most_common(1)[0]
    if n_most > LARGEST_SHARE * len(values):
        return f"{n_most:,} of {len(values):,} rows have the same value {quoted(value)}"
    if label is not None and _is_label_again(values, [cell_text(r.values.get(label)).strip() for r in table.records]):
        return f"it says the same as the column {label}: most labels would stand in one split only"
    return None


def _is_label_again(groups: Sequence[str], labels: Sequence[str]) -> bool:
    """Most labels have one group each, so that none of them could be held out."""
    of_label: dict[str, set[str]] = {}
    for group, label in zip(groups, labels, strict=True):
        if label:
            of_label.setdefault(label, set()).add(group)
    return 2 * sum(len(found) == 1 for found in of_label.values()) > len(of_label)
