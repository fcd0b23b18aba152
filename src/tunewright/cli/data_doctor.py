"""The lights and cards of the data on a terminal: the same as on the page, the most important first.

In: Doctor. Out: lines of styled pieces, at most 80 columns. Its own file because `check` and `prepare` show the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from tunewright.cli.console import Styled
from tunewright.cli.words import columns, one_line
from tunewright.prepare.checks.not_built import NOT_RUN
from tunewright.report.doctor import Card, Diff, Doctor, Group, ShownRow, Stretch

WIDTH = 80
INDENT = 11
"""Where the text begins; the word that says what it is stands before it."""
MOST_CARDS = 6
WITH_ROWS = 3
"""Cards whose first rows are shown; of the others the sentence: two screens hold no more."""
SHOWN_SENTENCES, SHOWN_GROUPS, SHOWN_ROWS = 2, 2, 2
"""Of a card."""
STYLES = {"act": "bold red", "look": "yellow", "ok": "green", "not run": "dim"}
MARK = "reverse"
_WORDS = {"act": "to act on", "look": "to look at"}
Side = Literal["before", "after"]
_SIDES: dict[Side, tuple[str, str]] = {"before": ("- ", "red"), "after": ("+ ", "green")}


def doctor_lines(doctor: Doctor, *, has_colour: bool, whole: str = "--json") -> Iterator[Styled]:
    """The lights, then the cards.

    has_colour: False marks words with brackets.
    whole: where those that are left out are found.
    """
    yield from _lights(doctor)
    for i, card in enumerate(doctor.cards[:MOST_CARDS]):
        if i <= WITH_ROWS:
            yield ()
        yield from _card(card, has_rows=i < WITH_ROWS, has_colour=has_colour)
    if len(doctor.cards) > MOST_CARDS:
        yield from _wrapped("", f"and {len(doctor.cards) - MOST_CARDS} more that found something: {whole} has them all")


def _lights(doctor: Doctor) -> Iterator[Styled]:
    """One line for each light; what found nothing is counted, what was not run says why."""
    n = dict(doctor.counts)
    for status, word in _WORDS.items():
        names = [light.name for light in doctor.lights if light.status == status]
        if names:
            yield from _wrapped(status, f"{len(names)} {word}: {', '.join(names)}", style=STYLES[status])
    if n["ok"]:
        yield from _wrapped("ok", f"{n['ok']} checks looked and found nothing", style=STYLES["ok"])
    if n["not run"]:
        idle = [f"{light.name} ({light.why})" for light in doctor.not_run if light.check not in NOT_RUN]
        idle += [f"{len(doctor.unconcerned)} that do not concern this task"] if doctor.unconcerned else []
        missing = [light.name for light in doctor.not_run if light.check in NOT_RUN]
        idle += [f"not in this version: {', '.join(missing)}"] if missing else []
        yield from _wrapped("not run", "; ".join(idle), style=STYLES["not run"])


def _card(card: Card, *, has_rows: bool, has_colour: bool) -> Iterator[Styled]:
    first, *others = card.sentences
    shown = others[: SHOWN_SENTENCES - 1] if has_rows else []
    yield from _wrapped(card.status, f"{card.name}: {_lower(first.message)}", style=STYLES[card.status])
    for sentence in shown:
        yield from _wrapped("", sentence.message)
    hidden = len(others) - len(shown)
    if hidden > 0 and has_rows:
        yield from _wrapped("", f"and {hidden} more finding{'' if hidden == 1 else 's'} of this kind")
    if first.suggestion:
        yield from _wrapped("  try", first.suggestion)
    if not has_rows:
        return
    if card.diffs:
        for diff in card.diffs[:SHOWN_ROWS]:
            yield from _diff(diff, has_colour=has_colour)
    elif card.groups:
        groups = card.groups[:SHOWN_GROUPS]
        width = max(len(row.row_id) for group in groups for row in group.rows)
        titles = [group.title for group in groups]
        for i, group in enumerate(groups):
            if group.title and group.title not in titles[:i]:
                yield from _wrapped("", f"{group.title}:", style="dim")
            yield from _group(group, width=min(width, 24), has_colour=has_colour)
    if card.more and (card.groups or card.diffs):
        yield from _wrapped("", f"and {card.more}")


def _group(group: Group, *, width: int, has_colour: bool) -> Iterator[Styled]:
    has_labels = len({row.label for row in group.rows}) > 1 and group.kind != "alone"
    for row in group.rows[:SHOWN_ROWS]:
        name = _clipped(row.row_id, width=width)
        head = f"{' ' * INDENT}{name:<{width}}  "
        note = _note(row, has_label=has_labels)
        room = WIDTH - columns(head) - columns(note)
        if room < 24:  # a long label has a line of its own
            yield ((head, "dim"), (_clipped(note, width=WIDTH - columns(head)), ""))
            head, note = " " * columns(head), ""
            room = WIDTH - columns(head)
        yield ((head, "dim"), (note, "bold"), *_fitted(row.pieces, width=room, has_colour=has_colour))


def _note(row: ShownRow, *, has_label: bool) -> str:
    if row.seems:
        return f"{_clipped(row.label, width=40)} -> {_clipped(row.seems, width=40)}?  "
    return f"{_clipped(row.label, width=40)}: " if has_label and row.label else ""


def _diff(diff: Diff, *, has_colour: bool) -> Iterator[Styled]:
    head = f"{' ' * INDENT}{_clipped(diff.row_id, width=24)} "
    sides: tuple[tuple[Side, Sequence[Stretch]], ...] = (("before", diff.before), ("after", diff.after))
    for side, pieces in sides:
        sign, style = _SIDES[side]
        room = WIDTH - columns(head) - len(sign)
        yield ((head, "dim"), (sign, style), *_fitted(pieces, width=room, has_colour=has_colour, style=style))
        head = " " * columns(head)


def _fitted(pieces: Sequence[Stretch], *, width: int, has_colour: bool, style: str = "") -> Styled:
    """As much as fits on one line, from a little before the first mark."""
    signs = list(_signs(pieces, has_colour=has_colour))
    first = next((i for i, (_, is_marked) in enumerate(signs) if is_marked), 0)
    total = sum(columns(sign) for sign, _ in signs)
    start = 0 if total <= width or first < width // 2 else first - width // 4
    behind = 0
    for i in range(len(signs) - 1, -1, -1):  # a text that ends soon behind its mark fills the line from the left
        behind += columns(signs[i][0])
        if behind > width - 1:
            break
        start = min(start, i)
    shown, used = ([("…", False)] if start else []), 1 if start else 0
    for i, (sign, is_marked) in enumerate(signs[start:], start):
        is_last = i == len(signs) - 1
        if used + columns(sign) > width - (0 if is_last else 1):
            shown.append(("…", False))
            break
        shown.append((sign, is_marked))
        used += columns(sign)
    parts: list[tuple[str, str]] = []
    for sign, is_marked in shown:
        own = f"{style} {MARK}".strip() if is_marked and has_colour else style
        if parts and parts[-1][1] == own:
            parts[-1] = (parts[-1][0] + sign, own)
        else:
            parts.append((sign, own))
    return tuple(parts)


def _signs(pieces: Sequence[Stretch], *, has_colour: bool) -> Iterator[tuple[str, bool]]:
    """Characters on one line, brackets around marks where there is no colour; a masked value has its own."""
    was_blank = True
    for piece in pieces:
        text = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in piece.text)
        is_bracketed = text.strip().startswith("[") and text.strip().endswith("]")
        brackets = ("[", "]") if piece.is_marked and not has_colour and not is_bracketed else ("", "")
        if brackets[0]:
            yield brackets[0], True
        for c in text:
            if c == " " and was_blank:
                continue
            was_blank = c == " "
            yield c, piece.is_marked
        if brackets[1]:
            yield brackets[1], True


def _wrapped(word: str, text: str, *, style: str = "") -> Iterator[Styled]:
    """The word in its colour at the edge, the text beside it."""
    head = f"{word:<{INDENT - 1}} " if word else " " * INDENT
    flat = one_line(text, width=500)
    for i, line in enumerate(_lines(flat, width=WIDTH - INDENT)):
        yield ((head if i == 0 else " " * INDENT, style), (line, "" if word else style))


def _lines(text: str, *, width: int) -> list[str]:
    """Broken between words, by columns: some letters take two. A longer word is broken within.

    >>> _lines("a bc def", width=4)
    ['a bc', 'def']
    """
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and columns(lines[-1]) + 1 + columns(word) > width:
            lines.append("")
        elif lines[-1]:
            lines[-1] += " "
        if columns(word) <= width:
            lines[-1] += word
            continue
        for letter in word:
            if columns(lines[-1]) + columns(letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def _clipped(text: str, *, width: int) -> str:
    """On one line, at most so many columns."""
    flat = one_line(text, width=width)
    while columns(flat) > width:
        flat = flat[:-2] + "…"
    return flat


def _lower(text: str) -> str:
    """Inside a sentence; names and abbreviations keep their capitals."""
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text
