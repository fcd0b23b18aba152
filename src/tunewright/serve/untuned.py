"""The model as it was before tuning, to be heard beside the tuned one.

In: the tuned model. Out: the same without what tuning changed, and its answer to a text that is to be labelled. Its own
file because an adapter can be set aside for a moment, so that no second model has to lie in memory.
Axes: N texts, C classes, H hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from peft import PeftModel

from tunewright.core.errors import ModelError
from tunewright.core.evaluate_plan import LabelScoring
from tunewright.core.tasks import has_head
from tunewright.core.values import Example
from tunewright.model.classifier import EncoderClassifier
from tunewright.model.label_answers import label_answers
from tunewright.model.load import Loaded
from tunewright.model.vectors import text_vectors
from tunewright.text.encode import encode
from tunewright.text.render import label_question


@contextmanager
def untuned(loaded: Loaded, *, load: Callable[[], Loaded]) -> Iterator[Loaded]:
    """The base model, a language model or a bare encoder, for as long as the block lasts.

    load: loads it, for a model whose own weights were tuned or which has a head in place of its output layer.
    """
    model = loaded.model
    if isinstance(model, EncoderClassifier) and isinstance(model.encoder, PeftModel):
        with model.encoder.disable_adapter():
            yield replace(loaded, model=model.encoder)
    elif isinstance(model, PeftModel) and not has_head(loaded.task):
        with model.disable_adapter():
            yield loaded
    else:
        yield load()


def untuned_label(base: Loaded, text: str, *, labels: tuple[str, ...], max_length: int, rule: LabelScoring) -> str:
    """The label that the base model finds likeliest, by the rule that evaluation measures it by.

    A decoder is asked for the label's name; an encoder has no words, so the name whose vector lies nearest is taken.
    Raises ModelError for a decoder without a chat template.
    """
    if base.card.architecture == "decoder":
        if not base.tokenizer.chat_template:
            raise ModelError(
                "the base model has no chat template, so it cannot be asked for a label",
                where=base.card.name,
                fix="leave /base out, or tune a model with a chat template: tunewright models list",
            )
        question, blank = (label_question(some, labels=labels) for some in (text, ""))
        return label_answers(base, [question], labels=labels, rule=rule, blank=lambda _: blank).labels[0]
    examples = [Example("text", text=text), *(Example(name, text=name.replace("_", " ")) for name in labels)]
    encoded = encode(examples, tokenizer=base.tokenizer, task="classify", max_length=max_length)
    vectors_NH = text_vectors(base, encoded)
    lengths_N1 = np.linalg.norm(vectors_NH, axis=1, keepdims=True)
    unit_NH = vectors_NH / np.maximum(lengths_N1, 1e-12)
    return labels[int((unit_NH[1:] @ unit_NH[0]).argmax())]
