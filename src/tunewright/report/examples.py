"""Rows a person can read: what tuning fixed and what it broke, drawn without picking.

In: predictions.parquet as values, a seed. Out: groups of examples, each saying how its rows were chosen. Its own file
because the choice of examples is where reports flatter: here it is a rule.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.core.scale import number_of
from tunewright.core.systems import TUNED, outside_name
from tunewright.core.tasks import LABELLED
from tunewright.report import numbers, words
from tunewright.report.read import Record, RunFiles
from tunewright.text.private import KEY_CHARACTERS, masked

SHOWN = 5
"""Examples of a group."""
SHOWN_CHARACTERS = 700
"""Of one text; the whole stands in predictions.parquet."""

BASE = "base"
_RIVALS = (BASE, "linear_probe", "tfidf", "majority")


@dataclass(frozen=True, slots=True)
class Answer:
    system: str
    text: str
    more: int
    """Characters left out."""
    kind: str
    """Class of style.css: right, wrong or plain."""
    note: str


@dataclass(frozen=True, slots=True)
class Example:
    row_id: str
    text: str
    more: int
    reference: str
    reference_more: int
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Examples of one kind, and how many there are in all."""

    title: str
    how: str
    examples: tuple[Example, ...]


_RIGHT_OR_WRONG: dict[bool | None, str] = {True: "right", False: "wrong"}

Row = dict[str, Record]
"""One test row: system -> line of predictions.parquet. The model that the verdict is about stands under TUNED."""


def answered_rows(run: RunFiles) -> tuple[list[Row], str]:
    """The test rows that the subject answered, in the file's order, and the rival that they are held against."""
    rows: dict[str, Row] = {}
    for line in run.answers:
        system = TUNED if line.get("system") == run.subject else str(line.get("system"))
        rows.setdefault(str(line.get("row_id")), {})[system] = line
    rival = next((s for s in _RIVALS if any(s in row for row in rows.values())), "")
    return [row for row in rows.values() if TUNED in row], rival


def examples_of(run: RunFiles) -> tuple[Group, ...]:
    """Empty when there are no predictions or the task has none to show."""
    tuned, rival = answered_rows(run)
    if not tuned:
        return ()
    if run.task == "regress":
        return _numbered(tuned, rival=rival, seed=run.seed)
    if run.task in LABELLED:
        return _classified(tuned, rival=rival, seed=run.seed)
    return _generated(tuned, rival=rival, seed=run.seed) if run.task == "generate" else ()


def drawn(rows: Sequence[Row], *, seed: int, n: int = SHOWN) -> list[Row]:
    """The first n rows in the order of a seeded hash of their ids: anybody can draw the same ones again."""

    def key(row: Row) -> bytes:
        row_id = str(row[TUNED].get("row_id"))
        return hashlib.blake2b(f"{seed}:{row_id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()

    return sorted(rows, key=key)[:n]


def _classified(rows: Sequence[Row], *, rival: str, seed: int) -> tuple[Group, ...]:
    name, ours = words.system_name(rival), outside_name(str(rows[0][TUNED].get("system")))
    if not rival:
        wrong = [row for row in rows if is_right(row, TUNED) is False]
        return (
            (_group(f"{words.system_name(str(rows[0][TUNED].get('system')))} wrong", wrong, shown=(TUNED,), seed=seed),)
            if wrong
            else ()
        )
    fixed = [row for row in rows if is_right(row, TUNED) is True and is_right(row, rival) is False]
    broken = [row for row in rows if is_right(row, TUNED) is False and is_right(row, rival) is True]
    both = [row for row in rows if is_right(row, TUNED) is False and is_right(row, rival) is False]
    groups = (
        _group(f"Fixed: {ours} right, “{name}” wrong", fixed, shown=(TUNED, rival), seed=seed),
        _group(f"Broken: {ours} wrong, “{name}” right", broken, shown=(TUNED, rival), seed=seed),
        _group("Still wrong: both wrong", both, shown=(TUNED, rival), seed=seed),
    )
    return tuple(group for group in groups if group.examples) or groups[:1]


def _generated(rows: Sequence[Row], *, rival: str, seed: int) -> tuple[Group, ...]:
    """Drawn rows, then the ends of the scale, so that the worst is shown like the best."""
    written = [row for row in rows if row[TUNED].get("is_stopped") is not None or row[TUNED].get("answer")]
    if not written:
        return ()
    shown = (TUNED, rival) if rival else (TUNED,)
    groups = [_group("Drawn by chance", written, shown=shown, seed=seed, n=4)]
    gains = [(gain, row) for row in written if math.isfinite(gain := gain_bits(row, rival))]
    if len(gains) >= 4:
        gains.sort(key=lambda pair: pair[0])
        ours, theirs = outside_name(str(gains[0][1][TUNED].get("system"))), words.system_name(rival)
        rule = f"By bits per byte of the reference, {ours} against “{theirs}”, of {len(gains):,} rows."
        worst, best = [row for _, row in gains[:2]], [row for _, row in gains[:-3:-1]]
        groups.append(Group("Largest improvement", rule, tuple(_example(row, shown) for row in best)))
        groups.append(
            Group("Largest worsening, or smallest improvement", rule, tuple(_example(row, shown) for row in worst))
        )
    return tuple(groups)


def _numbered(rows: Sequence[Row], *, rival: str, seed: int) -> tuple[Group, ...]:
    """Drawn rows, then the largest errors."""
    shown = (TUNED, rival) if rival else (TUNED,)
    off = [(error, row) for row in rows if math.isfinite(error := _error(row))]
    if not off:
        return ()
    off.sort(key=lambda pair: -pair[0])
    rule = f"By the distance between the number and the answer, of {len(off):,} rows."
    return (
        _group("Drawn by chance", [row for _, row in off], shown=shown, seed=seed, n=4),
        Group("Largest errors", rule, tuple(_example(row, shown) for _, row in off[:SHOWN])),
    )


def _error(row: Row) -> float:
    number, answer = (number_of(str(row[TUNED].get(name) or "")) for name in ("reference", "answer"))
    return math.nan if number is None or answer is None else abs(answer - number)


def _group(title: str, rows: Sequence[Row], *, shown: tuple[str, ...], seed: int, n: int = SHOWN) -> Group:
    chosen = drawn(rows, seed=seed, n=n)
    how = f"{len(chosen)} of {len(rows):,} rows, drawn by a seeded hash of the row id (seed {seed})."
    return Group(title, how if rows else "No row is of this kind.", tuple(_example(row, shown) for row in chosen))


def _example(row: Row, shown: tuple[str, ...]) -> Example:
    line = row[TUNED]
    text, more = clipped(line.get("text"))
    reference, reference_more = clipped(line.get("reference"))
    answers = tuple(_answer(row[system], system) for system in shown if system in row)
    return Example(str(line.get("row_id")), text, more, reference, reference_more, answers)


def _answer(line: Record, system: str) -> Answer:
    text, more = clipped(line.get("answer"))
    is_written = (
        numbers.number(line.get("reference_bytes")) > 0
    )  # an answer in words is seldom the reference to the letter
    kind = "plain" if is_written else _RIGHT_OR_WRONG.get(is_right({system: line}, system), "plain")
    notes = ["equals the reference"] if is_written and line.get("is_correct") is True else []
    if numbers.is_known(line.get("probability")):
        notes.append(f"probability {numbers.percent_text(line['probability'])}")
    bits = _bits(line)
    if math.isfinite(bits):
        notes.append(f"{bits:.3f} bits per byte of the reference")
    if line.get("is_stopped") is False:
        notes.append("cut at the length cap")
    return Answer(words.system_name(str(line.get("system"))), text, more, kind, ", ".join(notes))


def clipped(value: object) -> tuple[str, int]:
    """The beginning of a text with private values masked, and how many characters were left out.

    Every text of a row or an answer comes to the page through here. Masked before it is cut: no half of a value stays.
    """
    text = "" if value is None else str(value)
    shown = masked(text[: SHOWN_CHARACTERS + KEY_CHARACTERS])
    return shown[:SHOWN_CHARACTERS], max(0, len(text) - SHOWN_CHARACTERS)


def is_right(row: Row, system: str) -> bool | None:
    """None: that cannot be said."""
    value = row.get(system, {}).get("is_correct")
    return value if isinstance(value, bool) else None


def gain_bits(row: Row, rival: str) -> float:
    """Bits per byte saved by tuning; nan when one of the two is unknown."""
    return _bits(row.get(rival, {})) - _bits(row[TUNED])


def _bits(line: Record) -> float:
    nats, n_bytes = numbers.number(line.get("reference_nats")), numbers.number(line.get("reference_bytes"))
    return nats / math.log(2) / n_bytes if n_bytes > 0 else math.nan
