"""One text under different labels.

In: train rows. Out: a finding, and who goes. Its own file because a model cannot learn both: someone must decide.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.core.values import Dropped, Finding
from tunewright.prepare.checks.check import Check, Found, Look, Suspect
from tunewright.prepare.keys import Keyed, by_text
from tunewright.tables.words import few, rows
from tunewright.text.private import quoted

NAME = "conflicting_labels"


def look(shown: Look) -> Found:
    """fix leaves the first row with the text's most common label (when repeated rows may go: the check duplicates takes
    the others), drop none, report every label."""
    action = shown.actions[NAME]
    if action == "fix" and shown.actions["duplicates"] != "drop":
        action = "report"
    clashes = [text for text in by_text(shown.rows["train"]) if len({k.row.label for k in text}) > 1]
    if not clashes:
        return Found()
    ids = tuple(k.row.row_id for text in clashes for k in text)
    first = clashes[0]
    labels = " and ".join(sorted({repr(k.row.label) for k in first}))
    done = {
        "fix": "the most common label of each stays (of equals, the first)",
        "drop": "all of them are dropped",
        "report": "every label stays",
    }[action]
    message = (
        f"{len(clashes)} {'text has' if len(clashes) == 1 else 'texts have'} different labels "
        f"({rows(len(ids), 'train')}), as {quoted(first[0].row.text)}: {labels}; {done}"
    )
    suggestion = "correct the labels in the file, or leave all out: prepare.actions.conflicting_labels=drop"
    pairs = [(k, text) for text in clashes for k in text]
    return Found(
        (Finding(NAME, "warning", message, ids, suggestion, action),),
        dropped=tuple(Dropped(k.row.row_id, NAME, _why(k, text)) for k, text in pairs) if action == "drop" else (),
        suspects=tuple(Suspect(k.row.row_id, NAME, _why(k, text)) for k, text in pairs),
    )


CHECK = Check("text with different labels", ("given",), look, actions=("fix", "drop", "report"), tasks=("classify",))


def _why(k: Keyed, text: Sequence[Keyed]) -> str:
    others = few([other.row.row_id for other in text if other is not k])
    return f"labelled {k.row.label!r}; the same text has another label in {others}"
