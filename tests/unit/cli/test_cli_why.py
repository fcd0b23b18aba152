"""`why` and `explain` as typed: words for people, one object for programs, nothing trained a second time."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.data import write_labelled
from tunewright.cli.console import Console
from tunewright.cli.main import main
from tunewright.cli.why import AGAINST, FOR, LISTED, heaviest, show
from tunewright.explain.explanation import Explanation, Weighed
from tunewright.verbs.why import Why

FOUND = Why(
    "tickets",
    "classify",
    Explanation(
        row_id="typed",
        answer="refund",
        probability=0.93,
        pieces=(Weighed("money ", 0, 2.0), Weighed("back ", 0, 0.5), Weighed("not ", 0, -1.0), Weighed("a", 0, 0.0001)),
        words_a_piece=1,
        comprehensiveness=0.5,
        random=0.1,
        p_value=0.01,
        is_better_than_random=True,
        sentence="these words matter more than random words: p .01",
    ),
)
GREY = replace(FOUND, explanation=replace(FOUND.explanation, is_better_than_random=False, sentence="not better"))


class Terminal(io.StringIO):
    """A stream that somebody watches."""

    def isatty(self) -> bool:
        return True


def shown(found: Why, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    show(found, console=Console(stream, io.StringIO(), io.StringIO(), wants_json=False, is_quiet=False))
    return stream.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """rows.csv, plan.yaml and the finished run runs/plan, without explanations."""
    place = tmp_path_factory.mktemp("cli why")
    write_labelled(place / "rows.csv", n_endings=4)
    (place / "plan.yaml").write_text(
        f"model: {tiny_encoder}\ndata: rows.csv\ntrain: {{epochs: 1, batch_size: 16}}\n"
        "evaluate: {systems: [tuned, majority]}\nexplain: {rows: 3, methods: []}\n"
    )
    assert main(["run", str(place / "plan.yaml"), "--quiet", "--runs-dir", str(place / "runs")]) == 0
    return place


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*words, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_why_lists_the_heaviest_words_when_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(FOUND, io.StringIO(), monkeypatch)
    assert "\x1b" not in text
    lines = text.splitlines()
    assert lines[0] == "refund  (probability .930; run tickets)"
    assert [line.split() for line in lines if line.startswith("  ")] == [
        *(["word", "nats"], ["money", "2.000"], ["not", "-1.000"], ["back", ".500"]),
        ["and", "1", "more", "with", "less", "weight"],
    ]
    assert lines[-1] == "these words matter more than random words: p .01"


def test_why_shades_words_by_weight_and_sign_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(FOUND, Terminal(), monkeypatch)
    for colour, word in ((FOR[4], "money"), (FOR[1], "back"), (AGAINST[2], "not")):
        red, green, blue = (int(colour[-6:][i : i + 2], 16) for i in (0, 2, 4))
        assert f"48;2;{red};{green};{blue}m{word}\x1b[0m" in text


def test_why_shades_nothing_when_random_words_do_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(GREY, Terminal(), monkeypatch)
    assert "48;2" not in text
    assert "\x1b[2mmoney back not a\x1b[0m" in text
    assert "\x1b[2mnot better\x1b[0m" in text


def test_why_says_nothing_of_other_words_when_it_lists_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    all_heavy = replace(FOUND, explanation=replace(FOUND.explanation, pieces=FOUND.explanation.pieces[:3]))
    assert "more with less weight" not in shown(all_heavy, io.StringIO(), monkeypatch)


def test_why_counts_the_words_beyond_those_it_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    many = tuple(Weighed(f"w{i} ", 0, 1.0 + i) for i in range(LISTED + 5))
    found = replace(FOUND, explanation=replace(FOUND.explanation, pieces=many))
    assert "\n  and 5 more with less weight\n" in shown(found, io.StringIO(), monkeypatch)


def test_why_lists_no_word_that_would_read_as_nothing() -> None:
    assert [piece.text for piece in heaviest(FOUND.explanation.pieces)] == ["money ", "not ", "back "]


def test_why_takes_one_word_for_the_text_and_the_newest_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = ["--runs-dir", str(folder / "runs")]
    one, two = (told([*words, *runs], capsys) for words in (["why", "money back"], ["why", "plan", "money back"]))
    assert one == two
    assert one["run"] == str(folder / "runs/plan")
    assert [piece["text"] for piece in one["explanation"]["pieces"]] == ["money ", "back"]


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["a", "b", "c"], 2, 'try: tunewright why tickets "I never got my parcel"'),
        (["plan", " "], 3, "try: tunewright why"),
        (["plan"], 2, 'try: tunewright why plan "a text of yours"'),
        (["other", "money back"], 9, "try: tunewright runs"),
    ],
)
def test_why_ends_a_mistake_with_what_to_type(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, line: str
) -> None:
    assert main(["why", *words, "--runs-dir", str(folder / "runs")]) == code
    assert line in capsys.readouterr().err


def test_why_takes_the_path_of_a_run_for_a_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", str(folder / "runs/plan"), "--runs-dir", str(folder / "runs")]) == 2
    assert "is a run; the text to explain is missing" in capsys.readouterr().err


def test_why_takes_a_text_that_is_too_long_for_a_files_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "money back " * 30
    found = told(["why", text, "--runs-dir", str(folder / "runs")], capsys)
    assert "".join(piece["text"] for piece in found["explanation"]["pieces"]) == text.strip()


def test_explain_takes_a_run_and_trains_nothing_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = folder / "runs/plan"
    trained = json.loads((run / "run.json").read_text())["stages"]["train"]
    found = told(["explain", "plan", "--runs-dir", str(folder / "runs")], capsys)
    assert found["stage"] == "explain"
    assert len(found["result"]["rows"]) == 3
    assert json.loads((run / "run.json").read_text())["stages"]["train"] == trained
    assert main(["explain", str(run)]) == 0
    out = capsys.readouterr().out
    assert "nothing to do: explain of plan is finished" in out
    assert f"next    tunewright report '{run}'" in out


def test_explain_says_that_there_is_no_such_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "other", "--runs-dir", str(folder / "runs")]) == 9
    assert "there is no run other" in capsys.readouterr().err
