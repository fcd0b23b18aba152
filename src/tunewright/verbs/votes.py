"""Files of blind votes, read and counted.

In: a run, files that the blind page made. Out: Result: who is preferred. Its own file because everything that can be
wrong with such a file (another run, other rows, one person twice) is told here, before anything is counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.core.errors import DataError, TunewrightError
from tunewright.core.run import Run
from tunewright.evaluate.votes import Counted, Votes, counted, rater_names
from tunewright.report.blind import CHOICES, VOTES_FORMAT
from tunewright.verbs.blind import Key, made, measured, read_keys

MARK = "tunewright_votes"
"""Key of a file of votes, and its format's number."""


@dataclass(frozen=True, slots=True)
class Ballot:
    """One file: one person's votes on one page."""

    path: Path
    run: str
    page: str
    rows: str
    answers: str
    ballot: str
    """Drawn by the browser: two files with the same one are of the same person."""
    rater: str
    votes: Mapping[str, str]
    """Pair -> left, right, tie or skip."""


@dataclass(frozen=True, slots=True)
class Result:
    """What the votes say of one run."""

    run: str
    page: str
    """The page's fingerprint."""
    systems: tuple[str, str]
    pairs: int
    """On the page."""
    equal: int
    """Rows that are not on it, because their two answers are the same."""
    is_current: bool
    """The run's answers are still those that people saw."""
    counted: Counted


def count_votes(run: Run, files: Sequence[Path]) -> Result:
    """Read the files and count their votes on one page of the run.

    Raises DataError for files that are no votes, of another run or page, of one person twice, or without a vote;
    RunError when no page was made for the run.
    """
    keys = {key.page: key for key in read_keys(run)}
    if not files:
        raise DataError(
            "no file of votes is named",
            where="--votes",
            why="a blind page makes one when its votes are downloaded",
            fix=f"tunewright compare {run.word} --votes votes-ann.json votes-ben.json",
        )
    ballots = [read_ballot(path) for path in files]
    for ballot in ballots:
        _refuse_other_page(ballot, keys=keys, run=run)
    key = keys[ballots[0].page]
    _refuse_mixed(ballots, keys=keys, run=run)
    _refuse_twice(ballots, run=run)
    names = rater_names([ballot.rater for ballot in ballots])
    votes = {name: _turned(ballot, key) for name, ballot in zip(names, ballots, strict=True)}
    if not any(sign is not None for of_one in votes.values() for sign in of_one.values()):
        raise DataError(
            "there is no vote to count",
            where=", ".join(str(path) for path in files),
            why="every prompt was skipped" if any(votes.values()) else "the page was downloaded before the first vote",
            fix="open the page, vote, and download the votes again",
        )
    found = counted(
        votes,
        systems=key.systems,
        groups={pair.row_id: pair.group for pair in key.pairs},
        rows=len(key.pairs),
        seed=key.seed,
    )
    is_current = _is_current(run, key)
    return Result(str(run.folder), key.page, key.systems, len(key.pairs), key.equal, is_current, found)


def read_ballot(path: Path) -> Ballot:
    """Raises DataError when the file is not there or is no file of votes."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = "it is not text" if isinstance(error, UnicodeDecodeError) else str(error.strerror or error).lower()
        raise _no_votes(path, why) from error
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _no_votes(path, "it is not JSON") from error
    if not isinstance(found, dict) or found.get(MARK) is None:
        raise _no_votes(path, f"it is JSON without the key {MARK}")
    if found[MARK] != VOTES_FORMAT:
        raise _no_votes(path, f"its format is {found[MARK]!r}, and this version reads {VOTES_FORMAT}")
    texts = {name: found.get(name) for name in ("run", "page", "rows", "answers", "ballot", "rater")}
    if wrong := [name for name, value in texts.items() if not isinstance(value, str)]:
        raise _no_votes(path, f"{wrong[0]} is missing, or no text")
    return Ballot(path, **{name: str(value) for name, value in texts.items()}, votes=_votes(path, found.get("votes")))


def _votes(path: Path, found: Any) -> dict[str, str]:
    if not isinstance(found, list):
        raise _no_votes(path, "votes is no list")
    for place, one in enumerate(found, start=1):
        is_vote = isinstance(one, dict) and isinstance(one.get("pair"), str)
        if not is_vote or one.get("vote") not in CHOICES:
            raise _no_votes(path, f"vote {place} is not a pair with one of {', '.join(CHOICES)}")
    pairs = Counter(one["pair"] for one in found)
    if twice := [pair for pair, n in pairs.items() if n > 1]:
        raise DataError(
            f"{len(twice):,} prompts have two votes of one person" if len(twice) > 1 else "a prompt has two votes",
            where=str(path),
            why=f"pair {twice[0]} stands in it {pairs[twice[0]]} times: the page writes each once",
            fix="download the votes from the page again",
        )
    return {one["pair"]: one["vote"] for one in found}


def _no_votes(path: Path, why: str) -> DataError:
    return DataError(
        "this is no file of votes", where=str(path), why=why, fix="download the votes from the blind page again"
    )


def _refuse_other_page(ballot: Ballot, *, keys: Mapping[str, Key], run: Run) -> None:
    key = keys.get(ballot.page)
    where, fix = str(ballot.path), f"tunewright compare {run.word} --blind base makes the page of this run"
    if key is None:
        is_same = any(key.rows == ballot.rows for key in keys.values())
        raise DataError(
            "these votes are about other answers to the same rows"
            if is_same
            else f"these votes are about other rows, of the run {ballot.run!r}",
            where=where,
            why=f"they were made on the page {ballot.page}, and {run.name} has {_pages(keys)}",
            fix=fix,
        )
    known = {pair.pair for pair in key.pairs}
    strange = [pair for pair in ballot.votes if pair not in known]
    if strange or (ballot.rows, ballot.answers) != (key.rows, key.answers):
        why = f"pair {strange[0]} is not on it" if strange else "its fingerprints of rows and answers are others"
        raise DataError(
            f"these votes do not fit the page {ballot.page} that they name",
            where=where,
            why=why,
            fix="download the votes from the page again; the file was changed",
        )


def _refuse_mixed(ballots: Sequence[Ballot], *, keys: Mapping[str, Key], run: Run) -> None:
    first = ballots[0]
    for other in ballots[1:]:
        if other.page != first.page:
            pages = {ballot.page: " against ".join(keys[ballot.page].systems) for ballot in (first, other)}
            raise DataError(
                "these votes are about two pages",
                where=f"{first.path}, {other.path}",
                why=", ".join(f"{page}: {systems}" for page, systems in pages.items()),
                fix=f"tunewright compare {run.word} --votes {first.path}",
            )


def _refuse_twice(ballots: Sequence[Ballot], *, run: Run) -> None:
    seen: dict[str, Path] = {}
    for ballot in ballots:
        if ballot.ballot in seen:
            raise DataError(
                "one person's votes are named twice",
                where=f"{seen[ballot.ballot]}, {ballot.path}",
                why=f"both are of the ballot {ballot.ballot}: it would count double",
                fix=f"name only the later one: tunewright compare {run.word} --votes {ballot.path}",
            )
        seen[ballot.ballot] = ballot.path


def _turned(ballot: Ballot, key: Key) -> Votes:
    """From sides to systems, by row."""
    subject = key.systems[0]
    signs = {"left": 1, "right": -1, "tie": 0, "skip": None}
    turned: dict[str, int | None] = {}
    for pair in key.pairs:
        if pair.pair in ballot.votes:
            sign = signs[ballot.votes[pair.pair]]
            turned[pair.row_id] = -sign if sign and pair.left != subject else sign
    return turned


def _is_current(run: Run, key: Key) -> bool:
    try:
        return made(measured(run), key.systems[1])[0].page == key.page
    except TunewrightError:  # measured anew without that rival, or not at all: what people saw is gone all the same
        return False


def _pages(keys: Mapping[str, Key]) -> str:
    return ", ".join(f"{page} ({' against '.join(key.systems)})" for page, key in keys.items())
