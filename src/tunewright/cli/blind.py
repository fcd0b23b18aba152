"""What `tunewright compare RUN --blind` and `--votes` say to people.

In: a page that was written, or votes that were counted. Out: lines. Its own file because `compare` itself speaks of
several runs.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from tunewright.cli.console import Console
from tunewright.cli.outcome import VERDICT_STYLES, shown_path
from tunewright.cli.words import one_line, table
from tunewright.core.errors import PlanError
from tunewright.core.run import find_run
from tunewright.report.words import system_name
from tunewright.verbs.blind import Written, write_page
from tunewright.verbs.votes import Result, count_votes

NAME_WIDTH = 24
"""Of a rater's or a system's name in the table."""


def blind(console: Console, words: Sequence[str], rival: str, *, runs_dir: Path) -> None:
    """Write the page and say what to do with it."""
    if len(words) != 1:
        raise PlanError(
            "--blind takes one run",
            where="command line",
            why="the page shows a run's own answers beside those of a rival that it has measured",
            fix=f"tunewright compare {shlex.quote(words[0])} --blind base",
        )
    found = write_page(find_run(words[0], runs_dir=runs_dir), rival)
    console.result(f"{'there already' if found.was_finished else 'written'}  {shown_path(Path(found.page))}")
    for line in page_lines(found):
        console.paragraph(line)
    console.result(f"next     send the page, then: tunewright compare {shlex.quote(words[0])} --votes votes-*.json")
    console.answer(found)


def votes(console: Console, words: Sequence[str], *, runs_dir: Path) -> None:
    """Count the votes and say what they prove."""
    found = count_votes(find_run(words[0], runs_dir=runs_dir), [Path(word) for word in words[1:]])
    console.paragraph(found.counted.sentence, style=VERDICT_STYLES.get(found.counted.preference.verdict, "bold"))
    console.result(f"\n{raters_table(found)}\n")
    for line in votes_lines(found):
        console.paragraph(line)
    console.answer(found)


def page_lines(found: Written) -> Iterator[str]:
    """What is on the page, and what is not."""
    names = " and ".join(f"“{system_name(system)}”" for system in found.systems)
    yield f"{found.pairs:,} prompts, {names} side by side; the page does not say which is which."
    if found.equal:
        yield f"Left out, because their two answers are the same: {found.equal:,} rows."
    if found.not_written:
        yield f"Left out, because one of the two wrote nothing: {found.not_written:,} rows."
    yield f"Keep {shown_path(Path(found.key))} to yourself: it says whose each side was."


def raters_table(found: Result) -> str:
    names = [one_line(system_name(system), width=NAME_WIDTH) for system in found.systems]
    lines = [
        (one_line(one.name, width=NAME_WIDTH), *(f"{n:,}" for n in (one.wins, one.losses, one.ties, one.skipped)))
        for one in found.counted.raters
    ]
    return table([("rater", *names, "ties", "skipped"), *lines])


def votes_lines(found: Result) -> Iterator[str]:
    """How it was counted, and what limits the claim."""
    yield from found.counted.details
    if found.equal:
        yield f"{found.equal:,} more rows are not on the page, because their two answers are the same."
    if not found.is_current:
        yield "The run has been measured anew since: these votes are about the answers that people saw then."
