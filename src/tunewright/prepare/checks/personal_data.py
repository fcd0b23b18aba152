"""E-mail addresses, phone, card and account numbers, IP addresses in the rows.

In: all rows. Out: a finding with counts by kind, and the rows with them replaced by their kind; a finding that names
labels of this form. Its own file because a model can learn them by heart and say them to a stranger.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tunewright.core.values import Finding
from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.prepare.checks.private_rows import WORDS, private_rows
from tunewright.tables.words import few, rows
from tunewright.text.private import private_in

NAME = "personal_data"


def look(shown: Look) -> Found:
    """fix writes [email], [phone] ... in their place, in every split; drop leaves such train rows out."""
    found = private_rows(
        shown, name=NAME, kinds=("email", "phone", "card", "iban", "ip"), what="personal data by its form"
    )
    return replace(found, findings=(*found.findings, *_private_labels(shown)))


CHECK = Check("e-mail address, phone, card, account or IP number", ("repair",), look, actions=("report", "fix", "drop"))


def _private_labels(shown: Look) -> tuple[Finding, ...]:
    """Labels are names: masked, two of them would be one class. So they stand as they are, and that is said."""
    if shown.task == "regress":  # a number of ten digits is no telephone
        return ()
    labelled = [k.row for part in shown.rows.values() for k in part if k.row.label is not None]
    kinds = {label: private_in(label) for label in {row.label or "": None for row in labelled}}
    private = {label: some[0].kind for label, some in kinds.items() if some}
    if not private:
        return ()
    ids = tuple(row.row_id for row in labelled if row.label in private)
    listed = ", ".join(f"{n:,} {WORDS[kind]}" for kind, n in Counter(private.values()).most_common())
    what = "1 label looks private" if len(private) == 1 else f"{len(private):,} labels look private"
    message = (
        f"{what} ({listed}; {rows(len(ids))}, as {few(ids)}); labels are names of classes and are not masked in "
        "review.csv, resolved.yaml and metrics.json"
    )
    return (Finding(NAME, "warning", message, ids, "rename them in the file, or take another data.label_column"),)
