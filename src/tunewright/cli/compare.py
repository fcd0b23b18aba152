"""`tunewright compare`: which of several runs is better on the same test rows, or which of two answers people prefer.

In: two runs or more, or one run whose answers people judge. Out: a sentence and a table for each pair, what else
differs. Its own file because one file a verb.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from typing import Annotated

import typer

from tunewright.cli.blind import blind as write_blind
from tunewright.cli.blind import votes as count
from tunewright.cli.console import open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.outcome import VERDICT_STYLES
from tunewright.cli.show import shown_value
from tunewright.cli.words import duration, interval, number, one_line, size, table
from tunewright.core.run import find_run
from tunewright.evaluate.statistics.between import Corrected
from tunewright.evaluate.verdict import WORN_TEST_USES
from tunewright.report.words import metric_name
from tunewright.verbs.compare import Compared, Side
from tunewright.verbs.compare import compare as compared

WIDTH = 80
NAME_WIDTH = 28
"""Of a run's name in a table."""

Runs = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN RUN [RUN ...]",
        help="Names or folders of runs that are measured; with --blind one run, with --votes a run and files.",
    ),
]
Blind = Annotated[
    str | None,
    typer.Option(
        "--blind",
        metavar="SYSTEM",
        help="Write a page on which people judge one run's answers beside those of base or another rival, "
        "not knowing which is which.",
    ),
]
Votes = Annotated[bool, typer.Option("--votes", help="Count votes of a blind page: RUN --votes FILE [FILE ...].")]


def compare(
    runs: Runs,
    blind: Blind = None,
    votes: Votes = False,
    json: Json = False,
    quiet: Quiet = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> int:
    """Compare runs on the test rows that they share: every pair by every metric, corrected for looking often. Or let
    people judge a run's answers blind, and count their votes."""
    with open_console(wants_json=json, is_quiet=quiet) as console:
        if votes or blind is not None:
            if votes:
                count(console, runs, runs_dir=runs_dir)
            else:
                write_blind(console, runs, blind or "", runs_dir=runs_dir)
            return 0
        found = compared([find_run(word, runs_dir=runs_dir) for word in runs])
        if not json:
            for one in _primary(found):
                console.result(sentence(one, found), style=VERDICT_STYLES.get(one.verdict, "bold"))
            console.result("")
            for line in compared_lines(found):
                console.result(line)
        console.answer(found)
    return 0


def sentence(one: Corrected, found: Compared) -> str:
    """What the primary metric says of one pair."""
    c = one.comparison
    name = metric_name(c.metric)
    if not math.isfinite(c.difference):
        return _filled(f"{c.a} and {c.b} are not compared by {name}: {c.test}")
    values = {side.run: number(side.metrics[c.metric].value) for side in found.sides}
    claim = {
        "better": f"{c.a} is better than {c.b}",
        "worse": f"{c.b} is better than {c.a}",
        "not distinguishable": f"{c.a} and {c.b} are not distinguishable",
    }[one.verdict]
    return _filled(f"{claim}: {name} {values[c.a]} and {values[c.b]} on {found.rows:,} shared test rows.")


def compared_lines(found: Compared) -> Iterator[str]:
    """The runs, then every pair, then what else differs, then what limits all this."""
    yield table([("run", metric_name(found.primary_metric), "95 % interval", "training", "memory"), *_runs(found)])
    for a, b in dict.fromkeys((one.comparison.a, one.comparison.b) for one in found.comparisons):
        yield f"\n{one_line(a, width=NAME_WIDTH)} minus {one_line(b, width=NAME_WIDTH)}"
        pair = [one for one in found.comparisons if (one.comparison.a, one.comparison.b) == (a, b)]
        yield table(list(map(_comparison, pair)), indent="  ")
    yield from (_filled(f"{metric_name(name)}: not compared, {why}") for name, why in found.not_compared.items())
    if found.differences:
        yield f"\nwhat differs, in the order {', '.join(one_line(s.run, width=NAME_WIDTH) for s in found.sides)}"
        column = max(len(difference.field) for difference in found.differences)
        for difference in found.differences:
            words = " | ".join(one_line(shown_value(value), width=60) for value in difference.values)
            yield _filled(words, start=f"  {difference.field:<{column}}  ")
    yield ""
    yield from map(_filled, _limits(found))


def _primary(found: Compared) -> list[Corrected]:
    return [one for one in found.comparisons if one.comparison.metric == found.primary_metric]


def _runs(found: Compared) -> list[tuple[str, ...]]:
    return [_run(side, found.primary_metric) for side in found.sides]


def _run(side: Side, metric: str) -> tuple[str, ...]:
    value = side.metrics[metric]
    seconds, memory = side.train_seconds, side.peak_memory_bytes
    return (
        one_line(side.run, width=NAME_WIDTH),
        number(value.value),
        interval(value.ci95),
        "none" if seconds is None else duration(seconds),
        "–" if memory is None else size(memory),
    )


def _comparison(one: Corrected) -> tuple[str, ...]:
    c = one.comparison
    name = metric_name(c.metric)
    if not math.isfinite(c.difference):
        return name, "–", "", "", "not compared"
    sign = "" if c.difference < 0 else "+"
    p = "p < .001" if one.p_holm < 0.001 else f"p {number(one.p_holm)}"
    return name, f"{sign}{number(c.difference)}", interval(c.ci95), p, one.verdict


def _limits(found: Compared) -> Iterator[str]:
    n = sum(math.isfinite(one.p_holm) for one in found.comparisons)
    yield f"p is corrected for {n} comparisons (Holm 1979): tunewright help holm. Each interval stands for itself."
    cut = [f"{side.left_out:,} of {side.rows:,} rows of {side.run}" for side in found.sides if side.left_out]
    if cut:
        yield f"Left out, because not every run has them: {', '.join(cut)}."
    uses = max(side.test_set_uses for side in found.sides)
    if uses >= WORN_TEST_USES:
        yield (
            f"A test set of these runs has been scored {uses} times from its runs folder: the winner of many looks "
            "is partly luck. Prove it on new rows."
        )


def _filled(text: str, *, start: str = "") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
