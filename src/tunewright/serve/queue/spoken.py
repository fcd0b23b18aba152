"""An answer's tokens as text while they come: what may be said already, and whether a stop text has come.

In: tokens one after the other. Out: pieces that, joined, are the answer's text. Its own file because half a character
and half a stop text must wait for their other half.
"""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.model.generate import HALF
from tunewright.serve.queue.wanted import Wanted
from tunewright.text.chat import Tokenizer


class Spoken:
    """One answer as it grows."""

    def __init__(self, wanted: Wanted, *, tokenizer: Tokenizer, ends: Sequence[int]) -> None:
        self.wanted, self.tokenizer, self.ends = wanted, tokenizer, ends
        self.ids: list[int] = []
        self.n_tokens = 0
        """With the end token."""
        self.said = ""
        self.is_stopped = False
        """The model or a stop text ended it."""

    def add(self, token: int) -> str:
        """What can be said more; empty when nothing can, or when it is told in one piece."""
        self.n_tokens += 1
        if token in self.ends:
            self.is_stopped = True
            return ""
        self.ids.append(token)
        if not (self.wanted.is_streamed or self.wanted.stop):
            return ""
        text = self._text()
        if self._is_cut(text):
            self.is_stopped = True
            return ""
        whole = len(text) - held_back(text, self.wanted.stop)
        if not self.wanted.is_streamed or text.endswith(HALF) or whole <= len(self.said):
            return ""
        return self._say(text[:whole])

    def rest(self) -> str:
        """What is left to say at the end."""
        text = self._text()
        cut = min((i for stop in self.wanted.stop if (i := text.find(stop)) >= 0), default=len(text))
        return self._say(text[:cut])

    def _is_cut(self, text: str) -> bool:
        return any(stop in text for stop in self.wanted.stop)

    def _text(self) -> str:
        # No clean-up of spaces: it changes what stands already, and the model has learned its texts without it.
        text = str(self.tokenizer.decode(self.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
        return text.strip() if self.wanted.is_trimmed else text

    def _say(self, text: str) -> str:
        new = text[len(self.said) :]
        self.said = text
        return new


def held_back(text: str, stop: Sequence[str]) -> int:
    """Characters at the text's end that may be the beginning of a stop text.

    >>> held_back("so far\\nUs", ["\\nUser:", "end"]), held_back("so far", ["\\nUser:"])
    (3, 0)
    """
    longest = max(map(len, stop), default=1) - 1
    return next(
        (n for n in range(min(longest, len(text)), 0, -1) if any(s.startswith(text[-n:]) for s in stop)),
        0,
    )
