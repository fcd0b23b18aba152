"""Cells of a file as clean text, the same for training and for prediction.

In: a text or a label as it stands in a file. Out: the text that the model sees, or the form in which two texts are
compared. Its own file because a model must be asked in exactly the form it learned from.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ftfy.fixes import fix_surrogates

from tunewright.text.mojibake import unmangled

_CONTROLS = re.compile("[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff\ud800-\udfff]")
"""What no reader sees: control characters that are no blanks, the byte order mark, lone surrogates."""
_BLANKS = re.compile(r"(?<=[^\n\t ])[^\S\n]+|[^\S\n \t]+")
"""Runs of blanks after something, and every odd blank; spaces and tabs that open a line are indentation (code)."""
_INVISIBLE = re.compile("[\u200b\u2060\xad]")
"""Zero-width space, word joiner, soft hyphen: two labels that differ in them look the same. What joins letters and
signs stays: emoji, Persian and Hindi are written with it."""
_UNSEEN = re.compile(
    "[\\s\xad\u034f\u115f\u1160\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\uffa0]+"
)
"""A text of these alone shows nothing. Source: Unicode 16, DerivedCoreProperties, Default_Ignorable_Code_Point."""
_LINE_ENDS = re.compile(r"[^\S\n]+(?=\n)")
_GAPS = re.compile(r"\n{3,}")


def clean_text(text: str, *, mends_mojibake: bool = True) -> str:
    """The text without damage: mojibake undone, NFC, no control characters, blanks and empty lines collapsed, trimmed;
    empty when nobody could see anything of it.

    Single newlines stay (the steps of an answer), more than two become two.
    mends_mojibake: False where the plan keeps it (prepare.actions.mojibake=report).

    >>> clean_text("cafÃ©  au\\tlait \\r\\n\\r\\n\\r\\n\\r\\n“two”\\0 ")
    'café au lait\\n\\n“two”'
    """
    if not text.isascii():
        text = fix_surrogates(text)
        text = unmangled(text) if mends_mojibake else text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _BLANKS.sub(" ", unicodedata.normalize("NFC", _CONTROLS.sub("", text)))
    text = _GAPS.sub("\n\n", _LINE_ENDS.sub("", text)).strip()
    return "" if _UNSEEN.fullmatch(text) else text


def clean_label(label: str) -> str:
    """The label's name: NFC, any run of blanks is one space, trimmed, nothing invisible in it. Case stays.

    >>> clean_label("  card\\t arrival ")
    'card arrival'
    """
    label = label if label.isascii() else _INVISIBLE.sub("", label)
    return " ".join(unicodedata.normalize("NFC", _CONTROLS.sub("", label)).split())


def normalised(text: str) -> str:
    """The form in which two texts count as the same: NFC, lower case, only letters, digits and single spaces.

    A combining mark belongs to the letter it stands on, so that Thai and Hindi vowels stay.

    >>> normalised(" Hello,  WORLD! ") == normalised("hello world")
    True
    """
    # Twice: lower case can leave a letter and a mark that NFC joins (İ), and joined capitals that lower case knows.
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())
    return " ".join((_ASCII_WORDS if text.isascii() else _words()).findall(text))


_ASCII_WORDS = re.compile("[a-z0-9]+")
_LAST_MARK = 0x1F000
"""Combining marks stand below it in Unicode 16; above are only variation selectors, which say how a sign is drawn."""


@lru_cache(maxsize=1)
def _words() -> re.Pattern[str]:
    r"""Letters and digits, each with its marks; `\w` alone would split words at them."""
    marks = "".join(c for c in map(chr, range(0x300, _LAST_MARK)) if unicodedata.category(c)[0] == "M")
    return re.compile(rf"[^\W_]+(?:[{re.escape(marks)}]+[^\W_]*)*")
