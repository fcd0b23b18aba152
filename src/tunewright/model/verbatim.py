"""Would the model write exactly this answer? Told from one pass, without writing.

In: a language model and encoded rows. Out: for each trained token whether it is the model's first choice. Its own file
because greedy writing gives an answer word for word if and only if every token of it is the first choice after those
before it: one pass costs a hundredth of writing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from tunewright.core.values import IGNORE, Encoded
from tunewright.model.forward import precision, trained_logits
from tunewright.model.load import Loaded
from tunewright.model.vectors import SCORING_TOKENS
from tunewright.text.batch import batch_of, by_length


def first_choices(
    loaded: Loaded, encoded: Sequence[Encoded], *, progress: Callable[[int], None] = lambda _: None
) -> tuple[tuple[bool, ...], ...]:
    """One tuple a row, in its order: True for each trained token that greedy writing would put there."""
    out: list[tuple[bool, ...]] = [()] * len(encoded)
    scored = [i for i, row in enumerate(encoded) if any(row.trained[1:])]
    done = 0
    for group in by_length([encoded[i] for i in scored], max_tokens=SCORING_TOKENS):
        positions = [scored[i] for i in group]
        batch = batch_of([encoded[i] for i in positions], pad_id=loaded.pad_id, device=loaded.device)
        is_target_BT = batch.targets_BT != IGNORE
        with torch.inference_mode(), precision(loaded.device, loaded.dtype):
            chosen_N = trained_logits(loaded.model, batch).argmax(-1)
        is_first_N = (chosen_N == batch.targets_BT[is_target_BT]).tolist()
        at = 0
        for i, n in zip(positions, is_target_BT.sum(1).tolist(), strict=True):
            out[i] = tuple(is_first_N[at : at + n])
            at += n
        done += len(positions)
        progress(done)
    return tuple(out)
