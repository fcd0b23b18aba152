"""What kind of file this is, and its bytes.

In: a path. Out: Source, read from the start as often as needed and unpacked when packed; DataError for what is
missing, a folder, empty or no data file. Its own file because "this is a PDF" needs a table of what files start with.
"""

from __future__ import annotations

import difflib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import BinaryIO, Literal

from tunewright.core.errors import DataError
from tunewright.tables.packed import N_MAGIC, Packing, most_bytes, opened, packing_of
from tunewright.tables.suffixes import DATA_SUFFIXES, data_suffix

Kind = Literal["text", "parquet", "xlsx", "xls", "ods"]
SHEETS: tuple[Kind, ...] = ("xlsx", "xls", "ods")
Another = Callable[[Path | None], str]
"""What the user types to name another file than this; None: when no file can be offered. A plan names its files in
another way than a command."""

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""Office files up to 2003, and newer ones with a password. Source: MS-CFB 2.2."""
_CHUNK_BYTES = 2**20
_HEAD_BYTES = 2**16
_MIMETYPE_BYTES = 100
"""More than the longest that is looked for. Source: OpenDocument 1.3 part 2, 3.3."""
_BLANK = b"\x00\t\n\r "
_NAME_TEXT = f"name a file of one of these kinds: {', '.join(DATA_SUFFIXES)}"
_AS_TEXT = "copy its text into a .txt or .csv file and name that file"
_NO_PICKLE = "pickles can run code and are never opened: save the data as CSV or Parquet"
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF document", _AS_TEXT),
    (b"\x89PNG", "a PNG picture", _NAME_TEXT),
    (b"\xff\xd8\xff", "a JPEG picture", _NAME_TEXT),
    (b"GIF8", "a GIF picture", _NAME_TEXT),
    (b"SQLite format 3\x00", "an SQLite database", 'sqlite3 -header -csv FILE "select * from TABLE" > data.csv'),
    (b"BZh", "a bzip2 archive", "bunzip2 FILE, and name the unpacked file"),
    (b"\xfd7zXZ\x00", "an xz archive", "unxz FILE, and name the unpacked file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x FILE, and name the unpacked file"),
    (b"Rar!", "a RAR archive", "unrar x FILE, and name the unpacked file"),
    (b"ARROW1", "an Arrow file", "save it as Parquet: pandas.read_feather(FILE).to_parquet('data.parquet')"),
    (b"\x89HDF", "an HDF5 file", "save its table as Parquet or CSV"),
    (b"\x93NUMPY", "a NumPy array", "save the texts and labels as CSV"),
    (b"\x7fELF", "a program", _NAME_TEXT),
    (b"\x80\x04\x95", "a Python pickle", _NO_PICKLE),
    (b"\x80\x05\x95", "a Python pickle", _NO_PICKLE),
)
"""First bytes, what it is, what to do. Source: file(1)'s magic database; PEP 3154 for pickles."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that holds rows."""

    path: Path
    kind: Kind
    packing: Packing
    head: bytes
    """Its first bytes, unpacked; all of them when there are at most 64 KiB."""

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The unpacked bytes; raises DataError when they cannot be read to the end."""
        with opened(self.path, self.packing) as file:
            yield file

    def chunks(self) -> Iterator[bytes]:
        """The bytes, a mebibyte at a time."""
        with self.opened() as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk

    def whole(self) -> bytes:
        with self.opened() as file:
            return file.read()


def in_plan(path: Path | None, *, key: str = "train") -> str:
    """How a plan names another file.

    >>> in_plan(Path("my rows.csv"), key="test")
    "data.test='my rows.csv'"
    """
    return f"data.{key}={quote(str(path))}" if path else "paths start from the plan's own folder"


def source_of(path: Path, *, another: Another = in_plan) -> Source:
    """The file, ready to be read.

    another: the words of an error that name another file.
    Raises DataError: missing (with near names), a folder, not readable, empty, or a kind of file that holds no rows.
    """
    if path.is_dir():
        raise _is_folder(path, another)
    try:
        with path.open("rb") as file:
            packing = packing_of(file.read(N_MAGIC))
    except FileNotFoundError as error:
        raise _is_missing(path, another) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        fix = f"ls -l {quote(str(path))}"
        raise DataError("the file cannot be opened", where=str(path), why=str(error), fix=fix) from error
    with opened(path, packing) as unpacked:
        head = unpacked.read(_HEAD_BYTES)
    source = Source(path, "text", packing, head)
    if not head.strip(_BLANK) and not any(chunk.strip(_BLANK) for chunk in source.chunks()):
        n_bytes = path.stat().st_size
        why = f"it has {n_bytes:,} bytes and no text"
        raise DataError("the file is empty", where=str(path), why=why, fix="name a file with rows")
    return Source(path, _kind(source), packing, head)


def _kind(source: Source) -> Kind:
    """Raises DataError for what holds no rows."""
    if source.head.startswith(b"PAR1"):
        return "parquet"
    if source.head.startswith(_OLE):
        return "xls"
    if source.head.startswith(_ZIP):
        return _zip_kind(source)
    for start, what, fix in _MAGIC:
        if source.head.startswith(start):
            raise _is_other(source.path, what, fix.replace("FILE", quote(source.path.name)))
    if source.head[257:262] == b"ustar":  # POSIX pax, 4.: the only mark of a tar archive
        fix = f"tar -xf {quote(source.path.name)}, and name the file or the folder inside"
        raise _is_other(source.path, "a tar archive", fix)
    return "text"


def _zip_kind(source: Source) -> Kind:
    try:
        file = io.BytesIO(source.whole()) if source.packing else source.path
        with zipfile.ZipFile(file) as archive:
            names, n_bytes = archive.namelist(), sum(info.file_size for info in archive.infolist())
            kind = _mimetype(archive) if "mimetype" in names else b""
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, zlib.error):
        names, kind, n_bytes = [], b"", 0
    if n_bytes > most_bytes(source.path):
        raise DataError(
            "the workbook or archive unpacks to far more than a file of rows would",
            where=str(source.path),
            why=f"its {source.path.stat().st_size:,} bytes become {n_bytes:,}",
            fix="save the sheet with the rows as CSV and name that file: it may be of any size",
        )
    if any(name.startswith("xl/") for name in names):
        return "xlsx"
    if kind.startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
        return "ods"
    if any(name.startswith("word/") for name in names) or b"opendocument.text" in kind:
        raise _is_other(source.path, "a text document", _AS_TEXT)
    if not names:
        raise DataError(
            "the workbook or archive is damaged",
            where=str(source.path),
            why="it is cut off or not a zip file inside",
            fix="copy it again from where it came from, and open it once to see that it is whole",
        )
    fix = f"unzip {quote(source.path.name)}, and name the file inside (it holds {', '.join(names[:3])})"
    raise _is_other(source.path, "a zip archive", fix)


def _mimetype(archive: zipfile.ZipFile) -> bytes:
    """Its first bytes: unpacked whole, a file of a few kilobytes can fill the memory."""
    with archive.open("mimetype") as file:
        return file.read(_MIMETYPE_BYTES)


def _is_other(path: Path, what: str, fix: str) -> DataError:
    return DataError(f"this is {what}, not rows of text", where=str(path), why="its first bytes say so", fix=fix)


def _is_folder(path: Path, another: Another) -> DataError:
    inside = [name for name in _names_in(path) if data_suffix(name) in DATA_SUFFIXES][:5]
    return DataError(
        "this is a folder, not a file",
        where=str(path),
        why=f"data files in it: {', '.join(inside)}" if inside else "it holds no data file",
        fix=f"name a file: {another(path / inside[0])}" if inside else _NAME_TEXT,
    )


def _is_missing(path: Path, another: Another) -> DataError:
    what = "there is no such file"
    if not path.parent.is_dir():
        return DataError(what, where=str(path), why=f"there is no folder {path.parent}", fix="ls; check the path")
    names = _names_in(path.parent)
    near = difflib.get_close_matches(path.name, names, n=3)
    if near:
        meant = f"did you mean {' or '.join(near)}?"
        return DataError(what, where=str(path), why=meant, fix=another(path.with_name(near[0])))
    holds = f"the folder holds {', '.join(names[:5]) or 'nothing'}{' ...' if len(names) > 5 else ''}"
    return DataError(what, where=str(path), why=holds, fix=another(None))


def _names_in(folder: Path) -> list[str]:
    """Without hidden files: the system's, and our own notes beside what we write."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
