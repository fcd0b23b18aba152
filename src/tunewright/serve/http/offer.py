"""What a server has to offer: its models, how they are asked, its limits.

In: nothing. Out: Offer. Its own file because the verb that loads the models and the application that answers meet here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tunewright.core.values import Task
from tunewright.serve.http.failures import Refused
from tunewright.serve.queue.wanted import System
from tunewright.serve.queue.worker import Worker
from tunewright.serve.reading import Reader


@dataclass(frozen=True, slots=True)
class Offer:
    """One run's models."""

    name: str
    """The run's: another word for `tuned`."""
    made_from: str
    """The model before tuning."""
    task: Task
    labels: tuple[str, ...]
    vocabulary_size: int
    context_tokens: int
    max_new_tokens: int
    """Where a request says nothing."""
    request_seconds: float
    """What is not begun by then is refused, what is begun ends there."""
    thresholds: Mapping[float, float | None]
    """Accuracy -> how sure an answer must be for it, chosen on validation; None: validation cannot promise it."""
    has_base: bool
    """It can be asked before tuning as well."""
    reader: Reader
    worker: Worker

    @property
    def models(self) -> tuple[System, ...]:
        return ("tuned", "base") if self.has_base else ("tuned",)

    def system(self, word: str) -> System:
        """Whom a request names.

        Raises Refused for a model that is not here.
        """
        if word in self.models:
            return "base" if word == "base" else "tuned"
        if word == self.name:
            return "tuned"
        names = ", ".join((*self.models, self.name))
        raise Refused(404, f"there is no model {word[:80]!r} here, only {names}", code="model_not_found", param="model")

    def abstains_below(self, *, probability: float | None, accuracy: float | None) -> float:
        """The least probability of an answer that goes out.

        Raises Refused for an accuracy that validation does not promise.
        """
        if accuracy is None:
            return probability or 0.0
        threshold = self.thresholds.get(accuracy)
        if threshold is None:
            named = ", ".join(str(one) for one, found in self.thresholds.items() if found is not None) or "none"
            words = f"no threshold is known for an accuracy of {accuracy}; this run's validation promises: {named}"
            raise Refused(400, words, code="no_threshold", param="min_accuracy")
        return max(threshold, probability or 0.0)
