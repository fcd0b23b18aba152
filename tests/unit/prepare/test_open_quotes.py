"""A quote that never closes stops the draft, and nothing else that only looks like one does."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewright.core.errors import DataError
from tunewright.core.events import null_tracker
from tunewright.core.plan import Plan
from tunewright.prepare.draft import Draft
from tunewright.prepare.stage import draft

PLAIN = tuple(f"where is parcel number {i},{'ab'[i % 2]}" for i in range(60))
QUOTED = tuple(f'"where is parcel number {i}, please",{"ab"[i % 2]}' for i in range(60))


def drafted(folder: Path, lines: tuple[str, ...], *, name: str = "t.csv", **actions: str) -> Draft:
    mark = "\t" if name.endswith(".tsv") else ","
    text = "\n".join(["text,label".replace(",", mark), *(line.replace(",", mark) for line in lines)]) + "\n"
    (folder / name).write_text(text, encoding="utf-8")
    plan = Plan.model_validate({"data": {"train": name}, "prepare": {"actions": actions}})
    return draft(plan, folder=folder, tell=null_tracker)


@pytest.mark.parametrize(
    "lines",
    [
        (*PLAIN[:10], '"' + PLAIN[10], *PLAIN[11:]),
        (*QUOTED[:10], '"where is it,a', *QUOTED[11:]),
        (*QUOTED[:10], '"where is it,a', *PLAIN[11:]),
        (*PLAIN[:10], *QUOTED[10:20], '"' + PLAIN[20], *PLAIN[21:]),
    ],
)
def test_draft_stops_at_a_quote_that_never_closes_and_names_the_line(tmp_path: Path, lines: tuple[str, ...]) -> None:
    at = 2 + next(i for i, line in enumerate(lines) if line.count('"') == 1)
    with pytest.raises(DataError, match="opens a quote that never closes") as caught:
        drafted(tmp_path, lines)
    assert (caught.value.where, caught.value.exit_code) == (f"t.csv:{at}", 3)
    made = drafted(tmp_path, lines, quotes="report")
    assert made.rows_read == 60
    assert [f.severity for f in made.findings if f.check == "quotes"] == ["warning"]


@pytest.mark.parametrize(
    "line",
    [
        '"Go" he said and went,a',
        'a 5" screen,a',
        '"one line\nand another",a',
        'he said ""hi"" to me,a',
        '"quoted, whole",a',
    ],
)
def test_draft_goes_on_at_quotes_that_close_or_open_nothing(tmp_path: Path, line: str) -> None:
    made = drafted(tmp_path, (*PLAIN[:10], line, *PLAIN[11:]))
    assert made.rows_read == 60
    assert not [f for f in made.findings if f.check == "quotes" and f.severity == "error"]


def test_draft_takes_quotes_between_tabs_as_letters(tmp_path: Path) -> None:
    """As sms_spam's sms.tsv does: 5,574 messages, some with one quote."""
    assert drafted(tmp_path, (*PLAIN[:10], '"' + PLAIN[10], *PLAIN[11:]), name="t.tsv").rows_read == 60
