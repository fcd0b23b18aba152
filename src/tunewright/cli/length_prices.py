"""What other choices of prepare.max_length would cost, as a table.

In: LengthPrices. Out: text. Its own file because a price is read across its row: what is lost, what is paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tunewright.cli.words import table

if TYPE_CHECKING:  # it counts with torch's batches
    from tunewright.prepare.length_price import LengthPrice


def price_table(prices: Sequence[LengthPrice]) -> str:
    """A line for each length, the chosen one marked; empty where nothing is cut at any length (raw text)."""
    if not prices:
        return ""
    has_answers = prices[0].answers_cut is not None
    lost = ["answers cut", "their tokens"] if has_answers else []
    heading = ["max_length", "rows cut", "tokens cut", *lost, "cost"]
    lines = [
        [
            f"{price.max_length:,}{' *' if price.is_chosen else ''}",
            f"{price.rows_cut:,}",
            f"{price.tokens_cut:,}",
            *([f"{price.answers_cut:,}", f"{price.trained_tokens_lost:,}"] if has_answers else []),
            f"{price.cost:.2f}",
        ]
        for price in prices
    ]
    about = "; answers: about" if has_answers else ""
    return table([heading, *lines]) + f"\n(* = chosen; cost: tokens with padding, 1 = as chosen{about})"
