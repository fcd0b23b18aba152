"""The law of init: the plan it writes means what the data alone means, whatever is uncommented."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.pipeline.data import ENDINGS, WORDS, write_documents, write_labelled, write_pairs
from tests.starters import starter_folder
from tunewright.core.errors import DataError, PlanError, RunError
from tunewright.core.plan import Plan
from tunewright.core.planfile import load_plan
from tunewright.pipeline import decide
from tunewright.verbs.commented_plan import yaml_value
from tunewright.verbs.example import example_folder
from tunewright.verbs.init import Initial, init, roles

COMMENTED = re.compile(r"^( *)#(\w+: )", re.MULTILINE)
STRANGE = (
    'say "hi"',
    "it's: a #1",
    "yes",
    "null",
    "über 😀",
    "a\tb",
    "[x], {y}",
    " lead",
    "1e3",
    "- dash",
    "%",
    "2024-01-01",
)
"""Names of columns that YAML would read as something else."""


@pytest.fixture(scope="module", autouse=True)
def starters() -> None:
    """init chooses among the starter models: their tokenizers count the tokens."""
    starter_folder("minilm-l6")
    starter_folder("smollm2-135m-instruct")


def write_strange(path: Path, *, text: str = STRANGE[0], label: str = STRANGE[1]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((text, label))
        rows = (
            (f"{word} in the shop {ending}", name)
            for name, words in WORDS.items()
            for word in words
            for ending in ENDINGS
        )
        writer.writerows(rows)
    return path


def write_chats(path: Path) -> Path:
    def turns(i: int) -> list[dict[str, str]]:
        return [{"role": "user", "content": f"say {i}"}, {"role": "assistant", "content": f"you said {i}"}]

    path.write_text("".join(json.dumps({"messages": turns(i), "user_id": f"u{i % 7}"}) + "\n" for i in range(40)))
    return path


def write_alpaca(path: Path) -> Path:
    rows = [
        {"instruction": f"add one to number {i}", "input": str(i) if i % 2 else "", "output": f"it is {i + 1}"}
        for i in range(40)
    ]
    path.write_text(json.dumps(rows))
    return path


def copied(name: str) -> Callable[[Path], Path]:
    return lambda path: Path(shutil.copy(example_folder("support") / name, path))


SHAPES: dict[str, Callable[[Path], Path]] = {
    "messages.csv": copied("messages.csv"),
    "replies.jsonl": copied("replies.jsonl"),
    "labelled.csv": write_labelled,
    "pairs.jsonl": write_pairs,
    "documents.txt": write_documents,
    "chats.jsonl": write_chats,
    "alpaca.json": write_alpaca,
    "odd: näme #1.csv": write_strange,
}


def made(folder: Path, name: str) -> tuple[Initial, Path]:
    data = SHAPES[name](folder / name)
    return init([data], out=folder / "plan.yaml"), data


def meant(path: Path) -> Plan:
    return decide(load_plan(path)).plan


@pytest.mark.parametrize("name", SHAPES)
def test_the_plan_of_init_resolves_as_the_data_alone_also_with_all_lines_uncommented(name: str, tmp_path: Path) -> None:
    found, data = made(tmp_path, name)
    alone = meant(data)
    assert meant(tmp_path / "plan.yaml") == alone == found.plan
    whole = tmp_path / "whole.yaml"
    whole.write_text(COMMENTED.sub(r"\1\2", found.text), encoding="utf-8")
    assert whole.read_text(encoding="utf-8").count("\n") == found.text.count("\n")
    assert len(load_plan(whole).given) > len(load_plan(tmp_path / "plan.yaml").given) + 12
    assert meant(whole) == alone


@pytest.mark.parametrize("name", ["labelled.csv", "pairs.jsonl"])
def test_each_line_of_init_alone_can_be_uncommented(name: str, tmp_path: Path) -> None:
    found, data = made(tmp_path, name)
    alone = meant(data)
    one = tmp_path / "one.yaml"
    for match in COMMENTED.finditer(found.text):
        text = f"{found.text[: match.start()]}{match[1]}{match[2]}{found.text[match.end() :]}"
        one.write_text(text, encoding="utf-8")
        assert meant(one) == alone, match[2]


def test_init_says_what_it_found_and_why(tmp_path: Path) -> None:
    found, _ = made(tmp_path, "messages.csv")
    said = yaml.safe_load(found.text)
    assert said["task"] == "classify"
    assert said["model"]["name"] == "starter:minilm-l6"
    assert said["data"] == {"train": "messages.csv", "format": "csv", "text_column": "text", "label_column": "label"}
    assert said["prepare"] == {"validation_fraction": 0.15, "test_fraction": 0.15}
    assert said["run"] == {"name": "messages"}
    assert "Next best: starter:smollm2-135m-instruct" in found.text
    assert "#learning_rate: 0.0001" in found.text
    assert "#lora_r" not in found.text  # of full tuning
    path = tmp_path / "plan.yaml"
    assert found.text.endswith(f"# Next:\n#   tunewright check {path}\n#   tunewright run {path}\n")
    assert max(len(line) for line in found.text.splitlines() if str(path) not in line) <= 80


def test_init_leaves_a_fraction_unsaid_when_its_limit_bites(tmp_path: Path) -> None:
    """Said, 15 % of 7,200 rows would be 1,080 for validation; unsaid, it is 1,000 at most. No two rows are alike."""
    data = tmp_path / "many.csv"
    names = [(word, label) for label, words in WORDS.items() for word in words]
    rows = [
        f"{word} {' '.join(str((9 * i + k) ** 3) for k in range(4))},{label}"
        for i, (word, label) in enumerate(600 * names)
    ]
    data.write_text("text,label\n" + "\n".join(rows) + "\n")
    found = init([data], out=tmp_path / "plan.yaml")
    assert yaml.safe_load(found.text)["prepare"] == {"test_fraction": 0.15}
    assert meant(tmp_path / "plan.yaml") == meant(data)


def test_init_knows_the_files_by_their_names_and_starts_paths_at_the_plan(tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    lines = write_labelled(tmp_path / "all.csv").read_text().splitlines()
    parts = {"my-train.csv": lines[1::2], "test.csv": lines[2::4], "valid.csv": lines[4::4]}
    for name, rows in parts.items():
        (tmp_path / name).write_text("\n".join([lines[0], *rows]) + "\n")
    found = init(
        [tmp_path / name for name in ("test.csv", "valid.csv", "my-train.csv")], out=tmp_path / "plans" / "p.yaml"
    )
    said = yaml.safe_load(found.text)["data"]
    assert (said["train"], said["test"], said["validation"]) == ("../my-train.csv", "../test.csv", "../valid.csv")
    assert "_fraction" not in found.text
    assert meant(tmp_path / "plans" / "p.yaml") == found.plan


def test_roles_give_two_train_files_and_refuse_none() -> None:
    two = [Path("a.csv"), Path("b.csv")]
    assert roles(two) == {"train": tuple(two)}
    assert roles([Path("test.csv")]) == {"train": (Path("test.csv"),)}
    with pytest.raises(PlanError, match="no file is left to train on"):
        roles([Path("test.csv"), Path("dev.csv")])
    with pytest.raises(PlanError, match="is a plan already"):
        roles([Path("plan.yaml")])


def test_init_never_overwrites_and_offers_a_free_name(tmp_path: Path) -> None:
    data = write_labelled(tmp_path / "rows.csv")
    for name in ("plan.yaml", "plan-2.yaml"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(RunError, match="there already") as caught:
        init([data], out=tmp_path / "plan.yaml")
    assert caught.value.fix == f"tunewright init {data} -o {tmp_path / 'plan-3.yaml'}"
    assert (tmp_path / "plan.yaml").read_text() == "mine"


def test_init_writes_nothing_when_the_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("text,label\n")
    with pytest.raises(DataError):
        init([tmp_path / "one.csv"], out=tmp_path / "plan.yaml")
    assert not (tmp_path / "plan.yaml").exists()


@pytest.mark.parametrize("label", STRANGE)
def test_init_round_trips_a_strange_column_name(label: str, tmp_path: Path) -> None:
    data = write_strange(tmp_path / "rows.csv", text="text", label=label)
    found = init([data], out=tmp_path / "plan.yaml")
    assert found.plan.data.label_column is not None
    assert load_plan(tmp_path / "plan.yaml").plan.data.label_column == found.plan.data.label_column
    assert meant(tmp_path / "plan.yaml") == meant(data)


def test_init_refuses_a_column_called_auto_because_no_plan_can_name_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a column called auto cannot be used"):
        init([write_strange(tmp_path / "rows.csv", text="text", label="auto")], out=tmp_path / "plan.yaml")


@given(
    st.one_of(
        st.text(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.none(),
        st.booleans(),
        st.lists(st.text()),
    )
)
def test_yaml_value_is_read_back_as_it_was_on_one_line(value: object) -> None:
    text = yaml_value(value)
    assert len(f"x{text}".splitlines()) == 1
    assert yaml.safe_load(f"  key: {text}\n  other: 1\n") == {"key": value, "other": 1}
