"""Cells of a file as clean text, the same for training and for prediction.

In: a text or a label as it stands in a file. Out: the text that the model sees, or the form in which two texts are
compared. Its own file because a model must be asked in exactly the form it learned from.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import ftfy

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
"""Characters that no reader sees: C0 and C1 controls but tab and newlines, the byte order mark, lone surrogates."""
_BLANKS = re.compile(r"[^\S\n]+")
_EDGES = re.compile(r" ?\n ?")
_GAPS = re.compile(r"\n{3,}")

_MOJIBAKE_ONLY = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    fix_surrogates=True,
    remove_control_chars=False,
    normalization=None,
)
"""ftfy undoes text decoded with the wrong encoding and changes nothing that a person may have meant."""


def clean_text(text: str) -> str:
    """The text without damage: mojibake undone, NFC, no control characters, blanks and empty lines collapsed, trimmed.

    Single newlines stay (the steps of an answer), more than two become two.

    >>> clean_text("cafÃ©  au\\tlait \\r\\n\\r\\n\\r\\n\\r\\n“two”\\0 ")
    'café au lait\\n\\n“two”'
    """
    if not text.isascii():
        text = ftfy.fix_text(text, _MOJIBAKE_ONLY)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROLS.sub("", text)
    text = _GAPS.sub("\n\n", _EDGES.sub("\n", _BLANKS.sub(" ", text)))
    return unicodedata.normalize("NFC", text).strip()


def clean_label(label: str) -> str:
    """The label's name: NFC, any run of blanks is one space, trimmed. Case stays.

    >>> clean_label("  card\\t arrival ")
    'card arrival'
    """
    return " ".join(unicodedata.normalize("NFC", _CONTROLS.sub("", label)).split())


def normalised(text: str) -> str:
    """The form in which two texts count as the same: NFC, lower case, only letters, digits and single spaces.

    A combining mark belongs to the letter it stands on, so that Thai and Hindi vowels stay.

    >>> normalised(" Hello,  WORLD! ") == normalised("hello world")
    True
    """
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    return " ".join(_separators(text).sub(" ", text).split())


def _separators(text: str) -> re.Pattern[str]:
    return _ASCII_SEPARATORS if text.isascii() else _unicode_separators()


_ASCII_SEPARATORS = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=1)
def _unicode_separators() -> re.Pattern[str]:
    r"""Runs of anything but letters, digits and marks; `\w` alone would split words at combining marks."""
    marks = "".join(c for c in map(chr, range(0x110000)) if unicodedata.category(c) in ("Mn", "Mc", "Me"))
    return re.compile(rf"(?:[^\w{re.escape(marks)}]|_)+")
