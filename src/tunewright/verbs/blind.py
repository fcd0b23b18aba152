"""A page on which people judge two systems' answers blind, and the key that says which side was whose.

In: a measured run, a rival. Out: blind/<rival>-<page>.html for people, .key.json beside it for whoever counts. Its own
file because sides and order are drawn here, and the key must never travel with the page.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import EvalError, PlanError, RunError
from tunewright.core.files import digest, write_json, write_text
from tunewright.core.run import Run, locked
from tunewright.report.blind import BlindPage, ShownPair, Turn, blind_html
from tunewright.report.read import RunFiles, read_run
from tunewright.text.private import masked
from tunewright.text.render import prompt_of
from tunewright.text.rows import read_rows

FOLDER = "blind"
"""In the run."""
HASH_CHARACTERS = 12
_WHY_NOT = {"text": "it writes no answers"}


@dataclass(frozen=True, slots=True)
class Pair:
    """What the key knows of a pair on the page."""

    pair: str
    row_id: str
    left: str
    """The system whose answer stands on the left."""
    group: str
    """Rows of one group are no independent evidence; empty: none."""


@dataclass(frozen=True, slots=True)
class Key:
    """Which side was whose: kept in the run, never on the page."""

    run: str
    page: str
    rows: str
    answers: str
    systems: tuple[str, str]
    """The subject, then its rival."""
    seed: int
    equal: int
    """Rows whose two answers a person cannot tell apart: left out."""
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A page that can be sent to people."""

    run: str
    page: str
    """Its path."""
    key: str
    """Path of what says which side was whose."""
    systems: tuple[str, str]
    pairs: int
    equal: int
    """Rows left out because their two answers are the same."""
    not_written: int
    """Rows left out because one of the two wrote nothing for them."""
    was_finished: bool
    """The same page was there already."""


@dataclass(frozen=True, slots=True)
class _Side:
    """The rows that both systems answered."""

    rows: dict[str, tuple[dict[str, Any], dict[str, Any]]]
    asked: list[list[str]]
    """Id, prompt and reference of every row that the subject answered: the rows, whatever the rival."""
    equal: int
    not_written: int


def write_page(run: Run, rival: str) -> Written:
    """Make the page of the run's subject against `rival`; the same rows and answers make the same page again.

    Raises RunError when the run is not measured, EvalError when nothing was written that people could judge, PlanError
    for a rival that wrote nothing.
    """
    key, page, not_written = made(measured(run), rival)
    path, key_path = _paths(run, key)
    was_finished = path.is_file() and key_path.is_file()
    if not was_finished:
        with locked(run):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(key_path, key)
            write_text(path, blind_html(page))
    return Written(
        run=str(run.folder),
        page=str(path),
        key=str(key_path),
        systems=key.systems,
        pairs=len(key.pairs),
        equal=key.equal,
        not_written=not_written,
        was_finished=was_finished,
    )


def measured(run: Run) -> RunFiles:
    """What the run left, where people can judge it.

    Raises RunError when it is not measured, EvalError when its task writes no answers.
    """
    found = read_run(run.folder)
    if not found.answers or not found.metrics:
        raise RunError(
            f"the run {run.name} is not measured yet",
            where=str(run.folder),
            fix=f"tunewright evaluate {run.folder / 'plan.yaml'}",
        )
    if found.task != "generate":
        raise EvalError(
            f"the run {run.name} has no answers that people could judge",
            where="compare --blind",
            why=f"its task is {found.task}: {_WHY_NOT.get(found.task, 'whether an answer is right is counted there')}",
            fix=f"tunewright report {run.word}",
        )
    return found


def read_keys(run: Run) -> tuple[Key, ...]:
    """Of every page that was made for the run.

    Raises RunError when there is none, or one is damaged.
    """
    paths = sorted((run.folder / FOLDER).glob("*.key.json"))
    if not paths:
        raise RunError(
            f"no blind page was made for the run {run.name}",
            where=str(run.folder / FOLDER),
            why="the key that says which side was whose is made with the page",
            fix=f"tunewright compare {run.word} --blind base",
        )
    return tuple(map(_read_key, paths))


def made(found: RunFiles, rival: str) -> tuple[Key, BlindPage, int]:
    """The key, the page, and how many rows one of the two wrote nothing for. Sides are balanced: each stands on the
    left as often as on the right, give or take one."""
    subject = found.subject
    rows = _answered(found, rival)
    prompts = _prompts(found)
    rows_digest = digest(rows.asked)
    answers = {row_id: [line["answer"] for line in pair] for row_id, pair in sorted(rows.rows.items())}
    salt = digest([found.seed, rows_digest, subject, rival, answers])  # from the page alone nobody can make it
    answers_digest = digest(["answers", salt])
    ids, lefts = _drawn(list(rows.rows), salt=salt)
    page = digest(["page", salt])[:HASH_CHARACTERS]
    pairs, shown = [], []
    for row_id, is_left in zip(ids, lefts, strict=True):
        own, other = rows.rows[row_id]
        name = digest([salt, row_id])[:HASH_CHARACTERS]
        pairs.append(Pair(name, row_id, subject if is_left else rival, str(own.get("group") or "")))
        left, right = (_answer(line) for line in ((own, other) if is_left else (other, own)))
        shown.append(
            ShownPair(name, prompts.get(row_id) or (Turn("", masked(str(own.get("text") or ""))),), left, right)
        )
    key = Key(found.name, page, rows_digest, answers_digest, (subject, rival), found.seed, rows.equal, tuple(pairs))
    return key, BlindPage(found.name, page, rows_digest, answers_digest, tuple(shown)), rows.not_written


def _drawn(row_ids: Sequence[str], *, salt: str) -> tuple[list[str], list[bool]]:
    """The rows in a drawn order, and for each whether the subject stands on the left."""
    random_ = random.Random(salt)
    ids = random_.sample(sorted(row_ids), len(row_ids))
    lefts = [i % 2 == 0 for i in range(len(ids))]
    random_.shuffle(lefts)
    return ids, lefts


def _answered(found: RunFiles, rival: str) -> _Side:
    by_system: dict[str, dict[str, dict[str, Any]]] = {}
    for line in found.answers:
        if line.get("is_stopped") is not None or line.get("answer"):
            by_system.setdefault(str(line["system"]), {})[str(line["row_id"])] = line
    rivals = [system for system in by_system if system != found.subject]
    if found.subject not in by_system or not rivals:
        raise EvalError(
            f"the run {found.name} has no two systems that wrote answers",
            where="compare --blind",
            why=f"{' and '.join(by_system) or 'nobody'} wrote some",
            fix="tunewright evaluate PLAN 'evaluate.systems=[tuned, base]'",
        )
    if rival not in rivals:
        raise PlanError(
            f"{rival or 'nobody'} wrote no answers in the run {found.name}",
            where="--blind",
            why=f"{', '.join(rivals)} did, beside {found.subject}",
            fix=f"tunewright compare {found.name} --blind {rivals[0]}",
        )
    own, other = by_system[found.subject], by_system[rival]
    both = {row_id: (line, other[row_id]) for row_id, line in own.items() if row_id in other}
    rows = {row_id: pair for row_id, pair in both.items() if not _look_the_same(*map(_answer, pair))}
    if not rows:
        raise EvalError(
            f"{found.subject} and {rival} wrote the same answer to each of {len(both):,} rows",
            where="compare --blind",
            why="a person cannot prefer one of two answers that are the same",
            fix="tunewright evaluate PLAN evaluate.limit=200",
        )
    asked = sorted([row_id, str(line.get("text")), str(line.get("reference"))] for row_id, line in own.items())
    return _Side(rows, asked, equal=len(both) - len(rows), not_written=len({*own, *other}) - len(both))


def _look_the_same(first: str, second: str) -> bool:
    """Only blanks around or between words differ."""
    return first.split() == second.split()


def _answer(line: Mapping[str, Any]) -> str:
    """As it is shown: private values are masked wherever a row is quoted."""
    return masked(str(line.get("answer") or "")).strip()


def _prompts(found: RunFiles) -> dict[str, tuple[Turn, ...]]:
    """Every turn before the answer, by row; empty where the prepared rows are gone: then the last turn is shown."""
    prepared = found.folder / "prepare"
    if not (prepared / "test.parquet").is_file():
        return {}
    rows = read_rows(prepared, "test")
    return {row.row_id: tuple(Turn(m.role, masked(m.content)) for m in prompt_of(row.messages)) for row in rows}


def _paths(run: Run, key: Key) -> tuple[Path, Path]:
    name = re.sub(r"[^\w.-]+", "-", key.systems[1]).strip("-.")[:40]
    stem = f"{name}-{key.page[:8]}"
    return run.folder / FOLDER / f"{stem}.html", run.folder / FOLDER / f"{stem}.key.json"


def _read_key(path: Path) -> Key:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        pairs = tuple(Pair(**pair) for pair in found["pairs"])
        return Key(**{**found, "systems": tuple(found["systems"]), "pairs": pairs})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path.name} is damaged",
            where=str(path),
            fix="move it away; the same page is made again by tunewright compare RUN --blind",
        ) from error
