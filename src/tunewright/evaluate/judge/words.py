"""What is said of a judge's opinions: whom it preferred, how sure that is, how much it minded the order, its price.

In: the values of metrics.json["judge"]. Out: sentences. Its own file because they must say that a model said so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tunewright.core.systems import TUNED
from tunewright.evaluate.verdict import p_words, plain

LIMIT = (
    "A judge model's opinion is no measurement: it can prefer long answers, or answers that read like its own; read "
    "some of those that it decided."
)
OWN = "It is also one of the rivals, and models tend to prefer their own answers."


def judge_sentences(record: Mapping[str, Any], *, ours: str = TUNED) -> tuple[str, ...]:
    """One for each rival, then the price and what limits the claim."""
    rivals, cost = record["rivals"], record["cost"]
    if not rivals:
        return ("The judge was asked nothing: no other system wrote an answer.",)
    said = [_against(one, record, ours=ours) for one in rivals]
    own = f" {OWN}" if record["is_a_rival"] else ""
    first = f" Of the {record['trainings']} trainings it saw the first." if record["trainings"] > 1 else ""
    return (*said, _price(cost), f"{LIMIT}{own}{first}")


def _against(one: Mapping[str, Any], record: Mapping[str, Any], *, ours: str) -> str:
    judge = f"The judge {record['cost']['model']} ({record['cost']['host']})"
    rival, comparison = plain(one["rival"]), one["comparison"]
    n, missing = one["won"] + one["lost"] + one["tied"], _missing(one["missing"])
    if not n:
        return f"{judge} gave no opinion that counts on {plain(ours)} beside {rival}{missing}."
    low, high = comparison["ci95"]
    between = f", 95 % interval {low:+.3f} to {high:+.3f}" if math.isfinite(low) else ""
    return (
        f"{judge} preferred {plain(ours)} to {rival} in {_share(one['won'], n)} of {_rows(n)} and {rival} in "
        f"{_share(one['lost'], n)}: difference {comparison['difference']:+.3f}{between}, "
        f"{p_words(comparison['p_value'])}: {comparison['verdict']} ({comparison['test']}){missing}.{_order(one)}"
    )


def _order(one: Mapping[str, Any]) -> str:
    if not one["asked"]:
        return ""
    first = f"; {_share(one['chose_first'], one['decided'])} of its choices were the answer shown first"
    return (
        f" Asked again with the two answers swapped it changed its mind in {_share(one['disagreed'], one['asked'])} of "
        f"{_rows(one['asked'])}, which count as ties{first if one['decided'] else ''}."
    )


def _missing(n: int) -> str:
    return f"; {_rows(n)} without an opinion {'is' if n == 1 else 'are'} left out" if n else ""


def _price(cost: Mapping[str, Any]) -> str:
    tokens = (
        "does not say how many tokens it took"
        if cost["tokens_in"] is None or cost["tokens_out"] is None
        else f"took {cost['tokens_in']:,} tokens in and {cost['tokens_out']:,} out"
    )
    price = "" if cost["price"] is None else f", which cost {cost['price']:.4g}"
    return f"Judging {tokens} for {cost['rows']:,} questions{price}."


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %"


def _rows(n: int) -> str:
    return "1 row" if n == 1 else f"{n:,} rows"
