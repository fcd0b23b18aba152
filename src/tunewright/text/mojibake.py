"""Text that was read with the wrong encoding, put right.

In: a text. Out: the text as it was meant, or the same text. Its own file because a repair that guesses must say where
it stops: what it changes can be shown, and nothing else is touched.
"""

from __future__ import annotations

import re
import unicodedata

import ftfy

_ONLY = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    fix_surrogates=False,
    remove_control_chars=False,
    normalization=None,
)
"""ftfy undoes text decoded with the wrong encoding and changes nothing that a person may have meant."""
_LOOSE_MARKS = re.compile("[\u0300-\u036f]")
"""Accents that NFC could not put on the letter before them. Source: Unicode block Combining Diacritical Marks."""


def unmangled(text: str) -> str:
    """The text with each mangled stretch as it was before.

    A line whose repair would leave an accent that stands on nothing stays as it is: what was meant there is not known
    (sms_spam's Latin-1 copy has a pound sign as two letters, which read back as a mark that no language has).

    >>> unmangled("cafÃ©"), unmangled("a “quote”, ﬁne"), unmangled("Ì¼1.20")
    ('café', 'a “quote”, ﬁne', 'Ì¼1.20')
    """
    if text.isascii():
        return text
    return "\n".join(_line(line) for line in text.split("\n"))


def _line(line: str) -> str:
    fixed = ftfy.fix_text(line, _ONLY)
    return fixed if fixed == line or _n_loose(fixed) <= _n_loose(line) else line


def _n_loose(text: str) -> int:
    return len(_LOOSE_MARKS.findall(unicodedata.normalize("NFC", text)))
