"""Debris of web pages in the texts: HTML tags and entities.

In: all rows. Out: a finding, and the rows without them. Its own file because a model that learns from
`&nbsp;<br>` writes `&nbsp;<br>`.
"""

from __future__ import annotations

import html
import re
from dataclasses import replace

from tunewright.core.values import Finding, Row
from tunewright.prepare.checks.check import Check, Found, Look
from tunewright.prepare.checks.private_rows import texts_of
from tunewright.tables.words import few, told
from tunewright.text.clean import clean_text

NAME = "markup"
_TAG = re.compile(
    r"</?(?:a|b|blockquote|body|br|code|div|em|font|form|h[1-6]|head|hr|html|i|img|input|li|link|meta|ol|p|pre|script|span"
    r"|strong|style|sub|sup|table|tbody|td|th|thead|title|tr|u|ul)\b[^<>]{0,300}>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:[a-z]{2,8}|#\d{2,5}|#x[0-9a-f]{2,5});", re.IGNORECASE)


def look(shown: Look) -> Found:
    """fix takes tags out and reads entities as the letters they stand for."""
    holding = [k.row for part in shown.rows.values() for k in part if any(has_markup(text) for text in texts_of(k.row))]
    if not holding:
        return Found()
    ids, action = tuple(row.row_id for row in holding), shown.actions[NAME]
    done = "taken out" if action == "fix" else "left as they are"
    message = f"{told(len(ids), 'holds', 'hold')} HTML tags or entities, as {few(ids)}; {done}"
    change = f"prepare.actions.{NAME}={'report' if action == 'fix' else 'fix'}"
    return Found(
        (Finding(NAME, "info", message, ids, change, action),),
        repaired={row.row_id: _without(row) for row in holding} if action == "fix" else {},
    )


CHECK = Check("HTML tag or entity", ("repair",), look, actions=("report", "fix"))


def has_markup(text: str) -> bool:
    return ("<" in text and bool(_TAG.search(text))) or ("&" in text and bool(_ENTITY.search(text)))


def without_markup(text: str) -> str:
    """
    >>> without_markup("Tom &amp; Ann<br/>were <b>here</b>")
    'Tom & Ann were here'
    """
    return clean_text(
        html.unescape(
            _TAG.sub(lambda tag: "" if tag[0][1:2] in "/bBiIuU" and "br" not in tag[0].lower() else " ", text)
        )
    )


def _without(row: Row) -> Row:
    messages = tuple(replace(message, content=without_markup(message.content)) for message in row.messages)
    return replace(row, text=without_markup(row.text), messages=messages)
