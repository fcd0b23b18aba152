"""A model that would never stop: no answer that it learns from ends with a token that ends answers.

In: encoded answers, the tokenizer. Out: nothing, or an error. Its own file because it is told before anything is
trained, wherever a model is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.core.errors import ModelError
from tunewright.core.values import Encoded, Task
from tunewright.text.chat import Tokenizer, end_token_ids


def refuse_endless(encoded: Sequence[Encoded], *, task: Task, tokenizer: Tokenizer) -> None:
    """Raises ModelError when the last trained token of an answer ends nothing. Only generate writes answers."""
    if task != "generate":
        return
    ends = set(end_token_ids(tokenizer))
    trained = [e for e in encoded if any(e.trained)]
    endless = [e for e in trained if e.ids[max(i for i, t in enumerate(e.trained) if t)] not in ends]
    if endless:
        raise ModelError(
            f"in {len(endless)} of {len(trained)} rows the answer has no end token: the tuned model would never stop",
            where=endless[0].row_id,
            why="the model's chat template closes an assistant turn without a control token",
            fix="use a chat model whose template ends turns",
        )
