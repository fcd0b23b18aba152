"""Which files a name in a plan means: a file, all files of a folder, or those that fit a pattern.

In: a name, the folder it starts from, the split it is named for. Out: Files by split: train.csv and test.csv in one
folder are two splits. Its own file because a test row that is trained on is an error that nobody sees.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePath
from shlex import quote
from urllib.parse import unquote

from tunewright.core.errors import DataError
from tunewright.core.planpath import data_place, is_pattern
from tunewright.core.values import SPLITS, Split
from tunewright.tables.roles import doubtful_word, split_said
from tunewright.tables.suffixes import DATA_SUFFIXES, data_suffix, unpacked_name
from tunewright.tables.words import few

_PARTITION = re.compile(r"([^=]+)=(.*)")
"""A folder that says a column and its value: lang=en. Source: Apache Hive's partitions, which Spark and Arrow write."""
_SPLIT_KEYS = ("split", "set", "subset")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
SAVED = ("dataset_dict.json", "state.json")
"""Says that Hugging Face's datasets has saved a folder: of several splits, of one. Source: its config.py."""
_ABOUT = (*SAVED, "dataset_info.json", "dataset_infos.json")
"""What it writes beside the rows."""
_MADE = {"run.json": "a run", "config.json": "a model", "adapter_config.json": "an adapter"}
"""Files that say what a folder is when it is no data."""
_LINES = (".txt",)
"""Notes and licences end so; they are rows only where no other file is."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files that names mean, as a plan writes them."""

    by_split: dict[Split, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    """What folders and patterns were found to hold, a sentence each."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a folder or a pattern holds: names as a plan writes them."""

    names: tuple[str, ...]
    others: tuple[str, ...] = field(default=())
    """Left out: no data files."""


def files_of(names: Sequence[str], *, folder: Path, role: Split, named: Mapping[Split, Sequence[str]]) -> Files:
    """The files that these names mean.

    named: what the plan names itself for every split: its own words win over those in file names.
    Raises DataError for a folder or a pattern that holds no data file.
    """
    made: dict[Split, dict[str, None]] = {}
    notes = []
    for name in names:
        if not is_several(folder / name):
            made.setdefault(role, {})[name] = None
            continue
        found = _found(name, folder=folder, role=role)
        mine = _not_named(
            found.names, below=folder / name, others=_elsewhere(named, role=role, folder=folder), folder=folder
        )
        by_split = {
            split: once(some, folder=folder)
            for split, some in _divided(mine, below=name, folder=folder, role=role).items()
        }
        _refuse_doubtful(by_split.get(role, ()), below=name, folder=folder, role=role)
        if not by_split.get(role):
            raise _nothing_left(name, found, folder=folder, role=role)
        used = {split: some for split, some in by_split.items() if split == role or split not in named}
        for split, some in used.items():
            made.setdefault(split, {}).update(dict.fromkeys(some))
        notes.append(_note(name, used, found, folder=folder))
    return Files({split: tuple(some) for split, some in made.items()}, tuple(notes))


def is_several(path: Path) -> bool:
    """It is a folder or a pattern, not a file: one that is called like a pattern is the file.

    >>> is_several(Path("tickets/*.csv")), is_several(Path("tickets.csv"))
    (True, False)
    """
    return path.is_dir() or is_pattern(path)


def split_named(name: str) -> Split | None:
    """The split that a file's name says, or else the folders above it; None: no word of one, or of several.

    >>> split_named("MTS-TrainingSet.csv"), split_named("split=test/part-0.parquet"), split_named("tickets.csv")
    ('train', 'test', None)
    """
    said = _splits_named(name)
    return next(iter(said)) if len(said) == 1 else None


def _splits_named(name: str) -> set[Split]:
    """All splits that the last part of a path names which names any."""
    for part in reversed(PurePath(name).parts):
        pair = _PARTITION.fullmatch(part)
        if pair and pair[1].lower() not in _SPLIT_KEYS:
            continue
        if said := split_said(unpacked_name(part)):
            return said
    return set()


def file_tags(names: Sequence[str]) -> tuple[str, ...]:
    """What tells rows of several files apart in their ids: the file's name; where names repeat the path below the
    folder that all are in, its position as well where one path stands twice.

    >>> file_tags(["data/new.csv", "data/old.csv"]), file_tags(["d/a/x.csv", "d/b/x.csv"]), file_tags(["x.csv"])
    (('new.csv', 'old.csv'), ('a/x.csv', 'b/x.csv'), ('',))
    """
    if len(names) == 1:
        return ("",)
    short = [Path(name).name for name in names]
    if len(set(short)) == len(names):
        return tuple(short)
    paths = [Path(name) for name in names]
    if len({path.is_absolute() for path in paths}) > 1:  # which have nothing in common
        paths = [path.absolute() for path in paths]
    shared = len(Path(os.path.commonpath([path.parent for path in paths])).parts)
    below = [PurePath(*path.parts[shared:]).as_posix() for path in paths]
    return tuple(f"{tag}@{i}" if below.count(tag) > 1 else tag for i, tag in enumerate(below, start=1))


def once(names: Iterable[str], *, folder: Path) -> tuple[str, ...]:
    """Each file by its shortest name: links and ./x.csv beside x.csv are other names of what would be read twice."""
    best: dict[Path, str] = {}
    for name in names:
        place = (folder / name).resolve()
        best[place] = min(best.get(place, name), name, key=lambda one: len(PurePath(one).parts))
    return tuple(best.values())


def partition_cells(path: Path) -> dict[str, str | None]:
    """The columns that the folders just above a file say, and their value; not which split they are.

    >>> partition_cells(Path("data/lang=en/topic=a%20b/part-0.parquet"))
    {'lang': 'en', 'topic': 'a b'}
    """
    cells: dict[str, str | None] = {}
    for part in reversed(path.parent.parts):
        pair = _PARTITION.fullmatch(part)
        if pair is None:
            break
        if pair[1].lower() not in _SPLIT_KEYS or split_named(part) is None:
            cells[unquote(pair[1])] = None if pair[2] == _NO_VALUE else unquote(pair[2])
    return dict(reversed(cells.items()))


def _elsewhere(named: Mapping[Split, Sequence[str]], *, role: Split, folder: Path) -> frozenset[Path]:
    """Files and folders that the plan names for other splits."""
    names = [name for split, some in named.items() if split != role for name in some]
    some = [_matches(name, folder=folder) if is_pattern(folder / name) else [name] for name in names]
    return frozenset((folder / name).resolve() for several in some for name in several)


def _not_named(names: Sequence[str], *, below: Path, others: frozenset[Path], folder: Path) -> tuple[str, ...]:
    """Without those that the plan names for another split, by their name or by a folder inside this one."""
    outside = {below.resolve(), *below.resolve().parents}
    inner = others - outside
    places = ((name, (folder / name).resolve()) for name in names) if inner else ()
    return tuple(name for name, place in places if not inner & {place, *place.parents}) if inner else tuple(names)


def _matches(name: str, *, folder: Path) -> list[str]:
    # Path.glob takes no pattern that starts from the root, and finds hidden files.
    return sorted(glob.glob(name, root_dir=folder, recursive=True))  # noqa: PTH207


def _found(name: str, *, folder: Path, role: Split) -> _Found:
    place = folder / name
    if place.is_dir():
        names = [PurePath(name, inner).as_posix() for inner in _files_in(place)]
        what = "there is no data file in this folder"
    else:
        matches = _matches(name, folder=folder)
        inner = (
            [m] if (folder / m).is_file() else (str(PurePath(m, i)) for i in _files_in(folder / m)) for m in matches
        )
        names = list(dict.fromkeys(PurePath(one).as_posix() for some in inner for one in some))
        what = "no file fits this pattern"
    found = _picked(names)
    if names and not found.names and not place.is_dir():
        return _Found(tuple(names))  # *.log: a pattern names them, whatever they are
    if not found.names:
        raise _nothing_in(what, place, role=role)
    return found


def _files_in(folder: Path) -> Iterator[str]:
    """Every file below, in order; hidden ones, _SUCCESS and the like, and folders of runs and models left out."""
    for here, folders, names in os.walk(folder):
        if any(name in _MADE for name in names):
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith((".", "_")))
        yield from (os.path.relpath(Path(here, name), folder) for name in sorted(names) if name[0] not in "._")


def _picked(names: Iterable[str]) -> _Found:
    names = list(names)
    data = [name for name in names if PurePath(name).name not in _ABOUT and data_suffix(name) in DATA_SUFFIXES]
    rows = dict.fromkeys([name for name in data if data_suffix(name) not in _LINES] or data)
    return _Found(tuple(rows), tuple(name for name in names if name not in rows))


def _divided(names: Sequence[str], *, below: str, folder: Path, role: Split) -> dict[Split, tuple[str, ...]]:
    """The files of the role, and where it is train those of other splits; empty when the names leave none for it."""
    said = {name: split_named(_inside(name, below=below, folder=folder)) for name in names}
    by_split: dict[Split | None, list[str]] = {}
    for name, split in said.items():
        by_split.setdefault(split, []).append(name)
    own = by_split.get(role) or by_split.get(None) or (list(names) if len(by_split) == 1 else [])
    others = [split for split in SPLITS if role == "train" and split != role and by_split.get(split) not in (None, own)]
    return {role: tuple(own), **{split: tuple(by_split[split]) for split in others}}


def _refuse_doubtful(names: Sequence[str], *, below: str, folder: Path, role: Split) -> None:
    """A file that may be for testing is not read for training because its name is spelled in a new way, or says two
    splits at once."""
    inside = {name: _inside(name, below=below, folder=folder) for name in names}
    reasons = {name: _doubt(inside[name]) for name in names}
    doubtful = [name for name, reason in reasons.items() if reason]
    if role != "train" or not doubtful or len(doubtful) == len(names):
        return
    first = doubtful[0]
    kept = ", ".join(name for name in names if name not in doubtful)
    raise DataError(
        f"is {inside[first]} for training or for testing?",
        where=f"{folder / first} (data.{role})",
        why=f"its name {reasons[first]}; rows that are trained on cannot be tested with",
        fix=f"rename it, or name the files: {quote(f'data.train=[{kept}]')} {quote(f'data.test={first}')}; to train on "
        "it too, name it in data.train",
    )


def _doubt(name: str) -> str:
    """What a file's name does that leaves its split open; empty when it is plain, or says nothing of one."""
    said = _splits_named(name)
    if len(said) > 1:
        return f"says {' and '.join(split for split in SPLITS if split in said)}"
    word = None if said else doubtful_word(name)
    return f"holds {word!r}" if word else ""


def _inside(name: str, *, below: str, folder: Path) -> str:
    """A file's name below the folder that was named, or that a pattern starts from."""
    start = data_place(Path(below))[0] if is_pattern(folder / below) else below
    return PurePath(os.path.relpath(name, start)).as_posix()


def _note(name: str, used: Mapping[Split, Sequence[str]], found: _Found, *, folder: Path) -> str:
    """What of a folder or pattern is used, in one line."""
    inside = partial(_inside, below=name, folder=folder)
    said = [f"{_n_files(some)} ({few([inside(one) for one in some])})" for some in used.values()]
    if len(used) > 1:
        said = [f"{split} {words}" for split, words in zip(used, said, strict=True)] + ["by their names"]
    kept = {one for some in used.values() for one in some}
    left = [inside(one) for one in (*found.names, *found.others) if one not in kept]
    return f"{name}: {', '.join(said)}" + (f"; left out: {few(left)}" if left else "")


def _n_files(names: Sequence[str]) -> str:
    return "1 file" if len(names) == 1 else f"{len(names):,} files"


def _nothing_in(what: str, place: Path, *, role: Split) -> DataError:
    near = place if place.is_dir() else next((parent for parent in place.parents if parent.is_dir()), Path())
    inside = [f"{path.name}/" if path.is_dir() else path.name for path in sorted(near.iterdir())]
    made = next((f"it is the folder of {_MADE[name]}" for name in inside if name in _MADE), "")
    why = made or f"{'it' if near == place else near} holds {few(inside, most=5) or 'nothing'}"
    kinds = ", ".join(DATA_SUFFIXES)
    fix = f"name a file or a folder with rows: data.{role}=FILE; kinds: {kinds}, also with .gz or .zst"
    return DataError(what, where=str(place), why=why, fix=fix)


def _nothing_left(name: str, found: _Found, *, folder: Path, role: Split) -> DataError:
    return DataError(
        f"no file is left for {role}",
        where=f"{folder / name} (data.{role})",
        why=f"by their names, or as the plan says, these are for something else: {few(found.names, most=5)}",
        fix=f"name the file itself: data.{role}={quote(found.names[0])}",
    )
