"""Characters that nobody sees: zero-width ones, hidden tags, signs that turn the writing direction for good.

In: all rows. Out: a finding for each kind, with the characters. Its own file because a person who looks at the row sees
nothing, and the model reads other tokens.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from tunewright.core.values import Finding, Row
from tunewright.prepare.checks.check import Check, Found, Look, Suspect
from tunewright.prepare.checks.private_rows import texts_of
from tunewright.tables.words import few, told

NAME = "invisible"
_HIDDEN = re.compile(
    "[\u00ad\u115f\u1160\u180e\u2060-\u2064\u3164\uffa0]"
    "|(?<![\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])\u200b(?![\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])"
    "|(?<=[A-Za-z0-9 ])[\u200c\u200d](?=[A-Za-z0-9 ])"
    "|(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0001\U000e0020-\U000e007f]+"
)
"""Blanks without width (Thai, Lao, Burmese and Khmer part words by one), soft hyphens, Hangul fillers; joiners among
Latin letters only (Persian, Indic scripts and emoji need them); tag characters but those of a flag. Source: Unicode 16,
chapter 23; UTS 51 for flags."""
_OPEN, _CLOSE = "\u202a\u202b\u202d\u202e", "\u202c"
_ISOLATE, _END = "\u2066\u2067\u2068", "\u2069"
"""Source: Unicode UAX 9; Boucher & Anderson 2021 (Trojan Source), CVE-2021-42574."""


def look(shown: Look) -> Found:
    texts = [(k.row, "".join(hidden_in(k.row))) for part in shown.rows.values() for k in part]
    hidden = {row.row_id: signs for row, signs in texts if signs}
    turned = [row.row_id for row, _ in texts if any(is_unbalanced(text) for text in texts_of(row))]
    findings = []
    if hidden:
        ids = tuple(hidden)
        kinds = few([f"{_name(c)} {n:,}" for c, n in Counter("".join(hidden.values())).most_common()])
        message = f"{told(len(ids), 'holds', 'hold')} characters that nobody sees ({kinds}), as {few(ids)}"
        findings.append(Finding(NAME, "warning", message, ids, f"look at one: tunewright trace {ids[0]}"))
    if turned:
        message = f"{told(len(turned), 'turns', 'turn')} the writing direction and not back, as {few(turned)}"
        suggestion = "close it in the file (U+202C, U+2069), or take the sign out"
        findings.append(Finding(NAME, "warning", message, tuple(turned), suggestion))
    return Found(
        tuple(findings),
        suspects=(
            *(Suspect(row_id, NAME, f"holds {_name(signs[0])}") for row_id, signs in hidden.items()),
            *(Suspect(row_id, NAME, "turns the writing direction and not back") for row_id in turned),
        ),
    )


CHECK = Check("character that nobody sees", ("given",), look)


def hidden_in(row: Row) -> list[str]:
    return [match[0] for text in texts_of(row) if not text.isascii() for match in _HIDDEN.finditer(text)]


def is_unbalanced(text: str) -> bool:
    """A line in which a direction is opened and not closed, or closed and never opened.

    >>> is_unbalanced("a\\u202eb\\u202c"), is_unbalanced("a\\u202eb\\nc\\u202c")
    (False, True)
    """
    if text.isascii():
        return False
    return any(_depth(line, _OPEN, _CLOSE) or _depth(line, _ISOLATE, _END) for line in text.split("\n"))


def _depth(line: str, openers: str, closer: str) -> int:
    return sum(line.count(sign) for sign in openers) - line.count(closer)


def _name(character: str) -> str:
    return unicodedata.name(character, f"U+{ord(character):04X}").lower()
