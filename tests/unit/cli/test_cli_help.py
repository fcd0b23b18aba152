"""`tunewright help`: the top page, and what any word means."""

from __future__ import annotations

import json

import pytest

from tunewright.cli.help import LISTS, entries, shown
from tunewright.cli.main import main
from tunewright.cli.verbs import VERBS, help_text
from tunewright.core.aliases import ALIASES, NO_COUNTERPART
from tunewright.core.errors import PlanError
from tunewright.core.fields import plan_fields
from tunewright.prepare.checks.table import CHECKS
from tunewright.report.glossary import GLOSSARY, term

EVERY_WORD = [
    *VERBS, *LISTS, *plan_fields(), *ALIASES, *NO_COUNTERPART, *GLOSSARY, *map(term, GLOSSARY),
    *("warmup_steps", "train.lr", "data", "model", "2", "9", "130", "PlanError", "nonfiniteloss"),
]  # fmt: skip


def test_top_page_is_one_screen_of_80_columns() -> None:
    lines = help_text().splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("word", EVERY_WORD)
def test_help_knows_the_word_and_says_it_in_80_columns(word: str) -> None:
    for entry in entries(word):
        assert max(map(len, shown(entry).splitlines())) <= 80
        assert all(text for _, text in entry.lines)


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_has_its_example(verb: str) -> None:
    assert ("example", VERBS[verb].example) in entries(verb)[0].lines


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("lr", ["train.learning_rate", "Learning rate"]),
        ("lora_r", ["train.lora_r"]),
        ("limit", ["data.limit", "evaluate.limit"]),
        ("max_seq_length", ["prepare.max_length"]),
        ("3", ["DataError, exit code 3"]),
        ("4", ["ModelError, exit code 4"]),
        ("DoesNotFit", ["DoesNotFit, exit code 4"]),
        ("export", ["export PLAN|DATA|RUN [a.b=c ...] [--push NAME]", "Export"]),
    ],
)
def test_help_says_everything_that_a_word_can_mean(word: str, names: list[str]) -> None:
    assert [entry.name for entry in entries(word)] == names


def test_help_of_a_field_has_its_range_rule_and_lines_to_copy() -> None:
    facts = dict(entries("train.epochs")[0].lines)
    assert facts["takes"] == "a number (above 0, at most 1000)"
    assert facts["left out"].startswith("5 for full tuning")
    assert facts["typed"] == "tunewright run tickets.csv train.epochs=3"
    assert facts["in a plan"] == "train: {epochs: 3}"


@pytest.mark.parametrize(
    ("word", "fix"),
    [
        ("overfiting", "tunewright help Overfitting"),
        ("train.epoch", "tunewright help train.epochs"),
        ("bits per bite", "tunewright help 'Bits per byte'"),
        ("xqzw", "tunewright help words"),
    ],
)
def test_help_offers_the_nearest_word_when_it_knows_none(word: str, fix: str) -> None:
    with pytest.raises(PlanError) as caught:
        entries(word)
    assert caught.value.fix == fix


def test_help_takes_several_words_and_tells_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "bits", "per", "byte", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["word"] == "bits per byte"
    assert [entry["kind"] for entry in found["entries"]] == ["word"]


def test_help_of_the_actions_lists_every_check_with_what_it_does_unasked() -> None:
    [entry] = entries("prepare.actions")
    lines = dict(entry.lines)
    unasked = {name: lines[name].split()[0].removesuffix(":") for name in CHECKS}
    assert unasked == {name: check.actions[0] for name, check in CHECKS.items()}
    assert lines["label_errors"] == "report (or drop, fix): label that is probably wrong"
    assert entries("actions") == entries("prepare.actions")
