"""What the page says about single answers: which words carried them, grey where random words do as well.

In: explanations.json as values. Out: a frozen view; None when nothing was explained. Its own file because a shaded text
convinces whether it is right or not: what may be shaded is decided here, by the check that came with it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.report import numbers
from tunewright.report.examples import clipped
from tunewright.report.read import Record, RunFiles, as_list, as_record
from tunewright.text.private import private_in

SHOWN = 6
"""Explained rows on the page; all stand in explanations.json."""
SHOWN_CHARACTERS = 1200
"""Of one text."""
LISTED = 3
"""Words whose weight is written out."""
LEAST_NATS = 0.0005
"""What would read as .000 is not written out."""
_LEVELS = 4
"""Steps of colour: a quarter of the text's largest weight each."""


@dataclass(frozen=True, slots=True)
class Shaded:
    """A piece of the text."""

    word: str
    gap: str
    """The blanks behind it; a new turn of a conversation starts behind a blank line."""
    kind: str
    """Class of style.css: for-1 ... for-4, against-1 ...; empty: plain."""
    note: str
    """Its weight."""


@dataclass(frozen=True, slots=True)
class Explained:
    """One row."""

    row_id: str
    pieces: tuple[Shaded, ...]
    more: int
    """Characters left out."""
    answer: str
    answer_more: int
    kind: str
    """right, wrong or plain."""
    probability: str
    reference: str
    reference_more: int
    is_better_than_random: bool
    sentence: str
    listed: str
    """The heaviest words with their weights."""
    words_a_piece: int


@dataclass(frozen=True, slots=True)
class Explanations:
    """The section."""

    sentence: str
    facts: tuple[tuple[str, str, str], ...]
    """What, value, note."""
    rows: tuple[Explained, ...]
    how_chosen: str
    signature: str


def explanations_of(run: RunFiles) -> Explanations | None:
    """None when explain did not run."""
    found = run.explanations
    rows = [as_record(row) for row in as_list(found.get("rows"))]
    if not rows:
        return None
    shown = tuple(_explained(row, task=run.task) for row in rows[:SHOWN])
    return Explanations(
        sentence=_capital(str(as_record(found.get("summary")).get("sentence") or "")),
        facts=_facts(as_record(found.get("summary"))),
        rows=shown,
        how_chosen=f"The first {len(shown)} of {len(rows):,} rows that were drawn by seed {run.seed} from "
        f"{numbers.count_text(found.get('rows_in_test'))} test rows; all stand in explain/explanations.json.",
        signature=str(found.get("signature") or ""),
    )


def _facts(summary: Record) -> tuple[tuple[str, str, str], ...]:
    low, high = numbers.interval(summary.get("ci95"))
    between = f"95 % interval {_share(low)} – {_share(high)}, " if numbers.is_known(low) else ""
    p = f"p {numbers.p_text(summary.get('p_value'))}" if numbers.is_known(summary.get("p_value")) else "not tested"
    return (
        ("Probability lost", _share(summary.get("comprehensiveness")), "without the words found here"),
        ("Lost by chance", _share(summary.get("random")), "without as many random words"),
        ("Difference", _share(summary.get("difference")), between + p),
        (
            "Better than random",
            numbers.percent_text(summary.get("share_better_than_random")),
            "of the rows that could be checked; the others are grey",
        ),
    )


def _explained(row: Record, *, task: str) -> Explained:
    is_better = row.get("is_better_than_random") is True
    pieces = _masked([as_record(piece) for piece in as_list(row.get("pieces"))])
    shaded, more = _shaded(pieces, is_better=is_better)
    answer, answer_more = clipped(row.get("answer"))
    reference, reference_more = clipped(row.get("reference"))
    is_right = "right" if row.get("answer") == row.get("reference") else "wrong"
    return Explained(
        row_id=str(row.get("row_id") or ""),
        pieces=shaded,
        more=more,
        answer=answer,
        answer_more=answer_more,
        kind=is_right if task == "classify" else "plain",
        probability=numbers.percent_text(row.get("probability")) + ("" if task == "classify" else " a token"),
        reference=reference,
        reference_more=reference_more,
        is_better_than_random=is_better,
        sentence=_capital(str(row.get("sentence") or "")),
        listed=_listed(pieces) if is_better else "",
        words_a_piece=int(row.get("words_a_piece") or 1),
    )


def _masked(pieces: list[Record]) -> list[Record]:
    """Private values, which several pieces may share, stand as their kind in the first of them."""
    out, at = [], 0
    found = private_in("".join(str(piece.get("text") or "") for piece in pieces))
    for piece in pieces:
        text = str(piece.get("text") or "")
        shown = ""
        for i, character in enumerate(text, at):
            one = next((one for one in found if one.start <= i < one.end), None)
            shown += character if one is None else f"[{one.kind}]" if i == one.start else ""
        out.append({**piece, "text": shown})
        at += len(text)
    return out


def _shaded(pieces: list[Record], *, is_better: bool) -> tuple[tuple[Shaded, ...], int]:
    """The pieces that fit the page, and how many characters the others have."""
    deepest = max((abs(_nats(piece)) for piece in pieces if numbers.is_known(_nats(piece))), default=0.0)
    out: list[Shaded] = []
    n_shown, total = 0, sum(len(str(piece.get("text") or "")) for piece in pieces)
    for piece, following in zip(pieces, [*pieces[1:], {}], strict=True):
        text = str(piece.get("text") or "")
        word = text.rstrip()
        gap = "\n\n" if following and following.get("turn") != piece.get("turn") else text[len(word) :]
        level = round(_LEVELS * abs(_nats(piece)) / deepest) if deepest and numbers.is_known(_nats(piece)) else 0
        kind = f"{'for' if _nats(piece) > 0 else 'against'}-{level}" if level and is_better else ""
        out.append(Shaded(word, gap, kind, f"{_weight(_nats(piece))} nats" if kind else ""))
        n_shown += len(text)
        if n_shown > SHOWN_CHARACTERS:
            break
    return tuple(out), total - n_shown


def _listed(pieces: list[Record]) -> str:
    heavy = [piece for piece in pieces if numbers.is_known(_nats(piece)) and abs(_nats(piece)) >= LEAST_NATS]
    heavy.sort(key=lambda piece: -abs(_nats(piece)))
    return ", ".join(f"{_short(piece)}\N{NO-BREAK SPACE}{_weight(_nats(piece))}" for piece in heavy[:LISTED])


def _short(piece: Record) -> str:
    text = " ".join(str(piece.get("text") or "").split())
    text = text.rstrip(".,;:?!") or text
    return text if len(text) <= 40 else text[:39] + "…"


def _nats(piece: Record) -> float:
    return numbers.number(piece.get("importance_nats"))


def _weight(nats: float) -> str:
    sign = "+" if nats > 0 else numbers.MINUS
    return f"{sign}{abs(nats):.2f}" if abs(nats) >= 0.1 else f"{sign}{abs(nats):.3f}"


def _share(value: object) -> str:
    """A probability, and differences of them."""
    known = numbers.number(value)
    return f"{known:.2f}".replace("-", numbers.MINUS) if numbers.is_known(known) else numbers.NOT_MEASURED


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
