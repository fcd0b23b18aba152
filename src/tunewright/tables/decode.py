"""Bytes as text: which encoding, and how sure that is.

In: the bytes of a text file. Out: Decoded. Its own file because a wrong encoding ruins every row without an error:
UTF-8 is tried first and strictly, every guess is checked by decoding all of it.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import charset_normalizer

_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with UTF-16's
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WESTERN = ("cp1252", "cp1250", "cp850", "mac_roman", "cp1254", "cp1257", "latin-1")
"""Alphabets that are mostly ASCII, the most frequent first: on a tie the first wins."""
_ASIAN = ("gb18030", "big5hkscs", "cp932", "cp949", "euc_jp")
_HIGH_RUNS = re.compile(rb"[\x80-\xff]+")
_BETWEEN_SMALL = re.compile(r"(?<=[a-z])[^\x00-\x7f](?=[a-z])|[¹³](?=[a-zß-öø-ÿ])")
_GUESS_BYTES = 100_000
"""Of the lines that are not ASCII: enough for charset-normalizer, and below 0.1 s."""
_LONE_RUN_BYTES = 1.6
"""Mean run of non-ASCII bytes below which the alphabet is Latin (an accent here and there). French 1.1, Polish 1.2;
Cyrillic 5 to 7, Chinese and Japanese above 8, measured on a sentence of each."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A file's text."""

    text: str
    encoding: str
    n_mended: int = 0
    """Bytes that this encoding does not know, read as cp1252 (utf-8) or shown as U+FFFD (others)."""


def decoded(data: bytes) -> Decoded:
    """The text in the encoding that fits; the byte order mark is taken off.

    >>> decoded("café".encode("cp1252"))
    Decoded(text='café', encoding='cp1252', n_mended=0)
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _replacing(data[len(mark) :], encoding) if encoding != "utf-8" else decoded(data[len(mark) :])
    encoding = _wide_encoding(data)
    if encoding:
        return _replacing(data, encoding)
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        return _mixed_utf8(data) or _guessed(data)


def _wide_encoding(data: bytes) -> str:
    """UTF-16 without a mark, told by where the zero bytes stand; empty when it is not that."""
    head = data[:4096]
    half = len(head) // 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if half >= 2 and odd > 0.4 * half and even < 0.05 * half:
        return "utf-16-le"
    if half >= 2 and even > 0.4 * half and odd < 0.05 * half:
        return "utf-16-be"
    return ""


def _replacing(data: bytes, encoding: str) -> Decoded:
    text = data.decode(encoding, errors="replace")
    return Decoded(text, encoding, n_mended=text.count("\ufffd"))


_STRAY = {0xDC00 + byte: bytes([byte]).decode("cp1252", errors="replace") for byte in range(0x80, 0x100)}
"""surrogateescape's code points as the characters cp1252 has there."""


def _mixed_utf8(data: bytes) -> Decoded | None:
    """UTF-8 with a few foreign bytes (two files pasted together, a cut end); None when most are foreign."""
    text = data.decode("utf-8", errors="surrogateescape")
    n_stray = sum(map(text.count, map(chr, _STRAY)))
    n_good = sum(1 for c in text if c > "\x7f") - n_stray
    return Decoded(text.translate(_STRAY), "utf-8", n_mended=n_stray) if n_good >= n_stray else None


def _guessed(data: bytes) -> Decoded:
    lines = [line for line in data.split(b"\n") if not line.isascii()]
    sample = b"\n".join(lines)[:_GUESS_BYTES]
    sample = sample[: sample.rfind(b"\n")] if len(sample) == _GUESS_BYTES and b"\n" in sample else sample
    runs = _HIGH_RUNS.findall(sample)
    if sum(map(len, runs)) < _LONE_RUN_BYTES * len(runs):
        return _western(data, sample)
    best = charset_normalizer.from_bytes(sample).best()
    if best is not None and _is_latin(str(best)):
        return _western(data, sample)
    if best is not None and (text := _strictly(data, best.encoding)) is not None:
        return Decoded(text, best.encoding)
    nearest = min((_replacing(data, encoding) for encoding in _ASIAN), key=lambda d: d.n_mended)
    # More than 1 % unknown characters: none of these is it, and the Western reading at least loses no byte.
    return nearest if nearest.n_mended < 0.01 * len(nearest.text) else _western(data, sample)


def _western(data: bytes, sample: bytes) -> Decoded:
    n_odd = {encoding: _n_odd(sample.decode(encoding)) for encoding in _readable(_WESTERN, sample)}
    # Another alphabet must halve the odd places before it beats a more frequent one: damaged files have some in all.
    ranked = sorted(n_odd, key=lambda encoding: math.ceil(math.log2(n_odd[encoding] + 1)))
    for encoding in ranked:
        text = _strictly(data, encoding)
        if text is not None:
            return Decoded(text, encoding)
    return Decoded(data.decode("latin-1"), "latin-1")


def _is_latin(text: str) -> bool:
    """Its letters beyond ASCII are accented Latin ones, or there are none: the alphabets that are told apart here."""
    letters = [c for c in text if c > "\x7f" and c.isalpha()]
    return sum(1 for c in letters if c < "\u0250") * 2 >= len(letters)


def _readable(encodings: Iterable[str], sample: bytes) -> list[str]:
    return [encoding for encoding in encodings if _strictly(sample, encoding) is not None]


def _n_odd(text: str) -> int:
    """Signs and capitals between two small letters: what a Latin text read in the wrong Latin encoding is full of."""
    found = (match.group() for match in _BETWEEN_SMALL.finditer(text))
    return sum(1 for c in found if not (c.islower() or c in "’‘´·–—\u00ad"))


def _strictly(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None
