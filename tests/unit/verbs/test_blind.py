"""`compare RUN --blind` and `--votes`: the page, its key, and every file of votes that must not be counted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.unit.report.run_folder import write_run
from tunewright.cli.answers import ANSWERS_WITH
from tunewright.cli.main import main
from tunewright.core.run import Run
from tunewright.core.values import Message, Row
from tunewright.text.rows import write_rows
from tunewright.verbs.blind import read_keys, write_page
from tunewright.verbs.votes import count_votes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A runs folder: replies has written 60 answers, tickets has classified."""
    folder = tmp_path_factory.mktemp("runs")
    write_run(folder / "replies", task="generate")
    write_run(folder / "tickets", task="classify")
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "runs"))


@pytest.fixture
def replies(runs: Path) -> Run:
    return Run(runs / "replies")


def change_answers(run: Run, change: Mapping[str, str], *, n: int | None = None) -> None:
    """system -> what its answers become, of the first n of its lines."""
    path = run.folder / "evaluate/predictions.parquet"
    table = pq.read_table(path)
    records = table.to_pylist()
    for system, answer in change.items():
        for record in [record for record in records if record["system"] == system and record["answer"]][:n]:
            record["answer"] = answer
    pq.write_table(pa.Table.from_pylist(records, schema=table.schema), path)


def ballot(run: Run, path: Path, /, *, wins: int, losses: int = 0, ties: int = 0, **more: Any) -> Path:
    """What the page would save after these votes; `more` changes it."""
    [key] = read_keys(run)
    wished = [1] * wins + [-1] * losses + [0] * ties
    votes = []
    for pair, sign in zip(key.pairs, wished, strict=False):
        side = "left" if (sign > 0) == (pair.left == "tuned") else "right"
        votes.append({"pair": pair.pair, "vote": side if sign else "tie"})
    about = {"run": key.run, "page": key.page, "rows": key.rows, "answers": key.answers}
    told = {"tunewright_votes": 1, **about, "ballot": path.stem, "rater": path.stem, "votes": votes, **more}
    path.write_text(json.dumps(told), encoding="utf-8")
    return path


def test_page_and_key_are_the_same_when_they_are_made_again(replies: Run) -> None:
    first = write_page(replies, "base")
    text = Path(first.page).read_text(encoding="utf-8")
    assert write_page(replies, "base").was_finished
    Path(first.page).unlink()
    again = write_page(replies, "base")
    assert (again.was_finished, again.page) == (False, first.page)
    assert Path(again.page).read_text(encoding="utf-8") == text


def test_other_answers_make_another_page_and_keep_the_old_one(replies: Run) -> None:
    first = write_page(replies, "base")
    change_answers(replies, {"tuned": "Another answer."}, n=1)
    assert write_page(replies, "base").page != first.page
    assert Path(first.page).is_file()
    assert len(read_keys(replies)) == 2


def test_rows_with_the_same_answer_twice_are_left_out_and_counted(replies: Run) -> None:
    change_answers(replies, {"tuned": "The same  answer.", "base": "The same\nanswer. "}, n=7)
    found = write_page(replies, "base")
    assert (found.pairs, found.equal) == (53, 7)


def test_sides_are_balanced_and_do_not_follow_the_rows(replies: Run) -> None:
    write_page(replies, "base")
    [key] = read_keys(replies)
    is_left = [pair.left == "tuned" for pair in key.pairs]
    assert sum(is_left) == 30
    assert is_left != sorted(is_left)
    assert [pair.row_id for pair in key.pairs] != sorted(pair.row_id for pair in key.pairs)


def test_page_shows_every_turn_before_the_answer_with_private_values_masked(replies: Run) -> None:
    turns = (Message("system", "Be kind."), Message("user", "I am ann@example.org"), Message("assistant", "Yes."))
    rows = [Row(f"test:{i + 2}", messages=turns) for i in range(400)]
    write_rows(replies.folder / "prepare/test.parquet", rows)
    text = Path(write_page(replies, "base").page).read_text(encoding="utf-8")
    assert "Be kind." in text
    assert "I am [email]" in text
    assert "ann@example.org" not in text


def test_votes_are_turned_from_sides_to_systems(replies: Run, tmp_path: Path) -> None:
    write_page(replies, "base")
    found = count_votes(replies, [ballot(replies, tmp_path / "ann.json", wins=25, losses=5, ties=3)])
    one = found.counted.preference
    assert (one.wins, one.losses, one.ties, one.verdict) == (25, 5, 3, "better")
    assert found.is_current
    assert found.systems == ("tuned", "base")


def test_votes_of_several_people_are_one_a_row(replies: Run, tmp_path: Path) -> None:
    write_page(replies, "base")
    files = [ballot(replies, tmp_path / f"{name}.json", wins=20) for name in ("ann", "ben", "cem")]
    found = count_votes(replies, files).counted
    assert found.preference.wins == 20
    assert found.agreement is not None
    assert (found.agreement.rows, found.agreement.share) == (20, 1.0)
    assert [one.name for one in found.raters] == ["ann", "ben", "cem"]


def test_votes_stay_good_when_the_run_is_measured_anew_and_that_is_said(replies: Run, tmp_path: Path) -> None:
    write_page(replies, "base")
    votes = ballot(replies, tmp_path / "ann.json", wins=12)
    change_answers(replies, {"tuned": "Another answer."}, n=1)
    found = count_votes(replies, [votes])
    assert not found.is_current
    assert found.counted.preference.wins == 12


REFUSED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "they were made on the page 0123": ("other answers to the same rows", {"page": "0123", "answers": "x"}),
    "replies has": ("other rows, of the run 'elsewhere'", {"page": "0123", "rows": "x", "run": "elsewhere"}),
    "its fingerprints of rows and answers": ("do not fit the page", {"rows": "x"}),
    "pair zz is not on it": ("do not fit the page", {"votes": [{"pair": "zz", "vote": "left"}]}),
    "vote 1 is not a pair with one of left": ("no file of votes", {"votes": [{"pair": "zz", "vote": "up"}]}),
    "votes is no list": ("no file of votes", {"votes": {"zz": "left"}}),
    "before the first vote": ("no vote to count", {"votes": []}),
    "its format is 9": ("no file of votes", {"tunewright_votes": 9}),
    "ballot is missing": ("no file of votes", {"ballot": None}),
    "without the key tunewright_votes": ("no file of votes", {"tunewright_votes": None}),
}


@pytest.mark.parametrize("why", REFUSED)
def test_file_that_cannot_be_counted_says_why(
    why: str, replies: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_page(replies, "base")
    what, change = REFUSED[why]
    path = ballot(replies, tmp_path / "ann.json", wins=9, **change)
    assert main(["compare", str(replies.folder), "--votes", str(path)]) == 3
    told = capsys.readouterr().err
    assert what in told
    assert why in told
    assert "try: " in told


def test_prompts_that_were_all_skipped_are_no_votes(
    replies: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_page(replies, "base")
    [key] = read_keys(replies)
    skipped = [{"pair": pair.pair, "vote": "skip"} for pair in key.pairs]
    path = ballot(replies, tmp_path / "ann.json", wins=0, votes=skipped)
    assert main(["compare", str(replies.folder), "--votes", str(path)]) == 3
    assert "every prompt was skipped" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe\x00", b"[" * 100_000])
def test_rubbish_is_refused(content: bytes, replies: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_page(replies, "base")
    (tmp_path / "votes.json").write_bytes(content)
    for path in (tmp_path / "votes.json", tmp_path / "nowhere.json", tmp_path):
        assert main(["compare", str(replies.folder), "--votes", str(path)]) == 3
        assert "no file of votes" in capsys.readouterr().err


def test_one_person_or_one_prompt_twice_is_refused(
    replies: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_page(replies, "base")
    path = ballot(replies, tmp_path / "ann.json", wins=9)
    later = Path(shutil.copy(path, tmp_path / "ann (1).json"))
    assert main(["compare", str(replies.folder), "--votes", str(path), str(later)]) == 3
    assert "named twice" in capsys.readouterr().err
    found = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**found, "votes": [*found["votes"], found["votes"][0]]}), encoding="utf-8")
    assert main(["compare", str(replies.folder), "--votes", str(path)]) == 3
    assert "two votes" in capsys.readouterr().err


def test_votes_about_two_pages_are_not_added_up(
    replies: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_page(replies, "base")
    first = ballot(replies, tmp_path / "ann.json", wins=9)
    (old,) = (replies.folder / "blind").glob("*.key.json")
    kept = shutil.move(old, tmp_path / "old.key.json")
    change_answers(replies, {"tuned": "Another answer."}, n=1)
    write_page(replies, "base")
    second = ballot(replies, tmp_path / "ben.json", wins=9)
    shutil.move(kept, old)
    assert main(["compare", str(replies.folder), "--votes", str(first), str(second)]) == 3
    assert "two pages" in capsys.readouterr().err


NO_PAGE: Mapping[str, tuple[list[str], int, str]] = {
    "a classifier": (["tickets", "--blind", "base"], 6, "its task is classify"),
    "an unknown rival": (["replies", "--blind", "few_shot"], 2, "base did, beside tuned"),
    "two runs": (["replies", "tickets", "--blind", "base"], 2, "takes one run"),
    "no run": (["nobody", "--blind", "base"], 9, "there is no run nobody"),
    "votes without a page": (["replies", "--votes", "ann.json"], 9, "no blind page was made"),
    "votes of a run that is not there": (["nobody", "--votes", "ann.json"], 9, "there is no run nobody"),
}


@pytest.mark.parametrize("case", NO_PAGE)
def test_what_cannot_be_done_says_why(case: str, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words, exit_code, why = NO_PAGE[case]
    assert main(["compare", *words, "--runs-dir", str(runs)]) == exit_code
    told = capsys.readouterr().err
    assert why in told
    assert "try: " in told


def test_run_that_is_not_measured_or_wrote_nothing_has_no_page(
    replies: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write_page(replies, "base")
    assert main(["compare", str(replies.folder), "--votes"]) == 3
    assert "no file of votes is named" in capsys.readouterr().err
    change_answers(replies, {"tuned": "Same.", "base": "Same."})
    assert main(["compare", str(replies.folder), "--blind", "base"]) == 6
    assert "the same answer to each of 60 rows" in capsys.readouterr().err
    path = replies.folder / "evaluate/predictions.parquet"
    table = pq.read_table(path)
    pq.write_table(table.filter([line["system"] == "tuned" for line in table.to_pylist()]), path)
    assert main(["compare", str(replies.folder), "--blind", "base"]) == 6
    assert "no two systems" in capsys.readouterr().err
    path.unlink()
    assert main(["compare", str(replies.folder), "--blind", "base"]) == 9
    assert "not measured yet" in capsys.readouterr().err


def test_damaged_key_is_told(replies: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = Path(write_page(replies, "base").key)
    votes = ballot(replies, tmp_path / "ann.json", wins=9)
    key.write_text("{}", encoding="utf-8")
    assert main(["compare", str(replies.folder), "--votes", str(votes)]) == 9
    assert "is damaged" in capsys.readouterr().err


def test_programs_get_the_keys_that_the_verbs_page_names(
    replies: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    word = str(replies.folder)
    assert main(["compare", word, "--blind", "base", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(ANSWERS_WITH["compare"]["--blind SYSTEM"])
    votes = ballot(replies, tmp_path / "ann.json", wins=25, losses=5)
    assert main(["compare", word, "--votes", str(votes), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == set(ANSWERS_WITH["compare"]["--votes"])
    assert found["counted"]["preference"]["verdict"] == "better"
    assert main(["compare", word, "--votes", str(votes)]) == 0
    assert capsys.readouterr().out.startswith("The tuned model is better than the same model before tuning: ")
