"""Private values in the rows stand in no report: not on the page, in a file about the data, or on the screen."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

from tunewright.cli.main import main
from tunewright.core.planfile import plan_from
from tunewright.pipeline import run_plan
from tunewright.text.private import private_in

PLANTED = {
    "email": "ann.kowalski@example.org",
    "phone": "+49 30 9018 2099",
    "card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "ip": "203.0.113.77",
    "key": "sk-4fK9aQ2mZx81LpVt7Rw3Yb6N",
}
PIECES = (
    *("kowalski", "9018", "2099", "4111", "3704", "0532", "203.0", "203 0 113", "113.77", "4fk9", "rw3yb6n"),
    *("ann.ko", "ann ko"),
)
"""What a half of a value would leave behind, normalised or not; small letters."""
ABOUT_DATA = ("prepare/findings.json", "prepare/evidence.json", "prepare/cards.json", "prepare/token_sample.json")


def found_in(text: str) -> list[str]:
    """Four digits inside another number, as of a second or a share, are not of a value."""
    low = text.lower()
    return [piece for piece in PIECES if re.search(_alone(piece) if piece.isdigit() else re.escape(piece), low)]


def _alone(digits: str) -> str:
    return rf"(?<![0-9]\.)(?<![0-9]){digits}(?![0-9])"


def texts() -> list[tuple[str, str]]:
    """Rows that make the checks quote them: conflicts cut in the middle of a value, near copies, loops, long spans."""
    rows = []
    for kind, value in PLANTED.items():
        for n in range(48, 60, 3):  # a quotation of 60 characters ends within the value
            rows += [
                (f"{kind} {'about an order of mine ' * 3}"[:n] + f" {value} ok", label) for label in ("ask", "tell")
            ]
        rows.append((f"{kind}: " + f"{value} " * 5, "ask"))
        rows.append((f"my {kind} is {value} and I would like to have my money back soon", "tell"))
        rows.append((f"my {kind} is {value} and I would like to have my money back now", "tell"))
    return rows + [(f"a plain sentence number {i} about {word}", "ask") for i in range(12) for word in ("rain", "sun")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("private")
    opening = "Good morning everybody, sorry for asking again so early:"
    held = [(f"{opening} {text}", label) for text, label in texts() if text.endswith("soon")]
    for name, rows in (("train.csv", texts()), ("test.csv", held + texts()[:12:2] + texts()[-4:])):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("text", "label"), *rows])
    return folder


@pytest.fixture(scope="module")
def run_folder(folder: Path, tiny_encoder: Path) -> Path:
    plan = {
        "model": str(tiny_encoder),
        "data": {"train": "train.csv", "test": "test.csv"},
        "prepare": {"actions": {"leakage": "report"}},
        "train": {"max_steps": 2},
        "evaluate": {"systems": ["tuned", "majority"]},
        "explain": {"rows": 6},
    }
    return run_plan(plan_from(plan, folder=folder, name="private"), runs_dir=folder / "runs").run.folder


def test_every_planted_value_is_one_that_is_masked() -> None:
    for kind, value in PLANTED.items():
        assert [found.kind for found in private_in(f"my {kind} is {value} ok")] == [kind]


def test_no_report_of_a_run_shows_a_planted_value_or_a_half_of_one(run_folder: Path) -> None:
    for name in ("report.html", "README.md", "prepare/review.csv", "events.jsonl", *ABOUT_DATA):
        assert found_in((run_folder / name).read_text(encoding="utf-8")) == [], name


def test_the_reports_do_quote_the_rows_with_the_kind_in_the_values_place(run_folder: Path) -> None:
    found = json.loads((run_folder / "prepare/findings.json").read_text(encoding="utf-8"))["findings"]
    evidence = json.loads((run_folder / "prepare/evidence.json").read_text(encoding="utf-8"))["evidence"]
    page = (run_folder / "report.html").read_text(encoding="utf-8")
    assert {"personal_data", "secrets", "conflicting_labels", "near_duplicates", "repetition"} <= {
        f["check"] for f in found
    }
    assert any("[" in one["words"] for one in evidence if one["kind"] == "span")
    examples = page[page.index('<section id="examples">') : page.index('<section id="explanations">')]
    explanations = page[page.index('<section id="explanations">') :]
    for section in (page[: page.index('<section id="examples">')], examples, explanations):
        assert any(f"[{kind}]" in section for kind in PLANTED)


def test_the_rows_themselves_are_kept_as_they_are(run_folder: Path) -> None:
    assert PLANTED["email"].encode() in (run_folder / "prepare/train.parquet").read_bytes()


@pytest.mark.parametrize("more", [[], ["--json"], ["data.test=null", "--row", "train:10"]])
def test_check_shows_no_planted_value(
    folder: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    data = [f"data.test={folder / 'test.csv'}"] if "data.test=null" not in more else []
    typed = [
        "check",
        str(folder / "train.csv"),
        f"model={tiny_encoder}",
        "--no-step",
        "--runs-dir",
        str(folder / "none"),
    ]
    options = [word for word in more if word != "data.test=null"]
    capsys.readouterr()
    assert main([*typed, *data, "prepare.actions.leakage=report", *options]) == 0
    streams = capsys.readouterr()
    assert found_in(streams.out.replace(str(folder), "")) == []
    assert found_in(streams.err) == []
    assert "[email]" in streams.out


def test_check_of_conversations_shows_no_planted_value(
    tmp_path: Path, tiny_decoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    rows = []
    for kind, value in PLANTED.items():
        rows += [(f"question {kind} {i} about my order", f"Please ask {value} about it, thank you") for i in range(12)]
        rows += [(f"say the {kind}", f"{words} {value} seventeen eighteen nineteen {value}")]
    rows += [
        (f"what is {i} plus {i}", f"the sum of {i} and {i} is the number {2 * i}, {words}, as it is.")
        for i in range(60)
    ]
    held = [
        (f"{kind} please, how", f"And so: {words} {value} seventeen eighteen. Bye.") for kind, value in PLANTED.items()
    ]
    for name, some in (("train.jsonl", rows), ("test.jsonl", held)):
        lines = (json.dumps({"prompt": prompt, "completion": answer}) + "\n" for prompt, answer in some)
        (tmp_path / name).write_text("".join(lines), encoding="utf-8")
    asked = [f"data.test={tmp_path / 'test.jsonl'}", f"model={tiny_decoder}", "prepare.actions.leakage=report"]
    capsys.readouterr()
    assert main(["check", str(tmp_path / "train.jsonl"), *asked, "--no-step", "--json"]) == 0
    streams = capsys.readouterr()
    found = json.loads(streams.out)
    quoted = {f["check"]: f["message"] for f in found["findings"]}
    assert {"boilerplate", "cut_off", "leakage", "personal_data"} <= set(quoted)
    assert "'Please ask [" in quoted["boilerplate"]
    assert found_in(streams.out.replace(str(tmp_path), "")) == []
    assert found_in(streams.err) == []
