"""A data set of the Hugging Face hub, or one that its library has saved, as a folder of Parquet files.

In: hf://owner/name, or a folder that save_to_disk wrote. Out: a folder in the cache, one file a split, labels by their
names. Its own file because it needs the extra `hub` and, for a name, the network: nothing else that reads does.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core.errors import DataError, MissingExtra
from tunewright.core.files import digest, write_atomically
from tunewright.core.planpath import HUB

_BATCH_ROWS = 1024
_NO_ANSWER = -1
"""The label of rows whose answer is kept secret. Source: the GLUE data sets on the hub."""


@dataclass(frozen=True, slots=True)
class HubName:
    """hf://owner/name, hf://owner/name/CONFIG, hf://owner/name@REVISION; hf://datasets/... means the same.

    >>> hub_name("hf://datasets/PolyAI/banking77@main/plain")
    HubName(path='PolyAI/banking77', config='plain', revision='main')
    """

    path: str
    config: str | None
    revision: str | None


def hub_name(word: str) -> HubName:
    """Raises DataError for a word that names no data set."""
    parts = word.removeprefix(HUB).removeprefix("datasets/").split("/", 2)
    if len(parts) < 2 or not all(parts):
        raise DataError(
            "this names no data set of the hub", where=word, fix="write hf://OWNER/NAME or hf://OWNER/NAME/CONFIG"
        )
    name, _, revision = parts[1].partition("@")
    return HubName(f"{parts[0]}/{name}", parts[2] if len(parts) > 2 else None, revision or None)


def hub_folder(word: str, *, cache: Path) -> Path:
    """The data set's files: fetched once, then read from the cache whatever the hub holds.

    Raises MissingExtra; DataError when it is neither in the cache nor to be had.
    """
    name = hub_name(word)
    folder = cache / "datasets" / word.removeprefix(HUB).removeprefix("datasets/").replace("/", "--")
    if not folder.is_dir():
        library = _library("a data set of the hub")
        with _fetching(word, library):
            found = library.load_dataset(name.path, name.config, revision=name.revision)
        _write(found, folder, library=library)
    return folder


def saved_folder(saved: Path, *, cache: Path) -> Path:
    """The files of a folder that save_to_disk wrote.

    Raises MissingExtra; DataError when the library cannot read it.
    """
    files = {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(saved.resolve().rglob("*"))}
    folder = cache / "datasets" / f"{saved.resolve().name}-{digest(files)[:8]}"
    if not folder.is_dir():
        library = _library("a folder that the library datasets has saved")
        try:
            found = library.load_from_disk(str(saved))
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            fix = "save it again, or save it as Parquet: dataset.to_parquet('train.parquet')"
            raise DataError("the saved data set cannot be read", where=str(saved), why=str(error), fix=fix) from error
        _write(found, folder, library=library)
    return folder


def _library(needed_for: str) -> Any:
    try:
        return importlib.import_module("datasets")  # an optional extra, and slow to load
    except ImportError as error:
        raise MissingExtra("datasets", extra="hub", needed_for=needed_for) from error


@contextmanager
def _fetching(word: str, library: Any) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, library.exceptions.DatasetsError) as error:
        is_offline = isinstance(error, ConnectionError)
        name = hub_name(word).path
        by_hand = f"hf download {quote(name)} --repo-type dataset --local-dir data"
        raise DataError(
            "the hub cannot be reached" if is_offline else "the data set cannot be had from the hub",
            where=word,
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix=f"where there is a network: {by_hand}; then name the folder: data.train=data"
            if is_offline
            else f"look at https://huggingface.co/datasets/{name}; a configuration is named so: {HUB}{name}/CONFIG",
        ) from error


def _write(found: Any, folder: Path, *, library: Any) -> None:
    """One Parquet file a split, all or nothing; a file that names no split is for training."""
    splits: Mapping[str, Any] = found if isinstance(found, Mapping) else {str(found.split or "train"): found}
    with write_atomically(folder) as work:
        work.mkdir()
        for split, rows in splits.items():
            names = {c: f.names for c, f in rows.features.items() if isinstance(f, library.ClassLabel)}
            _write_split(rows, work / f"{split.replace(os.sep, '-')}.parquet", names=names)


def _write_split(rows: Any, path: Path, *, names: Mapping[str, list[str]]) -> None:
    writer: pq.ParquetWriter | None = None
    for batch in rows.with_format("arrow").iter(batch_size=_BATCH_ROWS):
        table: pa.Table = batch.replace_schema_metadata(None)
        for column, words in names.items():
            at = table.schema.get_field_index(column)
            cells = [None if n in (None, _NO_ANSWER) else words[n] for n in table.column(at).to_pylist()]
            table = table.set_column(at, column, pa.array(cells, pa.string()))
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()
