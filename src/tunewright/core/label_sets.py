"""Several labels as one text and back, so that rows, answers and files hold them as they hold one label.

In: labels, or a cell. Out: a JSON list in order, each once; [] says that a row has none of them. Its own file because
equal sets must be equal texts everywhere: two answers are compared by what stands there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

THRESHOLD = 0.5
"""A label is answered from this probability on: below, it is likelier not there."""
SEPARATORS = ("|", ";", ",")
"""What people write between labels, the clearest first: a comma stands inside names, too."""


def set_text(labels: Iterable[str]) -> str:
    """
    >>> set_text(["late", "damaged", "late"]), set_text([])
    ('["damaged", "late"]', '[]')
    """
    return json.dumps(sorted(set(labels)), ensure_ascii=False)


def labels_of(text: str) -> tuple[str, ...]:
    """The labels of a text that set_text made; empty for the empty text too.

    >>> labels_of('["damaged", "late"]')
    ('damaged', 'late')
    """
    return tuple(json.loads(text)) if text else ()


def listed(cell: Any) -> list[Any] | None:
    """The list that a cell is, or says as JSON; None when it is none of plain values.

    >>> listed('["a", "b"]'), listed([1, 2]), listed("a|b"), listed([{"role": "user"}])
    (['a', 'b'], [1, 2], None, None)
    """
    if isinstance(cell, str) and cell.lstrip()[:1] == "[":
        try:
            cell = json.loads(cell)
        except ValueError:
            return None
    is_plain = isinstance(cell, list) and all(isinstance(item, (str, int, float, type(None))) for item in cell)
    return cell if is_plain else None


def answered(p_C: Sequence[float], labels: Sequence[str]) -> str:
    """The labels that are likelier there than not, as one text."""
    return set_text(label for label, p in zip(labels, p_C, strict=True) if p >= THRESHOLD)


def joined(text: str, *, separator: str | None) -> str:
    """As a file has it: with the separator, where it says the same; else as the list.

    >>> joined('["a", "b"]', separator="|"), joined('["a|b", "c"]', separator="|"), joined("[]", separator="|")
    ('a|b', '["a|b", "c"]', '[]')
    """
    labels = labels_of(text)
    if not separator or not labels or any(separator in label for label in labels):
        return text
    return separator.join(labels)
