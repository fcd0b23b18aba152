"""What a race decided, as a value: nothing without one.

In: nothing. Out: Raced. Its own file because a run that does not race has one too, and must not load what races.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tunewright.core.values import Choice, ModelCard


@dataclass(frozen=True, slots=True)
class Raced:
    """The choices that resolve takes, and the content of race.json."""

    choices: tuple[Choice, ...] = ()
    record: dict[str, Any] = field(default_factory=dict)

    def facts(self, card: ModelCard) -> Any:
        """What the select stage's result depends on beside the plan. card: of the chosen model."""
        return {"model": card.fingerprint, "race": self.record} if self.record else card.fingerprint
