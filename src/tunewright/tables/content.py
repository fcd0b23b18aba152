"""The bytes of a file, or why there are none that we can read.

In: a path. Out: its bytes, unpacked when gzipped; DataError for what is missing, a folder, empty or not a data file.
Its own file because "this is an Excel workbook, save it as CSV" needs a table of what files start with.
"""

from __future__ import annotations

import difflib
import gzip
import zipfile
import zlib
from pathlib import Path

from tunewright.core.errors import DataError

SAVE_AS_CSV = "open it, choose File > Save as > CSV UTF-8, and name that file"
DATA_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".txt")

_GZIP = b"\x1f\x8b"
_MAGIC: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF document", "copy its text into a .txt or .csv file and name that file"),
    (b"\x89PNG", "a PNG picture", "name a file of text: csv, tsv, json, jsonl, parquet or txt"),
    (b"\xff\xd8\xff", "a JPEG picture", "name a file of text: csv, tsv, json, jsonl, parquet or txt"),
    (b"GIF8", "a GIF picture", "name a file of text: csv, tsv, json, jsonl, parquet or txt"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (xls, doc)", SAVE_AS_CSV),
    (b"SQLite format 3\x00", "an SQLite database", 'sqlite3 -header -csv FILE "select * from TABLE" > data.csv'),
    (b"BZh", "a bzip2 archive", "bunzip2 FILE, and name the unpacked file"),
    (b"\xfd7zXZ\x00", "an xz archive", "unxz FILE, and name the unpacked file"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unzstd FILE, and name the unpacked file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x FILE, and name the unpacked file"),
    (b"Rar!", "a RAR archive", "unrar x FILE, and name the unpacked file"),
    (b"ARROW1", "an Arrow file", "save it as Parquet: pandas.read_feather(FILE).to_parquet('data.parquet')"),
    (b"\x89HDF", "an HDF5 file", "save its table as Parquet or CSV"),
    (b"\x93NUMPY", "a NumPy array", "save the texts and labels as CSV"),
    (b"\x7fELF", "a program", "name a file of text: csv, tsv, json, jsonl, parquet or txt"),
    (b"\x80\x04\x95", "a Python pickle", "pickles can run code and are never opened: save the data as CSV or Parquet"),
    (b"\x80\x05\x95", "a Python pickle", "pickles can run code and are never opened: save the data as CSV or Parquet"),
)
"""First bytes, what it is, what to do. Source: file(1)'s magic database; PEP 3154 for pickles."""


def file_bytes(path: Path) -> bytes:
    """The file's content, unpacked when it is gzipped.

    Raises DataError: missing (with near names), a folder, not readable, empty, or a kind of file that holds no rows.
    """
    if path.is_dir():
        raise _is_folder(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise _is_missing(path) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise DataError("the file cannot be opened", where=str(path), why=str(error), fix=f"ls -l {path}") from error
    if data.startswith(_GZIP):
        data = _unpacked(path, data)
    if not data.strip(b"\x00\t\n\r "):
        raise DataError(
            "the file is empty",
            where=str(path),
            why=f"it has {len(data)} bytes and no text",
            fix="name a file with rows",
        )
    _refuse_other_kinds(path, data)
    return data


def _unpacked(path: Path, data: bytes) -> bytes:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            "the gzip archive is damaged", where=str(path), why=str(error), fix=f"gzip -t {path}; then copy it again"
        ) from error


def _refuse_other_kinds(path: Path, data: bytes) -> None:
    if data.startswith(b"PK\x03\x04"):
        what, fix = _zip_kind(path)
        raise DataError(f"this is {what}, not rows of text", where=str(path), why="its first bytes say so", fix=fix)
    for start, what, fix in _MAGIC:
        if data.startswith(start):
            raise DataError(
                f"this is {what}, not rows of text",
                where=str(path),
                why="its first bytes say so",
                fix=fix.replace("FILE", path.name),
            )


def _zip_kind(path: Path) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        names = []
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook", SAVE_AS_CSV
    if any(name.startswith("word/") for name in names):
        return "a Word document", "copy its text into a .txt or .csv file and name that file"
    if "content.xml" in names:
        return "an OpenDocument file", SAVE_AS_CSV
    inside = f" (it holds {', '.join(names[:3])})" if names else ""
    return "a zip archive", f"unzip {path.name}, and name the file inside{inside}"


def _is_folder(path: Path) -> DataError:
    inside = sorted(p.name for p in path.iterdir() if p.suffix.lower() in DATA_SUFFIXES)[:5]
    return DataError(
        "this is a folder, not a file",
        where=str(path),
        why=f"data files in it: {', '.join(inside)}" if inside else "it holds no data file",
        fix=f"name a file: data.train={path / inside[0]}"
        if inside
        else "name a file: csv, json, jsonl, parquet or txt",
    )


def _is_missing(path: Path) -> DataError:
    if not path.parent.is_dir():
        return DataError(
            "there is no such file", where=str(path), why=f"there is no folder {path.parent}", fix="ls; check the path"
        )
    names = sorted(p.name for p in path.parent.iterdir())
    near = difflib.get_close_matches(path.name, names, n=3)
    if near:
        return DataError(
            "there is no such file",
            where=str(path),
            why=f"did you mean {' or '.join(near)}?",
            fix=f"data.train={path.with_name(near[0])}",
        )
    return DataError(
        "there is no such file",
        where=str(path),
        why=f"the folder holds {', '.join(names[:5]) or 'nothing'}{' ...' if len(names) > 5 else ''}",
        fix="paths start from the plan's own folder",
    )
