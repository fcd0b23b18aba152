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
        _refuse_local(name.path, word)
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
        except IndexError as error:  # of the library itself: nothing to put together
            fix = "save it again without its empty splits: del dataset['test']"
            why = "a split of it has no row"
            raise DataError("the saved data set cannot be read", where=str(saved), why=why, fix=fix) from error
        except (OSError, ValueError, KeyError, RuntimeError, pa.ArrowException) as error:
            fix = "save it again, or save it as Parquet: dataset.to_parquet('train.parquet')"
            raise DataError("the saved data set cannot be read", where=str(saved), why=str(error), fix=fix) from error
        _write(found, folder, library=library)
    return folder


def _refuse_local(path: str, word: str) -> None:
    """The library takes a folder of this name for the data set, and it would stay in the cache as the hub's."""
    if Path(path).exists():
        raise DataError(
            f"a folder here is called {path}, as the data set of the hub is",
            where=word,
            why="its library would read the folder instead",
            fix=f"to read the folder: data.train=./{quote(path)}; to read the hub: start in another folder",
        )


def _library(needed_for: str) -> Any:
    try:
        return importlib.import_module("datasets")  # an optional extra, and slow to load
    except ImportError as error:
        raise MissingExtra("datasets", extra="hub", needed_for=needed_for) from error


@contextmanager
def _fetching(word: str, library: Any) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError, library.exceptions.DatasetsError) as error:
        is_offline = isinstance(error, ConnectionError)
        name = hub_name(word).path
        is_script = "scripts are no longer supported" in str(error)
        as_parquet = " --revision refs/convert/parquet" if is_script else ""
        by_hand = f"hf download {quote(name)} --repo-type dataset{as_parquet} --local-dir data"
        raise DataError(
            "the hub cannot be reached" if is_offline else "the data set cannot be had from the hub",
            where=word,
            why=str(error).splitlines()[0] if str(error) else type(error).__name__,
            fix=f"take the hub's own Parquet copy: {by_hand}; then name the folder: data.train=data"
            if is_script
            else f"where there is a network: {by_hand}; then name the folder: data.train=data"
            if is_offline
            else f"look at https://huggingface.co/datasets/{name}; a configuration is named so: {HUB}{name}/CONFIG",
        ) from error


def _write(found: Any, folder: Path, *, library: Any) -> None:
    """One Parquet file a split, all or nothing; a file that names no split is for training."""
    splits: Mapping[str, Any] = found if isinstance(found, Mapping) else {str(found.split or "train"): found}
    with write_atomically(folder) as work:
        work.mkdir()
        for split, rows in splits.items():
            _write_split(rows, work / f"{split.replace(os.sep, '-')}.parquet", library=library)


def _write_split(rows: Any, path: Path, *, library: Any) -> None:
    writer: pq.ParquetWriter | None = None
    for batch in rows.with_format("arrow").iter(batch_size=_BATCH_ROWS):
        table: pa.Table = batch.replace_schema_metadata(None)
        for column, feature in rows.features.items():
            at = table.schema.get_field_index(column)
            before = table.schema.field(at).type
            after = _named_type(before, feature, library=library)
            if after != before:
                cells = [_named(cell, feature, library=library) for cell in table.column(at).to_pylist()]
                table = table.set_column(at, column, pa.array(cells, after))
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def _named_type(before: pa.DataType, feature: Any, *, library: Any) -> pa.DataType:
    """What a column's cells are once labels are words; the same where it holds none."""
    if isinstance(feature, library.ClassLabel):
        return pa.string()
    if isinstance(feature, (library.List, library.LargeList)):
        return pa.list_(_named_type(before.value_type, feature.feature, library=library))
    if isinstance(feature, dict):
        return pa.struct([(f.name, _named_type(f.type, feature[f.name], library=library)) for f in before])
    return before


def _named(cell: Any, feature: Any, *, library: Any) -> Any:
    """A cell with words for its labels, however deep they stand."""
    if cell is None or isinstance(feature, library.ClassLabel):
        return None if cell in (None, _NO_ANSWER) else feature.names[cell]
    if isinstance(feature, (library.List, library.LargeList)):
        return [_named(one, feature.feature, library=library) for one in cell]
    if isinstance(feature, dict):
        return {key: _named(one, feature[key], library=library) for key, one in cell.items()}
    return cell
