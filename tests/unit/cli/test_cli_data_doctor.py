"""The lights and cards of the data on a terminal."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tunewright.cli.console import Console, has_colour
from tunewright.cli.data_doctor import MOST_CARDS, WIDTH, WITH_ROWS, doctor_lines
from tunewright.cli.words import columns
from tunewright.report.doctor import Doctor, doctor_of

SPAN = "please send the parcel to my new address"


class Terminal(io.StringIO):
    """A stream that somebody watches."""

    def isatty(self) -> bool:
        return True


def text(*pieces: str | tuple[str]) -> dict[str, Any]:
    """A stretch in a tuple is marked."""
    said = [(piece, False) if isinstance(piece, str) else (piece[0], True) for piece in pieces]
    return {"pieces": [{"text": words, "is_marked": is_marked} for words, is_marked in said]}


def row(row_id: str, *pieces: str | tuple[str], **more: str) -> dict[str, Any]:
    return {"row_id": row_id, "text": text(*pieces), **more}


def card(check: str, *rows: dict[str, Any], kind: str = "span", **more: Any) -> dict[str, Any]:
    groups = [{"kind": kind, "value": 0.9, "rows": list(rows), "n_rows": len(rows)}] if rows else []
    return {"check": check, "groups": groups, "n_groups": len(groups), "changes": [], "n_changes": 0, **more}


def finding(check: str, severity: str = "warning") -> dict[str, Any]:
    return {"check": check, "severity": severity, "message": f"3 rows of {check}", "suggestion": f"try {check}"}


def doctor(findings: list[dict[str, Any]], cards: list[dict[str, Any]], **checks: str) -> Doctor:
    made = doctor_of(findings, {name: {"status": said, "why": "why"} for name, said in checks.items()}, cards)
    assert made is not None
    return made


def lines(made: Doctor, *, coloured: bool = False) -> list[str]:
    return ["".join(part for part, _ in line) for line in doctor_lines(made, has_colour=coloured)]


def test_lights_come_first_and_what_did_not_look_is_never_ok() -> None:
    made = doctor(
        [finding("a"), finding("b", "info")], [], a="found", b="found", c="ok", contamination="not run", d="not run"
    )
    assert lines(made)[:4] == [
        "act        1 to act on: a",
        "look       1 to look at: b",
        "ok         1 checks looked and found nothing",
        "not run    d (why); not in this version: contamination",
    ]


def test_the_shared_stretch_stands_in_brackets_without_colour_and_reversed_with_it() -> None:
    made = doctor([finding("leakage")], [card("leakage", row("train:2", "Hi, ", (SPAN,)), row("test:9", (SPAN,), "!"))])
    plain = lines(made)
    assert f"           train:2  Hi, [{SPAN}]" in plain
    assert f"           test:9   [{SPAN}]!" in plain
    coloured = [part for line in doctor_lines(made, has_colour=True) for part in line]
    assert coloured.count((SPAN, "reverse")) == 2


def test_a_masked_value_keeps_its_own_brackets_only() -> None:
    made = doctor([finding("secrets")], [card("secrets", row("train:2", "key ", ("[key]",)), kind="alone")])
    assert "           train:2  key [key]" in lines(made)


def test_a_doubted_label_stands_before_what_it_looks_like_and_a_mended_cell_before_and_after() -> None:
    doubt = card("label_errors", row("train:2", "pay me", label="login", seems="refund"), kind="alone")
    change = {"row_id": "train:3", "field": "text", "before": text("a ", ("&amp;",)), "after": text("a ", ("&",))}
    mended = card("markup", changes=[change])
    shown = lines(doctor([finding("label_errors"), finding("markup")], [doubt, mended]))
    assert "           train:2  login -> refund?  pay me" in shown
    assert "           train:3 - a [&amp;]" in shown
    assert "                   + a [&]" in shown


@pytest.mark.parametrize("coloured", [False, True])
def test_every_line_fits_80_columns_whatever_the_data_holds(coloured: bool) -> None:
    wild = ["w" * 3000, "漢字テスト" * 80, "مرحبا بالعالم " * 40, "😀\u200d👩 " * 60, "\x1b[2J\x07\n\t" * 30]
    rows = [row(f"train:{'x' * 90}:{i}", bad, (bad,), bad, label=bad, seems=bad) for i, bad in enumerate(wild)]
    cards = [card(f"c{i}", one, one) for i, one in enumerate(rows)]
    cards[0]["changes"] = [{"row_id": wild[0], "field": wild[0], "before": text(wild[1]), "after": text((wild[2],))}]
    findings = [{**finding(f"c{i}"), "message": bad} for i, bad in enumerate(wild) if i != 1]
    shown = lines(doctor(findings, cards), coloured=coloured)
    assert max(map(columns, shown)) <= WIDTH
    assert not any("\x1b" in line or "\x07" in line for line in shown)


def test_a_mark_at_the_end_of_a_long_text_is_seen_and_the_line_is_filled() -> None:
    made = doctor([finding("secrets")], [card("secrets", row("train:2", "word " * 90, ("[key]",)), kind="alone")])
    (line,) = (line for line in lines(made) if "train:2" in line)
    assert line.startswith("           train:2  …")
    assert line.endswith(" [key]")
    assert len(line) == WIDTH


def test_only_the_first_cards_show_rows_and_the_others_are_counted() -> None:
    names = [f"check{i}" for i in range(MOST_CARDS + 3)]
    cards = [card(name, row(f"train:{i}", name)) for i, name in enumerate(names)]
    shown = lines(doctor([finding(name) for name in names], cards))
    assert sum("train:" in line for line in shown) == WITH_ROWS
    assert sum(line.startswith("  try") for line in shown) == MOST_CARDS
    assert shown[-1].strip() == "and 3 more that found something: --json has them all"


def test_colour_is_printed_on_a_terminal_and_not_when_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain, uncoloured = Terminal(), io.StringIO(), Terminal()
    parts = (("a ", ""), ("b", "red"))
    for stream in (coloured, plain):
        Console(stream, io.StringIO(), io.StringIO(), wants_json=False, is_quiet=False).line(parts)
    assert (has_colour(coloured), has_colour(plain)) == (True, False)
    monkeypatch.setenv("NO_COLOR", "1")
    Console(uncoloured, io.StringIO(), io.StringIO(), wants_json=False, is_quiet=False).line(parts)
    assert not has_colour(uncoloured)
    assert coloured.getvalue() == "a \x1b[31mb\x1b[0m\n"
    assert plain.getvalue() == uncoloured.getvalue() == "a b\n"


def test_how_rows_belong_together_stands_above_them_once() -> None:
    pairs = [("exact", 2), ("reworded", 3), ("exact", 4)]
    groups = [
        {"kind": kind, "value": 1, "rows": [row(f"train:{i}", "a"), row(f"test:{i}", "b")], "n_rows": 2}
        for kind, i in pairs
    ]
    shown = lines(doctor([finding("leakage")], [card("leakage", groups=groups[:2], n_groups=2)]))
    first = shown.index("           the model is asked the same, word for word:")
    assert shown[first + 1].startswith("           train:2")
    assert shown[first + 3] == "           the same answer to a question in other words:"
    shown = lines(doctor([finding("leakage")], [card("leakage", groups=groups[::2], n_groups=2)]))
    assert sum("word for word" in line for line in shown) == 1
