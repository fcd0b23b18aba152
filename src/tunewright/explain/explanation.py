"""One row explained: its answer, the weight of each word, and whether these weights mean anything.

In: a Loaded, a Row. Out: Explanation. Its own file because the stage asks it of a sample and `tunewright why` of one
text, and both must say the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tunewright.core.values import Row
from tunewright.explain.confidence import Answer, Confidence, confidences, own_answer
from tunewright.explain.faithfulness import Check, check, p_words, random_orders, removals, sizes
from tunewright.explain.occlusion import NOTHING, Gone, by_importance, importances_nats, single_removals
from tunewright.explain.words import Pieces, pieces_of, without
from tunewright.model.load import Loaded

UNIT = "nats"


@dataclass(frozen=True, slots=True)
class Weighed:
    """A piece of the text and what it did for the answer."""

    text: str
    turn: int
    importance_nats: float
    """How far the answer's log-probability falls without this piece; nan when it is the whole text."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which words carried one answer. The pieces' texts, joined, are the text."""

    row_id: str
    answer: str
    probability: float
    """Of the label; for a written answer that of its tokens in the geometric mean."""
    pieces: tuple[Weighed, ...]
    words_a_piece: int
    """1, or how many neighbouring words were left out together because the text is long."""
    comprehensiveness: float
    random: float
    p_value: float
    is_better_than_random: bool
    sentence: str
    """What the check says, in words."""


@dataclass(frozen=True, slots=True)
class Explaining:
    """How rows are asked; the same for every row of a sample."""

    loaded: Loaded
    max_length: int
    max_new_tokens: int
    n_orders: int
    """Random orders that each picture is held against."""
    seed: int


def explained(row: Row, *, explaining: Explaining) -> tuple[Explanation, Check]:
    """The row's explanation and the numbers behind its verdict.

    Cost: up to 33 + 5 x (1 + n_orders) texts of the row's length are scored; sets that come twice, once.
    """
    loaded, max_length = explaining.loaded, explaining.max_length
    answer = own_answer(loaded, row, max_length=max_length, max_new_tokens=explaining.max_new_tokens)
    found = pieces_of(row)
    n_pieces = len(found.pieces)
    confidence = _asked(row, found, single_removals(n_pieces), answer=answer, explaining=explaining)
    importances = importances_nats(confidence, n_pieces=n_pieces)
    ours = by_importance(importances)
    chance = random_orders(len(ours), n_orders=explaining.n_orders, seed=f"{explaining.seed}:{row.row_id}")
    wanted = dict.fromkeys(gone for order in (ours, *chance) for gone in removals(order))
    new = [gone for gone in wanted if gone not in confidence] if ours else []
    confidence |= _asked(row, found, new, answer=answer, explaining=explaining)
    checked = check(confidence, ours=ours, chance=chance)
    weights = importances or (math.nan,) * n_pieces
    return Explanation(
        row_id=row.row_id,
        answer=answer.text,
        probability=confidence[NOTHING].probability,
        pieces=tuple(Weighed(p.text, p.turn, w) for p, w in zip(found.pieces, weights, strict=True)),
        words_a_piece=found.words_a_piece,
        comprehensiveness=checked.comprehensiveness,
        random=checked.random,
        p_value=checked.p_value,
        is_better_than_random=checked.is_better_than_random,
        sentence=sentence(checked, n_pieces=n_pieces),
    ), checked


def sentence(checked: Check, *, n_pieces: int) -> str:
    """The check in words that end where a person may stop reading.

    >>> sentence(Check(0.41, 0.1, 0.3, 0.04, True), n_pieces=9)
    'these words matter more than random words: p .04'
    """
    if math.isnan(checked.p_value) and max(sizes(n_pieces)) > 1:
        return "the model's answer has no probability (nan): nothing can be read into these words"
    if math.isnan(checked.p_value):
        return f"too short to check ({n_pieces} word{'s' * (n_pieces != 1)}): do not read anything into it"
    if checked.is_better_than_random:
        return f"these words matter more than random words: {p_words(checked.p_value)}"
    return f"not better than random words: do not read anything into it ({p_words(checked.p_value)})"


def _asked(
    row: Row, found: Pieces, sets: Sequence[Gone], *, answer: Answer, explaining: Explaining
) -> dict[Gone, Confidence]:
    if not sets:
        return {}
    rows = [without(row, found.pieces, gone) for gone in sets]
    scored = confidences(explaining.loaded, rows, answer=answer, max_length=explaining.max_length)
    return dict(zip(sets, scored, strict=True))
