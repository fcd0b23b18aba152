"""`tunewright why`: which words of a text carried its answer, checked against random words.

In: a run and a text. Out: the answer, the text with its words shaded on a terminal, the words that weigh most, one
sentence on whether to believe it. Its own file because one file a verb.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from tunewright.cli.console import Console, is_terminal, open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.words import number, one_line, table
from tunewright.core.errors import PlanError
from tunewright.core.run import MANIFEST, find_run

if TYPE_CHECKING:
    from tunewright.explain.explanation import Explanation, Weighed
    from tunewright.verbs.why import Why

Words = Annotated[
    list[str],
    typer.Argument(metavar='[RUN] "TEXT"', help="The run (left out: the newest) and the text, in quotes."),
]
LISTED = 6
"""Words that are listed with their numbers."""
LEAST_NATS = 0.0005
"""Below this a weight is printed as .000: such a word is not listed."""
FOR = ("", "black on #c5d5f6", "black on #94b1ee", "white on #3a68cf", "white on #1f4bb4")
AGAINST = ("", "black on #f5cfc6", "black on #eba697", "white on #b8412c", "white on #96291a")
"""Shades from faint to deep, each with ink that stays readable on it; the report's own."""
GREY = "dim"
"""Of what a person should not read anything into."""


def why(words: Words, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR) -> int:
    """Show which words of a text carried the model's answer: what it loses when each word is left out."""
    from tunewright.verbs.why import why as reasons  # torch takes seconds: --help does not wait

    with open_console(wants_json=json, is_quiet=quiet) as console:
        if len(words) > 2:
            raise PlanError(
                f"why takes a run and a text, not {len(words)} words",
                where="command line",
                why="a text of several words stands in quotes",
                fix='tunewright why tickets "I never got my parcel"',
            )
        if len(words) == 1 and _is_run(words[0], runs_dir=runs_dir):
            raise PlanError(
                f"{words[0]} is a run; the text to explain is missing",
                where="command line",
                why="of one word alone it cannot be told whether it is the text; a blank behind it makes it one",
                fix=f'tunewright why {quote(words[0])} "a text of yours"',
            )
        found = reasons(find_run(words[0] if len(words) == 2 else None, runs_dir=runs_dir), words[-1])
        if not json:
            show(found, console=console)
        console.answer(found)
    return 0


def _is_run(word: str, *, runs_dir: Path) -> bool:
    places = (runs_dir / word / MANIFEST, Path(word) / MANIFEST) if word.strip() else ()
    return any(os.path.isfile(place) for place in places)  # noqa: PTH113  (Path raises where a text is too long for a name)


def heaviest(pieces: Sequence[Weighed]) -> tuple[Weighed, ...]:
    """The pieces that did most for or against the answer, the heaviest first; none that would read as .000."""
    heavy = [piece for piece in pieces if abs(piece.importance_nats) >= LEAST_NATS]
    return tuple(sorted(heavy, key=lambda piece: -abs(piece.importance_nats))[:LISTED])


def show(found: Why, *, console: Console) -> None:
    """The answer, the shaded text where somebody watches, the heaviest words, what to think of it."""
    explanation = found.explanation
    of = "probability" if found.task == "classify" else "mean probability of a token"
    answer = one_line(explanation.answer, width=400) or "(an empty answer)"
    console.result(f"{answer}  ({of} {number(explanation.probability)}; run {Path(found.run).name})", style="bold")
    if explanation.words_a_piece > 1:
        console.note(f"a long text: up to {explanation.words_a_piece} neighbouring words are left out together")
    style = "" if explanation.is_better_than_random else GREY
    if is_terminal(console.people):
        console.result("")
        _print_shaded(explanation, console=console)
    listed = heaviest(explanation.pieces)
    rows = [("word", "nats"), *((one_line(piece.text, width=50), number(piece.importance_nats)) for piece in listed)]
    if listed:
        console.result("\nwhat the answer's log-probability loses without a word (below 0: spoke against)")
        console.result(table(rows, indent="  "), style=style)
        if n_more := len(explanation.pieces) - len(listed):
            console.result(f"  and {n_more} more with less weight", style=style)
    elif len(explanation.pieces) > 1:
        console.result("\nno single word changes the answer's probability")
    console.result(f"\n{explanation.sentence}", style=style)


def _print_shaded(explanation: Explanation, *, console: Console) -> None:
    from rich.console import Console as Terminal  # 40 ms that plain output need not pay
    from rich.text import Text

    deepest = max((abs(piece.importance_nats) for piece in explanation.pieces), default=0.0)
    text = Text(style="" if explanation.is_better_than_random else GREY)
    for piece in explanation.pieces:
        word = piece.text.rstrip()
        text.append(word, style=_shade(piece.importance_nats, deepest=deepest) if not text.style else None)
        text.append(piece.text[len(word) :])
    Terminal(file=console.people, highlight=False).print(text)


def _shade(importance_nats: float, *, deepest: float) -> str:
    """A quarter of the deepest weight to each step; what is under an eighth of it stays plain."""
    if not deepest > 0:  # nan too: a text of one word has no weights
        return ""
    step = round((len(FOR) - 1) * abs(importance_nats) / deepest)
    return (FOR if importance_nats > 0 else AGAINST)[step]
