"""What must be said beside a model of another tool: where it lies, what of it is not known here.

In: the systems of a plan that are folders, the subject. Out: sentences. Its own file because these limits come from
files, not from scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewright.core.plan import Plan
from tunewright.core.systems import outside_name, outside_words
from tunewright.core.values import Subject
from tunewright.model.outside import answering, outside_subject
from tunewright.model.outside_folder import outside_folder

SHOWN = 5
"""Class names that a sentence lists."""


def provenance(plan: Plan, *, subject: Subject) -> tuple[str, ...]:
    """Two sentences or more for each path:FOLDER of the plan; empty without one."""
    said: list[str] = []
    for system in outside_words(plan):
        one = subject if system == subject.name else outside_subject(system, beside=subject)
        folder = outside_folder(Path(one.folder), trust_remote_code=one.trust_remote_code)
        name, made = outside_name(system), f", an adapter of {one.card.name}" if folder.is_adapter else ""
        said.append(f"{name} is {one.folder}{made}.")
        said.append(
            f"Whether {name} has seen these test rows in its own training is not known here: if it has, its score "
            "flatters. A file that it never saw settles it: data.test=FILE."
        )
        own = answering(
            folder, base=one.card, task=one.task, labels=one.labels, trust_remote_code=one.trust_remote_code
        ).labels
        said += _class_limits(name, own, labels=one.labels)
    return tuple(said)


def _class_limits(name: str, own: Sequence[str], *, labels: Sequence[str]) -> list[str]:
    if not own:
        return []
    missing, extra = [x for x in labels if x not in own], [x for x in own if x not in labels]
    found = [f"{name} does not know {_listed(missing)}: it is wrong in all rows of that kind."] if missing else []
    return found + ([f"{name} may answer {_listed(extra)}, which is wrong in every row here."] if extra else [])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
