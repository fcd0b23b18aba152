"""One row judged twice, with the answers in both orders, and what many such rows prove.

In: the words of both orders for each row. Out: won, lost, tied or missing; their counts with interval and test. Its own
file because a judge that changes its mind with the order has said nothing; the statistics are those of every metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tunewright.core.values import Comparison, Metric, Prediction
from tunewright.evaluate.judge.question import Word
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.statistics.compare import compare

Outcome = Literal["won", "lost", "tied", "missing"]
Side = Literal["ours", "theirs", "neither"]

METRIC = "judge"
_YES, _NO = "preferred", "not preferred"
_OURS_FIRST: dict[Word, Side] = {"A": "ours", "B": "theirs", "tie": "neither"}
_THEIRS_FIRST: dict[Word, Side] = {"A": "theirs", "B": "ours", "tie": "neither"}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the judge said of one row."""

    row_id: str
    group: str
    ours_first: Word | None
    """None: no answer, or none that counts."""
    theirs_first: Word | None
    is_equal: bool = False
    """Both wrote the same: a tie that nobody was asked about."""

    @property
    def sides(self) -> tuple[Side, Side] | None:
        """Preferred in the one order and in the other; None where one of them is not known."""
        if self.ours_first is None or self.theirs_first is None:
            return None
        return _OURS_FIRST[self.ours_first], _THEIRS_FIRST[self.theirs_first]

    @property
    def outcome(self) -> Outcome:
        """Only what both orders say alike is won or lost.

        >>> Opinion("test:1", "", "A", "B").outcome, Opinion("test:1", "", "A", "A").outcome
        ('won', 'tied')
        """
        if self.is_equal:
            return "tied"
        if self.sides is None:
            return "missing"
        return {("ours", "ours"): "won", ("theirs", "theirs"): "lost"}.get(self.sides, "tied")  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Judged:
    """Our answers against one rival's, by a judge."""

    won: int
    lost: int
    tied: int
    missing: int
    equal: int
    """Of the tied: both wrote the same."""
    asked: int
    """Rows whose two orders are both known."""
    disagreed: int
    """Of these, where the order changed what it said."""
    decided: int
    """Single judgements that name one of the two."""
    chose_first: int
    """Of these, the answer that was shown first."""
    share_won: Metric
    """Of won, lost and tied."""
    comparison: Comparison
    """Share of rows won minus share lost."""


def judged(opinions: Sequence[Opinion], *, ours: str, rival: str, seed: int) -> Judged:
    """Rows without a judgement are left out of the share and the test, and counted.

    The test is McNemar's over won and lost (a sign test); rows of one group are swapped and drawn together.
    """
    outcomes = [opinion.outcome for opinion in opinions]
    known = [opinion for opinion, outcome in zip(opinions, outcomes, strict=True) if outcome != "missing"]
    a, b = _preferred(known, system=ours, outcome="won"), _preferred(known, system=rival, outcome="lost")
    share = metrics(a, task="classify", seed=seed, wanted=("accuracy",))["accuracy"]
    found = compare(a, b, metric="accuracy", task="classify", seed=seed)
    sides = [opinion.sides for opinion in opinions if opinion.sides is not None]
    words = [word for opinion in opinions for word in (opinion.ours_first, opinion.theirs_first) if word in ("A", "B")]
    return Judged(
        **{word: outcomes.count(word) for word in ("won", "lost", "tied", "missing")},
        equal=sum(opinion.is_equal for opinion in opinions),
        asked=len(sides),
        disagreed=sum(first != second for first, second in sides),
        decided=len(words),
        chose_first=words.count("A"),
        share_won=replace(
            share,
            signature=share.signature.replace("accuracy|answer equals label", f"{METRIC}|preferred in both orders"),
            reason=share.reason and "no row was judged in both orders",
        ),
        comparison=replace(found, a=ours, b=rival, metric=METRIC, test=_test(found, n=len(known))),
    )


def _preferred(opinions: Sequence[Opinion], *, system: str, outcome: Outcome) -> tuple[Prediction, ...]:
    """Each row as a question that is right where this system was preferred: every test of right and wrong takes it."""
    return tuple(
        Prediction(
            opinion.row_id,
            system,
            answer=_YES if opinion.outcome == outcome else _NO,
            reference=_YES,
            group=opinion.group,
        )
        for opinion in opinions
    )


def _test(found: Comparison, *, n: int) -> str:
    if not n:
        return "not run: no row was judged in both orders"
    return found.test.replace("only a right", "won").replace("only b right", "lost")
