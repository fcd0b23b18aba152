"""A classifier's own class names in the spelling of the run's labels.

In: the names that came with a model, the labels of the rows. Out: the same classes, spelled as the rows spell them. Its
own file because another tool's model is held against labels by name, and a silent mismatch would look like a bad model.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tunewright.core.errors import ModelError
from tunewright.text.clean import clean_label, normalised

GENERIC = "LABEL_"
"""transformers' names for classes that nobody named: LABEL_0, LABEL_1 ... Source: PreTrainedConfig.num_labels."""
SHOWN = 5
"""Names that an error lists."""


def class_names(own: Sequence[str], *, labels: Sequence[str], where: str) -> tuple[str, ...]:
    """One name a class, in the model's order: the run's label that it means, else its own.

    Equal means: the same once cleaned, or once normalised (case and signs do not count) when that is clear.
    A model may have classes that the rows do not, or the other way round, but not both: that is another spelling.
    Raises ModelError when the names do not fit, with where to write them.

    >>> class_names(["Card lost", "FEE"], labels=("card_lost", "fee"), where="")
    ('card_lost', 'fee')
    """
    exact = {clean_label(label): label for label in labels}
    alike = Counter(normalised(label) for label in labels)
    loose = {normalised(label): label for label in labels if alike[normalised(label)] == 1 and normalised(label)}
    found = []
    for name in (clean_label(name) for name in own):
        short = name.removeprefix(GENERIC)  # labels that are numbers: LABEL_1 is class 1
        found.append(exact.get(name) or exact.get(short) or loose.get(normalised(name)) or name)
    twice = [name for name, n in Counter(found).items() if n > 1]
    unknown = [name for name in found if name not in exact.values()]
    missing = [label for label in labels if label not in found]
    if own and not twice and not (unknown and missing):
        return tuple(found)
    raise ModelError(
        "the model's classes have no names"
        if _is_generic(own)
        else "the model's classes are not the labels of the rows",
        where=where,
        why=f"{_listed('two classes mean ', twice)}{_listed('only the model has ', unknown)}"
        f"{_listed('only the rows have ', missing)}".strip("; "),
        fix="write the names as the rows spell them, in class order: id2label in its config.json, or one a line in "
        "labels.txt beside it",
    )


def _is_generic(own: Sequence[str]) -> bool:
    """None, or only the names that transformers gives by itself."""
    return all(re.fullmatch(rf"{GENERIC}\d+", name) for name in own)


def _listed(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{what}{', '.join(names[:SHOWN])}{more}; " if names else ""
