"""Bytes as text: which encoding, how sure that is, and the text in it.

In: a text file. Out: Encoding, and the file's text or lines. Its own file because a wrong encoding ruins every row
without an error: UTF-8 is tried first and strictly, every guess is checked by decoding all of it.
"""

from __future__ import annotations

import codecs
import io
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import charset_normalizer

from tunewright.tables.again import Again
from tunewright.tables.content import Source

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


_STRAY = {0xDC00 + byte: bytes([byte]).decode("cp1252", errors="replace") for byte in range(0x80, 0x100)}
"""surrogateescape's code points as the characters cp1252 has there."""
_STRAYS = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file's bytes become text. NUL characters are taken out."""

    name: str
    n_mark_bytes: int = 0
    """The byte order mark, which is no text."""
    errors: Literal["strict", "replace", "surrogateescape"] = "strict"
    n_characters: int = 0
    n_mended: int = 0
    """Bytes that this encoding does not know, read as cp1252 (utf-8) or shown as U+FFFD (others)."""
    n_nul: int = 0
    n_longest: int = 0
    """Characters of the longest stretch without a line end, give or take a mebibyte."""


def encoding_of(source: Source) -> Encoding:
    """The encoding that fits all of the file."""
    n_mark_bytes = 0
    for mark, name in _BOMS:
        if source.head.startswith(mark):
            if name != "utf-8":
                return _replacing(source, name, n_mark_bytes=len(mark))
            n_mark_bytes = len(mark)
            break
    wide = _wide_encoding(source.head)
    if wide:
        return _replacing(source, wide)
    return (
        _checked(source, Encoding("utf-8", n_mark_bytes))
        or _mixed_utf8(source, n_mark_bytes=n_mark_bytes)
        or replace(_guessed(source), n_mark_bytes=n_mark_bytes)
    )


def text_lines(source: Source, encoding: Encoding, *, newline: str | None = "") -> Again[str]:
    """The file's lines with their ends.

    newline: as in open(): "" ends lines at \\n, \\r and \\r\\n, "\\n" only there, None makes every end a \\n.
    """
    return Again(lambda: _lines(source, encoding, newline=newline))


def whole_text(source: Source, encoding: Encoding) -> str:
    return "".join(_clean(text, encoding) for text in _texts(source, encoding))


def head_text(source: Source, encoding: Encoding) -> str:
    """The text at the start: about 64 KiB of bytes."""
    decoder = codecs.getincrementaldecoder(encoding.name)(encoding.errors)
    return _clean(decoder.decode(source.head[encoding.n_mark_bytes :]), encoding)


def _lines(source: Source, encoding: Encoding, *, newline: str | None) -> Iterator[str]:
    with source.opened() as file:
        file.read(encoding.n_mark_bytes)
        with io.TextIOWrapper(file, encoding=encoding.name, errors=encoding.errors, newline=newline) as lines:
            for line in lines:
                yield _clean(line, encoding)


def _texts(source: Source, encoding: Encoding) -> Iterator[str]:
    """The decoded text in pieces, as it is written."""
    decoder = codecs.getincrementaldecoder(encoding.name)(encoding.errors)
    n_skip = encoding.n_mark_bytes
    for chunk in source.chunks():
        yield decoder.decode(chunk[n_skip:])
        n_skip = 0
    yield decoder.decode(b"", final=True)


def _clean(text: str, encoding: Encoding) -> str:
    text = text.replace("\0", "") if encoding.n_nul else text
    return text.translate(_STRAY) if encoding.errors == "surrogateescape" else text


def _checked(source: Source, encoding: Encoding) -> Encoding | None:
    """With its counts, or None when a byte is not of this encoding."""
    n_characters = n_mended = n_nul = n_longest = n_open = 0
    try:
        for text in _texts(source, encoding):
            n_characters += len(text)
            end = max(text.rfind("\n"), text.rfind("\r"))
            n_open = n_open + len(text) if end < 0 else len(text) - end
            n_longest = max(n_longest, n_open)
            n_nul += text.count("\0")
            n_mended += text.count("\ufffd") if encoding.errors == "replace" else 0
            n_mended += len(_STRAYS.findall(text)) if encoding.errors == "surrogateescape" else 0
    except (UnicodeDecodeError, LookupError):
        return None
    return replace(encoding, n_characters=n_characters, n_mended=n_mended, n_nul=n_nul, n_longest=n_longest)


def _replacing(source: Source, name: str, *, n_mark_bytes: int = 0) -> Encoding:
    found = _checked(source, Encoding(name, n_mark_bytes, "replace"))
    assert found is not None, name
    return found


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


def _mixed_utf8(source: Source, *, n_mark_bytes: int) -> Encoding | None:
    """UTF-8 with a few foreign bytes (two files pasted together, a cut end); None when most are foreign."""
    escaped = Encoding("utf-8", n_mark_bytes, "surrogateescape")
    n_high = sum(len(text) - len(text.encode("ascii", "ignore")) for text in _texts(source, escaped))
    found = _checked(source, escaped)
    return found if found and n_high - found.n_mended >= found.n_mended else None


def _guessed(source: Source) -> Encoding:
    sample = _sample(source)
    runs = _HIGH_RUNS.findall(sample)
    if sum(map(len, runs)) < _LONE_RUN_BYTES * len(runs):
        return _western(source, sample)
    best = charset_normalizer.from_bytes(sample).best()
    if best is not None and _is_latin(str(best)):
        return _western(source, sample)
    if best is not None and (found := _checked(source, Encoding(best.encoding))) is not None:
        return found
    nearest = min((_replacing(source, name) for name in _ASIAN), key=lambda e: e.n_mended)
    # More than 1 % unknown characters: none of these is it, and the Western reading at least loses no byte.
    return nearest if nearest.n_mended < 0.01 * nearest.n_characters else _western(source, sample)


def _sample(source: Source) -> bytes:
    """Of the lines that are not ASCII, the first."""
    sample = bytearray()
    with source.opened() as file:
        for line in file:
            sample += b"" if line.isascii() else line
            if len(sample) >= _GUESS_BYTES:
                end = sample.rfind(b"\n", 0, _GUESS_BYTES)
                return bytes(sample[: end if end > 0 else _GUESS_BYTES])
    return bytes(sample)


def _western(source: Source, sample: bytes) -> Encoding:
    n_odd = {name: _n_odd(sample.decode(name)) for name in _readable(_WESTERN, sample)}
    # Another alphabet must halve the odd places before it beats a more frequent one: damaged files have some in all.
    ranked = sorted(n_odd, key=lambda name: math.ceil(math.log2(n_odd[name] + 1)))
    found = (_checked(source, Encoding(name)) for name in (*ranked, "latin-1"))
    return next(encoding for encoding in found if encoding is not None)


def _is_latin(text: str) -> bool:
    """Its letters beyond ASCII are accented Latin ones, or there are none: the alphabets that are told apart here."""
    letters = [c for c in text if c > "\x7f" and c.isalpha()]
    return sum(1 for c in letters if c < "\u0250") * 2 >= len(letters)


def _readable(names: Iterable[str], sample: bytes) -> list[str]:
    return [name for name in names if _is_readable(sample, name)]


def _n_odd(text: str) -> int:
    """Signs and capitals between two small letters: what a Latin text read in the wrong Latin encoding is full of."""
    found = (match.group() for match in _BETWEEN_SMALL.finditer(text))
    return sum(1 for c in found if not (c.islower() or c in "’‘´·–—\u00ad"))


def _is_readable(data: bytes, name: str) -> bool:
    try:
        data.decode(name)
    except UnicodeDecodeError:
        return False
    return True
