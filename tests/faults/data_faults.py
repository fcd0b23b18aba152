"""What can be wrong with the data: what nobody could train on is refused, everything else is read, counted and said."""

from __future__ import annotations

import gzip
import json

from tests.faults.fault import Refused, Survived
from tests.faults.rows import LABELLED, ROWS, csv, jsonl

_MEGABYTE = "word " * 200_000 + "word"
"""Eight times what Python's own csv reads in a cell."""
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0" + bytes(range(256)) * 8
_BOMB = gzip.compress(b"text,label\n" + b"hello there,a\n" * 100_000) * 1_000
"""1.4 GB in 3 MB."""


def _changed(row: int, text: str) -> str:
    """The table with another line; row 0 is the first below the header."""
    lines = ROWS.splitlines(keepends=True)
    lines[row + 1] = text + "\n"
    return "".join(lines)


def _numbers(cells: list[str]) -> str:
    lines = [f"the {i}th offer of the day,{cell}\n" for i, cell in enumerate(cells)]
    return "text,price\n" + "".join(lines)


def _label_lists(labels: list[list[str]]) -> str:
    lines = [json.dumps({"text": f"the {i}th message", "label": some}) for i, some in enumerate(labels)]
    return "\n".join(lines) + "\n"


REFUSED = (
    Refused(
        "no-file",
        "a data file that is not there",
        "run plan.yaml",
        3,
        ("there is no file",),
        {
            "plan.yaml": "data: tickets.csv\n",
        },
    ),
    Refused(
        "folder-without-data",
        "a folder in which nothing can be read",
        "run pictures",
        3,
        ("there is no data file in this folder", "it holds cat.png"),
        {"pictures/cat.png": _PNG},
    ),
    Refused(
        "pattern-without-match",
        "a pattern that no file fits",
        "run 'tickets/*.csv'",
        3,
        ("no file fits this pattern", "tickets holds january.tsv"),
        {"tickets/january.tsv": "text\tlabel\n"},
    ),
    Refused("empty-file", "an empty file", "run rows.csv", 3, ("the file is empty",), {"rows.csv": ""}),
    Refused(
        "header-only",
        "a header and no rows",
        "run rows.csv",
        3,
        ("a header and no rows",),
        {
            "rows.csv": "text,label\n",
        },
    ),
    Refused("binary-file", "a picture named .csv", "run rows.csv", 3, ("a PNG picture",), {"rows.csv": _PNG}),
    Refused(
        "gzip-bomb",
        "a small archive that unpacks to more than a gigabyte",
        "run rows.csv.gz",
        3,
        ("the gzip archive unpacks to far more than a file of rows would", "it may be of any size"),
        {"rows.csv.gz": _BOMB},
    ),
    Refused(
        "endless-line",
        "a text without a line end, packed",
        "run rows.txt.gz",
        3,
        ("a line of this file is longer than any row", "fold -s -w 2000"),
        {"rows.txt.gz": gzip.compress(b"word " * 10_000) * 1_400},
    ),
    Refused(
        "one-class",
        "one label only",
        "run rows.csv data.label_column=label",
        3,
        ("the same label 'refund'",),
        {
            "rows.csv": csv(LABELLED[:16]),
        },
    ),
    Refused(
        "no-column",
        "a column that is not there",
        "run rows.csv data.label_column=lable",
        3,
        ("label",),
        {
            "rows.csv": ROWS,
        },
    ),
    Refused(
        "test-lacks-column",
        "a test file without the label column",
        "run rows.csv data.test=test.csv",
        3,
        ("there is no column label",),
        {"rows.csv": ROWS, "test.csv": "text,topic\nhelp,refund\n"},
    ),
    Refused(
        "all-empty",
        "a text column without a text",
        "run rows.csv data.text_column=text data.label_column=label",
        3,
        ("no train row is left",),
        {"rows.csv": csv([("", "refund"), ("", "login")] * 5)},
    ),
    Refused(
        "one-row",
        "a single row",
        "run rows.csv data.text_column=text data.label_column=label",
        3,
        ("nothing left to test with",),
        {
            "rows.csv": csv(LABELLED[:1]),
        },
    ),
    Refused(
        "one-number",
        "a number that is the same in every row",
        "run rows.csv task=regress",
        3,
        ("all train rows have the same number '3'",),
        {"rows.csv": _numbers(["3", "3.0"] * 8)},
    ),
    Refused(
        "no-number",
        "words where a number is to be learned",
        "run rows.csv task=regress data.label_column=price",
        3,
        ("no train row is left", "not a number"),
        {"rows.csv": _numbers(["cheap", "dear"] * 8)},
    ),
    Refused(
        "several-labels",
        "rows with several labels, and a task of one",
        "run rows.jsonl task=classify",
        3,
        ("several labels each", "task=multilabel"),
        {"rows.jsonl": _label_lists([["refund", "login"], ["login"]] * 8)},
    ),
    Refused(
        "jsonl-without-objects",
        "JSONL without an object",
        "run rows.jsonl",
        3,
        ("rows.jsonl:1", "not JSON"),
        {
            "rows.jsonl": "nope\nnope either\n",
        },
    ),
    Refused(
        "unclosed-quote",
        "a quote that never closes",
        "run rows.csv",
        3,
        ("rows.csv:7", "never closes", "prepare.actions.quotes=report"),
        {"rows.csv": _changed(5, '"refund today,refund')},
    ),
    Refused(
        "leak",
        "test rows that stand in train",
        "run rows.csv data.test=test.csv",
        3,
        (
            "leak",
            "prepare.actions.leakage=drop",
        ),
        {"rows.csv": ROWS, "test.csv": csv(LABELLED[:10])},
    ),
)

_ODD = [*LABELLED[:10], ("Où est ma commande? Déjà payée", "delivery"), *LABELLED[11:]]

SURVIVED = (
    Survived(
        "class-of-one",
        "a label with one row",
        {"rows.csv": ROWS + "a very odd thing,oddity\n"},
        49,
        "rare_labels",
        ("oddity",),
    ),
    Survived(
        "label-unseen",
        "a test label that train does not have",
        {"rows.csv": ROWS, "test.csv": "text,label\nmoney gone,refund\nwho are you,greeting\nlost it,login\n"},
        51,
        "unseen_labels",
        ("greeting", "counted as wrong"),
        typed="run rows.csv data.test=test.csv",
    ),
    Survived(
        "empty-cells",
        "cells that are empty or say NaN",
        {"rows.csv": _changed(3, ",refund") + "nan,login\nNaN,login\nwhere is it,\n"},
        51,
        "empty",
        ("no text",),
        dropped={"duplicate": 1, "empty": 1, "no_label": 1},
    ),
    Survived(
        "columns-twice",
        "two columns of one name",
        {"rows.csv": csv([(t, t[::-1], label) for t, label in LABELLED], header="text,text,label")},
        48,
        "columns",
        ("a column name twice",),
    ),
    Survived(
        "invalid-utf-8",
        "bytes that are no UTF-8",
        {"rows.csv": csv(_ODD).encode("utf-8") + b"caf\xe9 closed,delivery\n"},
        49,
        "encoding",
        ("rows.csv",),
    ),
    Survived(
        "cp1252",
        "a file saved by old Windows programs",
        {"rows.csv": csv(_ODD).encode("cp1252")},
        48,
        "encoding",
        ("cp1252",),
    ),
    Survived("utf-16", "a file saved as UTF-16", {"rows.csv": csv(_ODD).encode("utf-16")}, 48, "encoding", ("utf-16",)),
    Survived(
        "nul-bytes",
        "NUL bytes in the text",
        {"rows.csv": _changed(5, "money\0 back,refund")},
        48,
        "nul_bytes",
        ("NUL",),
        repaired={"nul_bytes": 1},
    ),
    Survived(
        "huge-cell",
        "a cell of 1 MB",
        {"rows.csv": ROWS + f"{_MEGABYTE},refund\n"},
        49,
        "long_rows",
        ("tokens were cut",),
        typed="prepare rows.csv",
    ),
    Survived(
        "unclosed-quote-read-on",
        "a quote that never closes, when the plan says to read on",
        {"rows.csv": _changed(5, '"refund today,refund')},
        48,
        "quotes",
        ("rows.csv:7 opens a quote that never closes",),
        dropped={"duplicate": 1},
        typed="prepare rows.csv prepare.actions.quotes=report",
    ),
    Survived(
        "ragged",
        "rows with too many and too few cells",
        {"rows.csv": _changed(5, "money, back, today,refund") + "alone\n"},
        49,
        "ragged",
        ("more cells than there are columns",),
        dropped={"no_label": 1, "ragged": 1},
        repaired={"ragged": 1},
    ),
    Survived(
        "jsonl-broken-line",
        "JSONL broken at line 7",
        {
            "rows.jsonl": "".join(
                '{"text": "money back"\n' if i == 6 else line
                for i, line in enumerate(
                    jsonl([{"text": t, "label": label} for t, label in LABELLED]).splitlines(keepends=True)
                )
            )
        },
        48,
        "unreadable",
        ("rows.jsonl",),
        dropped={"unreadable": 1},
        typed="run rows.jsonl",
    ),
    Survived("no-header", "no header row", {"rows.csv": ROWS.partition("\n")[2]}, 48, "header", ("no header row",)),
    Survived(
        "conflicting-labels",
        "one text under two labels",
        {"rows.csv": ROWS + "refund now,login\n"},
        49,
        "conflicting_labels",
        ("refund now",),
        dropped={"duplicate": 1},
    ),
)
