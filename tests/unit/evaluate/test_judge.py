"""The judge: both orders of every row, only the agreed ones counted, and everything that it did not say counted too."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fake_api import Body, Response, fake_api, last_turn, said
from tests.unit.evaluate.asked_over import contest_of, written_rows
from tunewright.core.errors import EvalError
from tunewright.core.events import Event, NoteEvent
from tunewright.core.values import Prediction
from tunewright.evaluate.contest import Contest
from tunewright.evaluate.judge.judging import judge_record, refuse_silent_judge
from tunewright.evaluate.judge.opinions import Opinion, judged
from tunewright.evaluate.judge.question import Word, judge_question, word_of

N = 6


def opinions(*words: tuple[Word | None, Word | None], group: str = "") -> list[Opinion]:
    return [Opinion(f"test:{i}", group, first, second) for i, (first, second) in enumerate(words)]


WON: tuple[Word, Word] = ("A", "B")
LOST: tuple[Word, Word] = ("B", "A")
MINDS_THE_ORDER: tuple[Word, Word] = ("A", "A")


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (("A", "B"), "won"),
        (("B", "A"), "lost"),
        (("A", "A"), "tied"),
        (("B", "B"), "tied"),
        (("tie", "tie"), "tied"),
        (("A", "tie"), "tied"),
        (("tie", "A"), "tied"),
        ((None, "B"), "missing"),
        (("A", None), "missing"),
    ],
)
def test_a_row_is_won_only_when_both_orders_say_so(words: tuple[Word, Word], outcome: str) -> None:
    assert opinions(words)[0].outcome == outcome


def test_counts_share_and_test_are_those_of_hand() -> None:
    """6 won, 1 lost, 3 tied of 10, one missing. Mid-p of 1 against 6: 2 (1 + 7)/128 - 7/128 = 9/128."""
    some = opinions(*[WON] * 6, LOST, MINDS_THE_ORDER, ("tie", "tie"), ("tie", "B"), ("A", None))
    found = judged(some, ours="tuned", rival="base", seed=0)
    assert (found.won, found.lost, found.tied, found.missing, found.equal) == (6, 1, 3, 1, 0)
    assert (found.share_won.value, found.share_won.n) == (0.6, 10)
    low, high = found.share_won.ci95  # Wilson, 6 of 10
    assert (round(low, 4), round(high, 4)) == (0.3127, 0.8318)
    assert found.comparison.difference == pytest.approx(0.5)
    assert found.comparison.p_value == pytest.approx(9 / 128)
    assert (found.comparison.a, found.comparison.b, found.comparison.metric) == ("tuned", "base", "judge")
    assert found.comparison.test.endswith("10 rows, 6 won, 1 lost")
    assert found.comparison.verdict == "not distinguishable"


def test_minding_the_order_is_counted() -> None:
    """Of 4 rows known in both orders 2 changed; A was said 6 times, B twice."""
    found = judged(opinions(WON, MINDS_THE_ORDER, ("A", "tie"), LOST, ("A", None)), ours="tuned", rival="base", seed=0)
    assert (found.asked, found.disagreed) == (4, 2)
    assert (found.decided, found.chose_first) == (8, 6)


def test_nothing_judged_is_nan_and_not_a_draw() -> None:
    found = judged(opinions((None, "A"), (None, None)), ours="tuned", rival="base", seed=0)
    assert (found.share_won.n, found.comparison.a, found.comparison.b) == (0, "tuned", "base")
    assert math.isnan(found.share_won.value)
    assert math.isnan(found.comparison.difference)
    assert found.share_won.reason == "no row was judged in both orders"
    assert found.comparison.test == "not run: no row was judged in both orders"


def test_sides_swap_when_the_systems_do() -> None:
    some = opinions(*[WON] * 8, LOST, ("tie", "tie"))
    swapped = [Opinion(o.row_id, "", o.theirs_first, o.ours_first) for o in some]
    ours, theirs = (judged(of, ours="a", rival="b", seed=0) for of in (some, swapped))
    assert (ours.won, ours.lost) == (theirs.lost, theirs.won) == (8, 1)
    assert ours.comparison.difference == -theirs.comparison.difference
    assert ours.comparison.p_value == theirs.comparison.p_value
    assert ours.comparison.verdict == "better"
    assert theirs.comparison.verdict == "worse"


def test_rows_of_one_group_are_one_piece_of_evidence() -> None:
    """Eight rows won, all of one chat, beside one of another: two units can prove nothing."""
    alone = opinions(*[WON] * 9)
    grouped = [replace(one, group="chat") for one in alone[:8]] + alone[8:]
    assert judged(alone, ours="a", rival="b", seed=0).comparison.verdict == "better"
    found = judged(grouped, ours="a", rival="b", seed=0)
    assert found.comparison.verdict == "not distinguishable"
    assert "2 groups" in found.comparison.test


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ("A", "A"),
        (" B\n", "B"),
        ("tie", "tie"),
        ("**Tie.**", "tie"),
        ("a", None),
        ("Answer A", None),
        ("A or B", None),
        ("", None),
    ],
)
def test_only_the_word_that_was_asked_for_counts(answer: str, word: Word | None) -> None:
    assert word_of(answer) == word


def test_braces_in_rows_stay_as_they_are() -> None:
    (turn,) = judge_question("{request}", "{0}", first="{}", second='{"a": 1}')
    assert "<request>\n{request}\n</request>" in turn.content
    assert '<answer_B>\n{"a": 1}\n</answer_B>' in turn.content


def judging(url: str, folder: Path, **api: object) -> Contest:
    contest = contest_of(written_rows(N), url=url, folder=folder, **api)
    return replace(contest, plan=contest.plan.with_(evaluate=contest.plan.evaluate.with_(judge="gpt")))


def written(system: str, *texts: str | None) -> tuple[Prediction, ...]:
    return tuple(
        Prediction(f"test:{i}", system, text or "", f"said {i}", is_stopped=None if text is None else True)
        for i, text in enumerate(texts)
    )


def shown_answers(body: Body) -> list[str]:
    return [last_turn(body).partition(f"<answer_{side}>\n")[2].partition("\n</answer")[0] for side in "AB"]


def longer(body: Body) -> Response:
    first, second = map(len, shown_answers(body))
    return said("tie" if first == second else "A" if first > second else "B")


def test_every_row_that_both_wrote_is_judged_in_both_orders(tmp_path: Path) -> None:
    """Two rows won, one lost, one tied by length, one equal and not asked; of the last nobody wrote the rival's."""
    ours = written("tuned", "long one", "long one", "no", "abc", "same", "x")
    theirs = written("base", "no", "hm", "long one", "xyz", " same\n", None)
    with fake_api(longer) as api:
        record = judge_record(judging(api.url, tmp_path, price_in=2.0), {"tuned": ours, "base": theirs})
    assert record is not None
    (rival,) = record["rivals"]
    assert (rival["won"], rival["lost"], rival["tied"], rival["equal"], rival["missing"]) == (2, 1, 2, 1, 0)
    assert rival["outcomes"] == {"test:0": "won", "test:1": "won", "test:2": "lost", "test:3": "tied", "test:4": "tied"}
    assert (rival["asked"], rival["disagreed"], rival["decided"], rival["chose_first"]) == (4, 0, 6, 3)
    assert sorted(map(tuple, map(shown_answers, api.bodies)))[:2] == [("abc", "xyz"), ("hm", "long one")]
    assert len(api.bodies) == 8
    assert "say 0" in last_turn(api.bodies[0])
    assert "said 0" in last_turn(api.bodies[0])
    assert (record["cost"]["tokens_in"], record["cost"]["price"]) == (80, pytest.approx(80 * 2 / 1e6))
    first, price, limit = record["sentences"]
    assert first.startswith("The judge big (127.0.0.1:")
    assert "preferred the tuned model to the same model before tuning in 40.0 % of 5 rows" in first
    assert "changed its mind in 0.0 % of 4 rows" in first
    assert price == "Judging took 80 tokens in and 16 out for 8 questions, which cost 0.00016."
    assert "no measurement" in limit


def test_a_judge_that_talks_is_counted_as_missing_and_said(tmp_path: Path) -> None:
    heard: list[Event] = []
    ours, theirs = written("tuned", *["a long answer"] * N), written("base", *["short"] * N)

    def talks(body: Body) -> Response:
        return said("I prefer A" if "say 0" in last_turn(body) else "A")

    with fake_api(talks) as api:
        contest = replace(judging(api.url, tmp_path), tell=heard.append)
        record = judge_record(contest, {"tuned": ours, "base": theirs})
    assert record is not None
    (rival,) = record["rivals"]
    assert rival["missing_rows"] == {"test:0": "it wrote 'I prefer A'"}
    assert (rival["missing"], rival["tied"], rival["disagreed"], rival["chose_first"]) == (1, 5, 5, 10)
    assert "1 row without an opinion is left out" in record["sentences"][0]
    notes = [event.text for event in heard if isinstance(event, NoteEvent)]
    assert "evaluate.judge: no opinion on 1 of 6 rows against base" in notes[-1]


def test_a_judge_that_never_says_a_word_is_no_number(tmp_path: Path) -> None:
    ours, theirs = written("tuned", *["a long answer"] * N), written("base", *["short"] * N)
    with fake_api(lambda body: said("well")) as api:
        record = judge_record(judging(api.url, tmp_path), {"tuned": ours, "base": theirs})
    assert record is not None
    assert math.isnan(record["rivals"][0]["share_won"]["value"])
    assert "gave no opinion that counts" in record["sentences"][0]
    assert "0.0 %" not in record["sentences"][0]


def test_a_judge_is_tried_before_everything_and_once(tmp_path: Path) -> None:
    with fake_api(lambda body: said("A")) as api:
        contest = judging(api.url, tmp_path)
        refuse_silent_judge(contest)
        refuse_silent_judge(contest)
    assert len(api.bodies) == 1
    with fake_api(lambda body: said("Certainly! Answer A")) as api, pytest.raises(EvalError) as caught:
        refuse_silent_judge(judging(api.url, tmp_path))
    assert "something else than A, B or tie" in caught.value.what
    assert "'Certainly! Answer A'" in caught.value.why
    with fake_api(lambda body: Response("", 401)) as api, pytest.raises(EvalError, match="does not answer"):
        refuse_silent_judge(judging(api.url, tmp_path))
    refuse_silent_judge(contest_of(written_rows(1), url="http://127.0.0.1:9", folder=tmp_path))  # nobody judges


def test_a_judge_that_is_a_rival_is_said_and_nobody_to_judge_too(tmp_path: Path) -> None:
    ours, theirs = written("tuned", *["a long answer"] * N), written("api:gpt", *["short"] * N)
    with fake_api(longer) as api:
        contest = judging(api.url, tmp_path)
        record, alone = (
            judge_record(contest, {"tuned": ours, "api:gpt": theirs}),
            judge_record(contest, {"tuned": ours}),
        )
    assert record is not None
    assert alone is not None
    assert "prefer their own answers" in record["sentences"][-1]
    assert "to the model behind api:gpt in 100.0 % of 6 rows" in record["sentences"][0]
    assert alone["sentences"] == ("The judge was asked nothing: no other system wrote an answer.",)
