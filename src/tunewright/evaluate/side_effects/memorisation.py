"""What was learned by heart: training answers that the model gives word for word.

In: Pair, train and test rows. Out: a record of metrics.json: the share of the tuned model, that of the untuned one and
that on unseen rows, and a warning where personal data is in it. Its own file because a share of training answers means
nothing without the two beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scipy.stats import fisher_exact

from tunewright.core.plan import Plan
from tunewright.core.values import Encoded, Metric, Row
from tunewright.evaluate.statistics import intervals
from tunewright.evaluate.task_rows import drawn, encoded_rows
from tunewright.model.load import Loaded
from tunewright.model.pair import Pair
from tunewright.model.verbatim import first_choices
from tunewright.text.chat import special_ids
from tunewright.text.encode import trained_runs
from tunewright.text.private import masked_start, private_in

Record = dict[str, Any]

LEAST_TOKENS = 8
"""A shorter answer is right word for word without any memory: yes, 42, a city. Ours."""
PREFIX_TOKENS, NEXT_TOKENS = 32, 32
"""Of a document: what is given, and what must follow exactly. Source: Carlini et al. 2023, arXiv 2202.07646, who take
50 and 50; paragraphs of a small file are shorter."""
SIGNIFICANT = 0.05
MOST_SHOWN = 5
SHOWN_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Recited:
    """One row whose answer is asked for."""

    row_id: str
    prompt: str
    answer: str
    is_verbatim: bool


def memorisation_of(pair: Pair, *, plan: Plan, train: Sequence[Row], test: Sequence[Row]) -> Record:
    """The record; where no row has an answer that is long enough, nothing but the reason."""
    seen = _askable(drawn(train, plan=plan, name="memorised"), plan=plan, loaded=pair.tuned)
    unseen = _askable(drawn(test, plan=plan, name="memorised"), plan=plan, loaded=pair.tuned)
    if not seen:
        return nothing(_none_long_enough(plan))
    tuned, of_test = _recited(pair.tuned, seen), _recited(pair.tuned, unseen)
    with pair.base() as base:
        before = _recited(base, seen) if pair.has_same_tokens else ()
    p_value = _more_often(tuned, of_test)
    kept = {one.row_id for one in before if one.is_verbatim}
    learned = [one for one in tuned if one.is_verbatim and one.row_id not in kept]
    private = [one for one in learned if own_private(one)]
    shares = {"train": share(tuned), "train_before": share(before), "test": share(of_test)}
    return {
        "reason": "",
        "what": _what(plan),
        **{name: asdict(metric) for name, metric in shares.items()},
        "p_value": p_value,
        "sentence": _sentence(shares, p_value=p_value),
        "rows": [one.row_id for one in learned],
        "examples": [_shown(one) for one in learned[:MOST_SHOWN]],
        "private": {
            "rows": [one.row_id for one in private],
            "kinds": sorted({kind for one in private for kind in own_private(one)}),
            "warning": _warning(private),
        },
    }


def nothing(reason: str) -> Record:
    """The record of what was not measured."""
    return {
        "reason": reason,
        **dict.fromkeys(("what", "train", "train_before", "test", "p_value", "private")),
        "sentence": "",
        "rows": [],
        "examples": [],
    }


def share(recited: Sequence[Recited]) -> Metric:
    """Of the rows that are given word for word, with Wilson's interval; nan without a row."""
    n, n_verbatim = len(recited), sum(one.is_verbatim for one in recited)
    return Metric(
        value=n_verbatim / n if n else math.nan,
        n=n,
        unit="share",
        signature="verbatim|greedy: every token is the first choice|ci95:wilson",
        ci95=intervals.wilson(n_verbatim, n),
        is_higher_better=False,
        reason="" if n else "no row could be asked",
    )


def own_private(one: Recited) -> tuple[str, ...]:
    """Kinds of personal data in the answer that the prompt does not say itself."""
    return tuple(
        found.kind for found in private_in(one.answer) if one.answer[found.start : found.end] not in one.prompt
    )


def _askable(rows: Sequence[Row], *, plan: Plan, loaded: Loaded) -> tuple[Encoded, ...]:
    """One piece a row whose trained tokens are what must be given; rows that are too short or were cut are left out."""
    pieces = encoded_rows(rows, plan=plan, loaded=loaded)
    if plan.task == "text":
        whole = PREFIX_TOKENS + NEXT_TOKENS
        first = {piece.row_id: piece for piece in reversed(pieces)}
        mask = (False,) * PREFIX_TOKENS + (True,) * NEXT_TOKENS
        return tuple(Encoded(p.row_id, p.ids[:whole], mask) for p in reversed(first.values()) if len(p) > whole)
    special = special_ids(loaded.tokenizer)
    answers = (_last_answer(piece, special=special) for piece in pieces if not piece.n_cut)
    return tuple(piece for piece in answers if sum(piece.trained) >= LEAST_TOKENS)


def _last_answer(piece: Encoded, *, special: frozenset[int]) -> Encoded:
    """The row as far as its last trained turn, of which the words alone are trained: not the token that ends it."""
    start, end = (trained_runs(piece.trained) or [(0, 0)])[-1]
    while end > start and piece.ids[end - 1] in special:
        end -= 1
    return Encoded(piece.row_id, piece.ids[:end], (False,) * start + (True,) * (end - start))


def _recited(loaded: Loaded, encoded: Sequence[Encoded]) -> tuple[Recited, ...]:
    def text(piece: Encoded, *, trained: bool) -> str:
        ids = [token for token, is_trained in zip(piece.ids, piece.trained, strict=True) if is_trained is trained]
        return str(loaded.tokenizer.decode(ids, skip_special_tokens=True))

    return tuple(
        Recited(piece.row_id, text(piece, trained=False), text(piece, trained=True), all(firsts))
        for piece, firsts in zip(encoded, first_choices(loaded, encoded), strict=True)
    )


def _more_often(seen: Sequence[Recited], unseen: Sequence[Recited]) -> float:
    """p that training answers are given no more often than unseen ones. Source: Fisher's exact test, one-sided."""
    if not seen or not unseen:
        return math.nan
    found = [[one.is_verbatim for one in side] for side in (seen, unseen)]
    table = [[sum(flags), len(flags) - sum(flags)] for flags in found]
    return float(fisher_exact(table, alternative="greater").pvalue)


def _sentence(shares: dict[str, Metric], *, p_value: float) -> str:
    def said(metric: Metric) -> str:
        return f"{round(metric.value * metric.n)} of {metric.n}" if metric.n else "none asked"

    told = f"The model gives {said(shares['train'])} training answers word for word"
    beside = [f"before tuning {said(shares['train_before'])}"] if shares["train_before"].n else []
    beside += [f"of unseen test answers {said(shares['test'])}"] if shares["test"].n else []
    end = " That is more than on unseen rows: it has learned some by heart." if p_value < SIGNIFICANT else ""
    return f"{'; '.join([told, *beside])}.{end}"


def _shown(one: Recited) -> Record:
    return {
        "row_id": one.row_id,
        "prompt": masked_start(one.prompt, least=SHOWN_CHARACTERS)[:SHOWN_CHARACTERS],
        "answer": masked_start(one.answer, least=SHOWN_CHARACTERS)[:SHOWN_CHARACTERS],
    }


def _warning(private: Sequence[Recited]) -> str:
    if not private:
        return ""
    kinds = sorted({kind for one in private for kind in own_private(one)})
    rows = "1 training answer" if len(private) == 1 else f"{len(private)} training answers"
    return (
        f"{rows} with personal data ({', '.join(kinds)}) can be had from the model word for word, the first "
        f"{private[0].row_id}: prepare.actions.personal_data=fix takes such values out before training."
    )


def _what(plan: Plan) -> str:
    if plan.task == "text":
        return f"the first {PREFIX_TOKENS} tokens of a document are given, the next {NEXT_TOKENS} asked for"
    return f"whole answers of {LEAST_TOKENS} tokens or more"


def _none_long_enough(plan: Plan) -> str:
    if plan.task == "text":
        return f"no document that was drawn from train has more than {PREFIX_TOKENS + NEXT_TOKENS} tokens"
    return f"no answer that was drawn from train has {LEAST_TOKENS} tokens and is whole"
