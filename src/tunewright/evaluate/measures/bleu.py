"""BLEU: which runs of one to four words of the answers stand in their references, over all rows together.

In: answers and references. Out: counts of each row, the score of any number of summed counts. Its own file because
BLEU is made of sums over rows and no mean of rows gives it.
Axes: B batch of summed counts, P the ten counts of a row.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics import BLEU

Floats = NDArray[np.float64]

_ORDERS = 4
NOTHING = (float("nan"),) * (2 * _ORDERS + 2)
"""Counts of a row that has none."""
_BLEU = BLEU(effective_order=True)  # as sacrebleu advises for single rows; only its counts are taken


@lru_cache(maxsize=2**15)
def counts(answer: str, *, reference: str) -> tuple[float, ...]:
    """Matching n-grams of each order, all n-grams of each order, words of the answer, words of the reference.

    Words as sacrebleu's tokenizer 13a. Remembered, because metrics and comparisons ask for the same rows.
    """
    found = _BLEU.sentence_score(answer, [reference])
    return (*map(float, found.counts), *map(float, found.totals), float(found.sys_len), float(found.ref_len))


def bleu(sums_BP: Floats) -> Floats:
    """0 to 100 for each line of summed counts; nan for a line without a reference word.

    Source: Papineni et al. 2002; sacrebleu.metrics.BLEU.compute_bleu with exponential smoothing (Post 2018).
    """
    right_B4, all_B4 = sums_BP[:, :_ORDERS], sums_BP[:, _ORDERS : 2 * _ORDERS]
    answered_B, wanted_B = sums_BP[:, -2], sums_BP[:, -1]
    is_missed_B4 = right_B4 == 0
    smooth_B4 = np.where(is_missed_B4, 2.0 ** np.cumsum(is_missed_B4, axis=1), 1.0)
    precision_B4 = np.where(is_missed_B4, 1.0, right_B4) / (smooth_B4 * np.maximum(all_B4, 1))
    brevity_B = np.exp(np.minimum(0.0, 1 - wanted_B / np.maximum(answered_B, 1)))
    score_B = 100 * brevity_B * np.exp(np.log(precision_B4).mean(axis=1))
    score_B[(right_B4.sum(axis=1) == 0) | (all_B4 == 0).any(axis=1)] = 0.0
    return np.asarray(np.where(wanted_B > 0, score_B, np.nan))
