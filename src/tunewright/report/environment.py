"""Templates, and the one place where text from data is made harmless: escaped, control characters made visible.

In: nothing. Out: a Jinja environment, visible text. Its own file because every page and the model card are drawn by it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tunewright.report import numbers

_VISIBLE = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},
    **dict.fromkeys((*range(0x7F, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF), "\N{REPLACEMENT CHARACTER}"),
}
"""Control characters and lone surrogates, which HTML forbids, as something a person can see.
Source: HTML Living Standard, 13.2.3.5 "Preprocessing the input stream"."""


@cache
def environment(*, is_html: bool) -> Environment:
    """Templates that fail on a misspelt name; text from data passes `visible` wherever it is printed.

    One of each kind: to compile the templates takes half a second.
    """
    found = Environment(
        loader=PackageLoader("tunewright.report"),
        autoescape=is_html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=visible,
    )
    found.filters["thousands"] = numbers.count_text
    found.filters["tied"] = _tied
    return found


def visible(value: Any) -> Any:
    """Text with control characters replaced by something a person can see; anything else as it is.

    >>> visible("a" + chr(0) + "b")
    'a␀b'
    """
    if isinstance(value, Markup):
        return Markup(value.translate(_VISIBLE))
    return value.translate(_VISIBLE) if isinstance(value, str) else value


def _tied(text: str) -> str:
    """A number and its sign stay on one line, and so do the ends of an interval."""
    dash = (
        "\N{NO-BREAK SPACE}–\N{WORD JOINER}\N{NO-BREAK SPACE}"  # lines may break after a dash, even before such a space
    )
    return text.replace(" %", "\N{NO-BREAK SPACE}%").replace(" – ", dash)
