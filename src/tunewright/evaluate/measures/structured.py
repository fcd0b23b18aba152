"""Answers that a program reads: a number at the end, a JSON object.

In: two texts. Out: a number, higher is better, None where the reference is not of that kind. Its own file because words
in common say nothing about them: 17 instead of 18 is wrong, and a missing bracket breaks everything.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

_MARK = "####"
"""What stands before the result in gsm8k and in data made like it."""
_NUMBER = re.compile(r"[-\u2212]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")


def number_match(answer: str, *, reference: str) -> float | None:
    """1.0 when the last number of both is the same; None for a reference without one.

    Where the reference has its result behind ####, an answer with that mark is read behind it too.

    >>> number_match("So she has 1,018.0 eggs.", reference="9 + 9 = 18 #### 1018")
    1.0
    """
    wanted = _last_number(reference)
    return None if wanted is None else float(_last_number(answer) == wanted)


def json_valid(answer: str, *, reference: str) -> float | None:
    """1.0 when the answer, as it stands, is JSON; None where the reference is no JSON object or list."""
    return None if _parsed(reference) is None else float(_parsed(answer) is not None)


def json_f1(answer: str, *, reference: str) -> float | None:
    """Harmonic mean of precision and recall over fields, each a path with its value; None as in json_valid.

    Items of a list count without their place. A text is compared as it stands, 1 and 1.0 are the same number. An answer
    that is no JSON has no field. {} against {} is 1.0.

    >>> json_f1('{"name": "Ann", "age": 4}', reference='{"name": "Ann", "age": 5}')
    0.5
    """
    wanted, found = _parsed(reference), _parsed(answer)
    if wanted is None:
        return None
    if found is None:
        return 0.0
    fields, right = Counter(_fields(found)), Counter(_fields(wanted))
    n_all = fields.total() + right.total()
    return 2 * (fields & right).total() / n_all if n_all else float(type(found) is type(wanted))


def _last_number(text: str) -> Decimal | None:
    found = _NUMBER.findall(text.rpartition(_MARK)[2] if _MARK in text else text)
    return Decimal(found[-1].replace(",", "").replace("\u2212", "-")) if found else None


def _parsed(text: str) -> dict[str, Any] | list[Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _fields(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Path and value of every leaf; an empty object or list is one."""
    items = value.items() if isinstance(value, dict) else [("[]", item) for item in value]
    for key, item in items:
        here = (*path, str(key))
        if isinstance(item, dict | list) and item:
            yield from _fields(item, here)
        else:
            yield here, _leaf(item)


def _leaf(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return f"number {float(value)!r}" if is_number else json.dumps(value, ensure_ascii=False)
