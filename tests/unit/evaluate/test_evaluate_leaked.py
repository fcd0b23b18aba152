"""Which test rows leaked, by the evidence that prepare writes, and what is said of the scores without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import pytest

from tests.unit.prepare.some_rows import labelled
from tunewright.core.values import Comparison, Metric, Verdict
from tunewright.evaluate.leaked import Leaked, WithoutLeaked, leaked, read_evidence
from tunewright.evaluate.verdict import and_without_leaked, status_of, verdict
from tunewright.prepare.checks.check import Look
from tunewright.prepare.checks.leakage import look
from tunewright.prepare.checks.table import checked_actions
from tunewright.prepare.keys import keyed

TRAIN = ("My card is lost", "my card is lost!", "please send the new one to my other address", "is there a fee")
TEST = ("my card is lost", "please send the new one to my other addresses", "IS THERE A FEE?", "nothing of it")


def evidence(train: Sequence[str] = TRAIN, test: Sequence[str] = TEST) -> list[dict[str, Any]]:
    rows = {"train": train, "test": test}
    shown = {split: keyed(labelled([(t, "x") for t in texts], role=split)) for split, texts in rows.items()}
    found = look(Look("classify", "given", shown, checked_actions({"leakage": "report"})))  # type: ignore[arg-type]
    return [asdict(one) for one in found.evidence]


TESTED = frozenset(f"test:{i}" for i in range(2, 6))
LEARNED = frozenset(f"train:{i}" for i in range(2, 6))


def test_evidence_of_leakage_names_every_row_of_a_question_and_whether_it_is_word_for_word() -> None:
    equal = [(one["kind"], one["row_ids"]) for one in evidence() if one["kind"] != "near"]
    assert equal == [("normalised", ("train:2", "train:3", "test:2")), ("normalised", ("train:5", "test:4"))]


def test_leaked_has_equal_rows_first_and_then_the_similar_ones_too() -> None:
    assert leaked(evidence(), learned=LEARNED, tested=TESTED) == (
        Leaked(("normalised",), frozenset({"test:2", "test:4"}), is_equal=True),
        Leaked(("near", "normalised"), frozenset({"test:2", "test:3", "test:4"}), is_equal=False),
    )


def test_leaked_counts_no_row_whose_twins_were_all_taken_out_of_train() -> None:
    (equal, both) = leaked(evidence(), learned=LEARNED - {"train:2"}, tested=TESTED)
    assert equal.row_ids == {"test:2", "test:4"}, "train:3 still asks it"
    (both,) = leaked(evidence(), learned=LEARNED - {"train:2", "train:3", "train:5"}, tested=TESTED)
    assert (both.row_ids, both.is_equal) == ({"test:3"}, False)


ADDRESS = "please send the new one to my other address since the old one is not mine any more as before"
PASTED = f"{ADDRESS} and then tell me all about the weather in the hills and on the coast of the north"


def test_a_row_stays_leaked_until_the_last_row_that_gives_it_away_has_left_train() -> None:
    """Word for word, nearly so, another one nearly so, and with the whole question in a longer one."""
    train = (ADDRESS, f"{ADDRESS}hand", f"{ADDRESS}time", PASTED, "is there a fee")
    found = evidence(train, (ADDRESS, "nothing of it"))
    for i in range(2, 6):
        some = leaked(found, learned={f"train:{j}" for j in range(i, 7)}, tested={"test:2", "test:3"})
        assert [one.row_ids for one in some] == [frozenset({"test:2"})], i
    assert leaked(found, learned={"train:6"}, tested={"test:2", "test:3"}) == ()
    pairs = [one["row_ids"] for one in found]
    assert len(pairs) == len(set(pairs)) == 4, "each of them once"


def test_a_row_whose_near_copy_the_limit_took_is_leaked_by_the_other_one() -> None:
    found = evidence((f"{ADDRESS}hand", f"{ADDRESS}time"), (ADDRESS,))
    for row_id in ("train:2", "train:3"):
        (some,) = leaked(found, learned={row_id}, tested={"test:2"})
        assert (some.kinds, some.row_ids) == (("near",), frozenset({"test:2"}))


def test_leaked_counts_no_row_of_which_only_the_answer_stands_in_train() -> None:
    answer = {"check": "leakage", "kind": "answer", "row_ids": ["train:2", "test:2"], "value": 0.9, "words": "yes"}
    assert leaked([answer], learned=LEARNED, tested=TESTED) == ()
    (some,) = leaked([answer, {**answer, "kind": "span"}], learned=LEARNED, tested=TESTED)
    assert some.kinds == ("span",)


def test_leaked_is_empty_when_no_test_row_is_named() -> None:
    assert leaked([], learned=LEARNED, tested=TESTED) == ()
    assert leaked(evidence(), learned=LEARNED, tested=frozenset({"test:5"})) == ()
    assert leaked([{**one, "check": "near_duplicates"} for one in evidence()], learned=LEARNED, tested=TESTED) == ()


def test_read_evidence_reads_what_prepare_writes_and_nothing_where_nothing_is(tmp_path: Any) -> None:
    assert read_evidence(tmp_path) == ()
    (tmp_path / "evidence.json").write_text('{"evidence": [{"check": "leakage"}]}', encoding="utf-8")
    assert read_evidence(tmp_path) == ({"check": "leakage"},)


def said(value: float, *, left_out: int, rows: int, is_equal: bool = True, status: Verdict = "better") -> str:
    """The line about 25 rows of 3,080 that leaked; the score with them is .94."""
    comparison = Comparison("tuned", "base", "accuracy", 0.5, (0.4, 0.6), 0.001, "McNemar", "better")
    without = WithoutLeaked(
        kinds=("normalised",),
        is_equal=is_equal,
        left_out=left_out,
        rows=rows,
        systems={"tuned": {"accuracy": Metric(value, rows, "share", "s")}},
        comparisons=(comparison,),
        status=status,
    )
    made = verdict(
        [comparison],
        primary_metric="accuracy",
        metrics_by_system={name: {"accuracy": Metric(0.94, 3080, "share", "s")} for name in ("tuned", "base")},
        not_run={},
        rows=3080,
        test_set_uses=1,
    )
    made = and_without_leaked(made, (without,), metric="accuracy", with_them=Metric(0.94, 3080, "share", "s"))
    (line,) = (line for line in made.details if "too" in line)
    return line


def test_verdict_tells_the_score_without_the_rows_that_leaked() -> None:
    assert said(0.93, left_out=25, rows=3055) == (
        "25 test rows stand in train or validation too: without them the tuned model answers 93.0 % of 3,055 test rows "
        "correctly (with them 94.0 %), and the verdict stays."
    )


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (said(0.93, left_out=1, rows=3079), "1 test row stands in train or validation too: without it the tuned"),
        (said(0.93, left_out=9, rows=3071, is_equal=False), "validation too, nearly or in part: without them"),
        (said(0.5, left_out=9, rows=3071, status="worse"), "and the verdict would be 'worse'."),
        (
            said(float("nan"), left_out=3080, rows=0),
            "3,080 test rows stand in train or validation too: without them noth",
        ),
    ],
)
def test_verdict_tells_it_in_words_that_fit(told: str, words: str) -> None:
    assert words in told


def test_status_of_leaves_out_what_could_not_be_compared() -> None:
    made = Comparison("tuned", "base", "accuracy", 0.5, (0.4, 0.6), 0.001, "McNemar", "better")
    none = replace(made, b="tfidf", difference=float("nan"), verdict="not distinguishable")
    assert status_of([made, none]) == "better"
    assert status_of([none]) == "not distinguishable"
    assert status_of([none, replace(none, verdict="worse")]) == "not distinguishable"
