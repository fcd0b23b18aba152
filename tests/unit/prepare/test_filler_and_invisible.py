"""Answers that say nothing and characters that nobody sees are named on their rows, and ordinary ones are not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.shared_data import shared_data
from tests.unit.prepare.fresh_seed import fresh
from tests.unit.prepare.some_rows import asked, labelled
from tunewright.core.plan import Plan
from tunewright.core.values import Action
from tunewright.prepare.checks.check import Found, Look
from tunewright.prepare.checks.filler_answers import FILLERS, is_filler
from tunewright.prepare.checks.invisible import is_unbalanced
from tunewright.prepare.checks.table import CHECKS, checked_actions
from tunewright.prepare.detect import shape
from tunewright.prepare.keys import keyed
from tunewright.tables.convert import converted
from tunewright.tables.read import read_table
from tunewright.text.clean import normalised


def found(name: str, rows: Any, *, role: Any = "train", action: Action | None = None) -> Found:
    look = CHECKS[name].look
    assert look
    return look(Look("generate", "given", {role: keyed(rows)}, checked_actions({name: action} if action else {})))


ORDINARY = (
    "Yes.",
    "no",
    "unknown",
    "42",
    "x = 3",
    "Not available today, but on Monday.",
    "👍",
    ":)",
    "None of them came.",
)
PLANTED = (
    "N/A",
    "n/a.",
    "-",
    "--",
    "…",
    "???",
    "None",
    "idk",
    "I don't know.",
    "TODO",
    "tbd",
    "(blank)",
    "test",
    "xxx",
)


def test_planted_fillers_are_found_on_their_rows_and_no_other() -> None:
    rng = fresh()
    said = [rng.choice(PLANTED) if rng.random() < 0.15 else rng.choice(ORDINARY) for _ in range(300)] + ["-"]
    made = found("filler_answers", asked([(f"question {i}", answer) for i, answer in enumerate(said)]))
    wanted = {f"train:{i}" for i, answer in enumerate(said, start=2) if answer in PLANTED}
    (finding,) = made.findings
    assert set(finding.row_ids) == wanted == {suspect.row_id for suspect in made.suspects}
    assert "they are learned" in finding.message


def test_fillers_leave_train_when_asked_and_test_never() -> None:
    rows = asked([("a", "n/a"), ("b", "fine")])
    assert [gone.row_id for gone in found("filler_answers", rows, action="drop").dropped] == ["train:2"]
    assert not found("filler_answers", rows, role="test", action="drop").dropped


def test_only_what_is_learned_can_be_a_filler() -> None:
    assert not found("filler_answers", asked([("n/a", "What do you mean?")])).findings


@pytest.mark.parametrize("word", sorted(FILLERS))
def test_every_filler_is_written_as_it_is_compared(word: str) -> None:
    assert normalised(word) == word
    assert is_filler(word.upper())


HIDDEN = ("a\u200bb", "zero\u2060width", "co\u00adoperate", "\u3164", "in\u200dvisible", "hi \U000e0041\U000e0042")
VISIBLE = (
    "नमस्ते क्\u200dष",
    "می\u200cخواهم",
    "👩\u200d🚀 👍🏽 ☎\ufe0f",
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f wins",
    "שלום\u200f!",
    "\u2068name\u2069 and \u202bשלום\u202c",
    "ខ្ញុំ\u200bទៅ",
    "plain",
)


def test_planted_hidden_characters_are_found_on_their_rows_and_no_other() -> None:
    rng = fresh()
    said = [rng.choice(HIDDEN) if rng.random() < 0.2 else rng.choice(VISIBLE) for _ in range(200)] + [HIDDEN[0]]
    (finding,) = found("invisible", labelled([(text, "x") for text in said])).findings
    assert set(finding.row_ids) == {f"train:{i}" for i, text in enumerate(said, start=2) if text in HIDDEN}
    assert finding.action == "report"


def test_hidden_characters_are_named() -> None:
    (finding,) = found("invisible", labelled([("a\u200bb\u200bc", "x")])).findings
    assert finding.message == "1 row holds characters that nobody sees (zero width space 2), as train:2"


@pytest.mark.parametrize(
    ("text", "is_odd"),
    [("a\u202eb", True), ("a\u202eb\u202c", False), ("\u2067a", True), ("\u2067a\n\u2069", True), ("a\u202c", True),
     ("\u2066a\u2069\u2067b\u2069", False), ("שלום", False)],
)  # fmt: skip
def test_a_direction_that_is_not_turned_back_is_named(text: str, is_odd: bool) -> None:
    assert is_unbalanced(text) == is_odd
    made = found("invisible", labelled([(text, "x")]))
    assert [f.message for f in made.findings] == (
        ["1 row turns the writing direction and not back, as train:2"] if is_odd else []
    )


@pytest.mark.parametrize(
    ("name", "n_fillers", "n_hidden"),
    [
        ("banking77/banking_data/train.csv", 0, 0),
        ("gsm8k/grade_school_math/data/train.jsonl", 0, 1),
        ("korean_chatbot/ChatbotData.csv", 0, 0),
        ("sms_spam/data/sms.tsv", 0, 0),
        ("scitldr/SciTLDR-Data/SciTLDR-A/train.jsonl", 0, 0),
        ("oasst1_valid/eval/prompts/oa_questions.jsonl", 0, 4),
        ("mts_dialog/Main-Dataset/MTS-Dialog-TrainingSet.csv", 37, 0),  # None. as a whole section,
    ],
)
def test_real_files_hold_as_many_as_were_counted_by_eye(name: str, n_fillers: int, n_hidden: int) -> None:
    table = read_table(shared_data(name), role="train")
    rows = converted(table, shape=shape(table, plan=Plan()), system=None).rows
    counts = [
        len({row_id for finding in found(check, rows).findings for row_id in finding.row_ids})
        for check in ("filler_answers", "invisible")
    ]
    assert counts == [n_fillers, n_hidden]
