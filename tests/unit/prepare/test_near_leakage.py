"""Rows that give a test row away without being the same: reworded questions, pasted stretches; and what is usual."""

from __future__ import annotations

import csv
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.shared_data import shared_data
from tests.unit.prepare.some_rows import asked, labelled
from tunewright.core.events import null_tracker
from tunewright.core.plan import Plan
from tunewright.prepare.checks.check import Look
from tunewright.prepare.checks.leakage import leaks
from tunewright.prepare.checks.leakage import look as look_for_leaks
from tunewright.prepare.checks.near_leakage import FORMULA_ROWS, close_leaks, near_findings
from tunewright.prepare.checks.table import checked_actions
from tunewright.prepare.draft import Draft
from tunewright.prepare.keys import keyed
from tunewright.prepare.stage import draft

MTS = "mts_dialog/Main-Dataset/MTS-Dialog-TrainingSet.csv"
TRANSLATED = "mts_dialog_augmented/Augmented-Data/MTS-Dialog-Augmented-TrainingSet-1-En-FR-EN-2402-Pairs.csv"
ASKED = "how is your asthma since you started using your inhaler again"
REWORDED = "and your asthma, how is it since you use the inhaler again"
ANSWER = "Asthma."


def told(left: Sequence[tuple[str, str]], right: Sequence[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Test rows by how a train row gives them away."""
    found = close_leaks(keyed(asked(left)), keyed(asked(right, role="test")), exact=frozenset())
    return {kind: tuple(i for pair in pairs for i in pair.rights) for kind, pairs in found.items() if pairs}


def test_a_reworded_question_with_the_same_answer_is_told() -> None:
    other = ("what is this about", "Nothing.")
    assert told([other, (ASKED, ANSWER)], [(REWORDED, "asthma")]) == {"reworded": ("test:2",)}


def test_a_reworded_question_with_another_answer_is_not_told() -> None:
    assert told([(ASKED, ANSWER)], [(REWORDED, "Much better.")]) == {}


def test_another_question_with_the_same_answer_is_not_told() -> None:
    assert told([(ASKED, ANSWER)], [("which illness do you have", ANSWER)]) == {}


def test_an_answer_that_many_rows_give_is_a_formula() -> None:
    formula = [(f"a question that has nothing to do with number {i}", ANSWER) for i in range(FORMULA_ROWS)]
    assert told([(ASKED, ANSWER), *formula[1:]], [(REWORDED, ANSWER)]) == {"reworded": ("test:2",)}
    assert told([(ASKED, ANSWER), *formula], [(REWORDED, ANSWER)]) == {}


def test_of_a_reworded_question_the_most_similar_row_is_named() -> None:
    left = [("tell me how your asthma is", ANSWER), (ASKED, ANSWER)]
    found = close_leaks(keyed(asked(left)), keyed(asked([(REWORDED, ANSWER)], role="test")), exact=frozenset())
    pair = found["reworded"][0]
    assert (pair.lefts, pair.rights) == (("train:3",), ("test:2",))
    assert pair.how_much == pytest.approx(0.45, abs=0.1)


def test_a_row_that_was_told_of_as_reworded_is_not_counted_as_a_stretch_or_an_answer_again() -> None:
    """Its answer is long and stands there too; a row of which only the answer stands there is counted."""
    answer = "The patient has asthma, sinus trouble, hives and a history of psoriasis."
    left = keyed(asked([(ASKED, answer), ("what is it about", "Nothing.")]))
    right = keyed(asked([(REWORDED, answer), ("what was there before", answer)], role="test"))
    found = close_leaks(left, right, exact=frozenset())
    assert {kind: [i for pair in pairs for i in pair.rights] for kind, pairs in found.items() if pairs} == {
        "reworded": ["test:2"],
        "answer": ["test:3"],
    }


def test_of_two_reworded_questions_both_are_evidence_and_the_most_similar_one_comes_first() -> None:
    left = [("and your asthma, how is it now", ANSWER), (REWORDED.replace("use", "took"), ANSWER), ("why", "Nothing.")]
    right = keyed(asked([(REWORDED, ANSWER)], role="test"))
    for some, order in ((left, ["train:3", "train:2"]), (left[1::-1], ["train:2", "train:3"])):
        found = close_leaks(keyed(asked(some)), right, exact=frozenset())["reworded"]
        assert [pair.lefts[0] for pair in found] == order


def test_a_row_that_was_told_of_in_one_way_is_not_counted_in_the_next() -> None:
    long = "please send the new one to my other address since the old one is not mine any more as before"
    left = keyed(labelled([(f"{long}hand", "x"), (f"{long} and then tell me about the weather in the hills", "x")]))
    right = keyed(labelled([(long, "x")], role="test"))
    near, span = near_findings(("train", "test"), close_leaks(left, right, exact=frozenset()), n_right=1)
    assert near.message.startswith("1 test row (100 %) also in train, nearly")
    assert span.message.startswith("1 train row beside test rows that were found in another way: half of it")
    assert (near.severity, span.severity) == ("warning", "info")


STRETCH = "do you have any history of surgical procedures"


def test_a_short_stretch_that_many_texts_have_is_a_formula_and_a_long_one_never() -> None:
    """Eight words: told when one or two train texts say them, not when many do; thirteen always."""
    ends = [f"said {word} {word}s" for word in ("amber", "birch", "cedar", "daisy", "elder")]
    for stretch, n, is_told in ((STRETCH + " yet", 2, True), (STRETCH + " yet", 5, False), (STRETCH * 2, 5, True)):
        left = keyed(
            labelled([(f"{stretch} {end} and a lot more that is not in the other text", "x") for end in ends[:n]])
        )
        right = keyed(labelled([(f"so {stretch} tell me now", "x")], role="test"))
        assert bool(close_leaks(left, right, exact=frozenset())["span"]) is is_told, (stretch, n)


def test_an_answer_without_its_question_is_told_and_is_no_warning() -> None:
    answer = "The patient has asthma, sinus trouble, hives and a history of psoriasis."
    left, right = keyed(asked([(ASKED, answer)])), keyed(asked([("what was there before", answer)], role="test"))
    found = close_leaks(left, right, exact=frozenset())
    assert [kind for kind, pairs in found.items() if pairs] == ["answer"]
    (finding,) = near_findings(("train", "test"), found, n_right=1)
    assert (finding.severity, finding.row_ids) == ("info", ("train:2", "test:2"))


@pytest.fixture(scope="module")
def dialogues(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """mts_dialog's training rows and their translations to French and back in one file, each with its dialogue's id."""
    csv.field_size_limit(10**8)
    folder = tmp_path_factory.mktemp("dialogues")
    with (folder / "dialogues.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["dialogue_id", "dialogue", "section_text"])
        for name in (MTS, TRANSLATED):
            with shared_data(name).open(encoding="utf-8", newline="") as source:
                rows = csv.DictReader(source)
                writer.writerows((f"D{row['ID'].split()[-1]}", row["dialogue"], row["section_text"]) for row in rows)
    return folder


@pytest.fixture(scope="module")
def grouped(dialogues: Path) -> Draft:
    return split(dialogues, seed=0, is_grouped=True)


def split(folder: Path, *, seed: int, is_grouped: bool) -> Draft:
    data = {"train": "dialogues.csv", **({} if is_grouped else {"group_column": None})}
    plan = Plan.model_validate({"data": data, "run": {"seed": seed}})
    return draft(plan, folder=folder, tell=null_tracker)


def test_translated_dialogues_split_at_random_are_told_of_with_their_pairs(dialogues: Path, grouped: Draft) -> None:
    seed = secrets.randbits(32)
    at_random = split(dialogues, seed=seed, is_grouped=False)
    id_of = {row.row_id: row.group for part in grouped.splits.values() for row in part}
    train = {id_of[row.row_id] for row in at_random.splits["train"]}
    test = {row.row_id for row in at_random.splits["test"]}
    twins = {row_id for row_id in test if id_of[row_id] in train}
    pairs = [one.row_ids for one in at_random.seen.evidence if one.check == "leakage"]
    told_of = {ids[-1] for ids in pairs if len({id_of[i] for i in ids}) == 1}
    recall = len(twins & told_of) / len(twins)
    warnings = [f for f in at_random.findings if f.check == "leakage" and f.severity == "warning"]
    n_named = len({i for finding in warnings for i in finding.row_ids} & test)
    sys.stdout.write(f"seed {seed}: {len(twins)} of {len(test)} test rows have a twin in train, {recall:.3f} told of\n")
    assert len(twins) > 0.5 * len(test), seed
    assert recall >= 0.85, seed  # .90 to .94 in ten seeds
    assert n_named >= 0.5 * len(test), seed


def test_translated_dialogues_are_clean_when_rows_of_one_dialogue_stay_together(grouped: Draft) -> None:
    """What is left are other dialogues that share words, less than 1 in 20 rows: mts_dialog has such itself."""
    assert grouped.shape.group_column == "dialogue_id", "found by its name and its values"
    id_of = {row.row_id: row.group for part in grouped.splits.values() for row in part}
    pairs = [one.row_ids for one in grouped.seen.evidence if one.check == "leakage"]
    assert not [ids for ids in pairs if len({id_of[i] for i in ids}) == 1]
    assert not [f for f in grouped.findings if f.check == "leakage" and f.severity != "info"]
    n_held = len(grouped.splits["test"]) + len(grouped.splits["validation"])
    assert len({ids[-1] for ids in pairs}) < 0.05 * n_held


def test_close_leaks_tells_of_at_most_one_in_200_rows_that_have_nothing_in_common() -> None:
    seed = secrets.randbits(32)
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("abcdefghij"), 5)) for _ in range(400)]

    def rows(n: int) -> list[tuple[str, str]]:
        return [(" ".join(rng.choice(words, rng.integers(4, 40))), str(rng.choice(words))) for _ in range(n)]

    found = told(rows(2_000), rows(1_000))
    n = sum(map(len, found.values()))
    sys.stdout.write(f"seed {seed}: {n} of 1,000 clean rows told of\n")
    assert n <= 0.005 * 1_000, (seed, found)


def test_leaks_finds_every_row_that_is_planted_as_it_stands_or_in_other_letters_and_marks() -> None:
    seed = secrets.randbits(32)
    rng = np.random.default_rng(seed)
    words = ["".join(rng.choice(list("abcdefghij"), 5)) for _ in range(2_000)]
    texts = [" ".join(rng.choice(words, rng.integers(4, 30))) for _ in range(2_000)]
    changed = (str, str.upper, str.title, lambda t: f"{t}!?", lambda t: t.replace(" ", ", "), lambda t: f"  ({t})...")
    test = [changed[i % len(changed)](text) for i, text in enumerate(texts[:600])]
    train, tested = keyed(labelled([(t, "x") for t in texts[:1_000]])), [*test, *texts[1_000:]]
    right = keyed(labelled([(t, "x") for t in tested], role="test"))
    (leak,) = leaks({"train": train, "test": right})
    planted = {f"test:{i}" for i in range(2, 602)}
    sys.stdout.write(f"seed {seed}: {len(planted & set(leak.normalised[1]))} of 600 planted rows found\n")
    assert set(leak.normalised[1]) == planted, seed
    assert {f"test:{i}" for i in range(2, 602, len(changed))} <= set(leak.exact[1]), seed


def test_what_to_do_about_near_copies_depends_on_who_made_the_split() -> None:
    text = "my card has not arrived after two weeks and nobody at your office answers the phone"
    rows = {"train": keyed(labelled([(text, "a")])), "test": keyed(labelled([(f"{text} now", "a")], role="test"))}
    given, ours = (
        look_for_leaks(Look("classify", moment, rows, checked_actions({}), own=frozenset(rows)))  # type: ignore[arg-type]
        for moment in ("given", "split")
    )
    assert [
        ("group_column" in f.suggestion, "one file" in f.suggestion) for f in (*given.findings, *ours.findings)
    ] == [
        (False, True),
        (True, False),
    ]
