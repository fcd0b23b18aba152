"""The answers that one model writes at once; who comes later joins while the others are written on.

In: tickets that want an answer. Out: events to each. Its own file because here a request meets the cache: how much
fits, who leaves, what each is told.
Axes: B places, V vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tunewright.model.decode import GENERATION_TOKENS, SLACK_COLUMNS, decode_alone, is_decodable
from tunewright.model.forward import precision
from tunewright.model.load import Loaded
from tunewright.model.places import Places, likeliest
from tunewright.serve.queue.chosen import chosen, generator_of
from tunewright.serve.queue.spoken import Spoken
from tunewright.serve.queue.wanted import Ended, Failed, Piece, Ticket, Wanted
from tunewright.text.chat import end_token_ids

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class _Writing:
    """One answer that is being written."""

    ticket: Ticket
    wanted: Wanted
    spoken: Spoken
    source: torch.Generator

    @property
    def n_columns(self) -> int:
        return len(self.wanted.prompt) + self.wanted.max_new_tokens


class Lane:
    """Its rows are numbered as they come; a number is never used again."""

    def __init__(self, loaded: Loaded, *, now: Clock, max_tokens: int = GENERATION_TOKENS) -> None:
        """max_tokens: prompt and answer tokens of all that are written at once; one request fits, whatever it takes."""
        self.loaded, self.now, self.max_tokens = loaded, now, max_tokens
        self.ends = end_token_ids(loaded.tokenizer)
        self.is_shared = is_decodable(loaded)
        self.tokenizer = copy.deepcopy(loaded.tokenizer)  # another thread reads prompts with the first
        self.writing: dict[int, _Writing] = {}
        self.n_joined = 0
        self.places: Places | None = None

    def has_room(self, wanted: Wanted) -> bool:
        """It fits beside those that are written."""
        if not self.writing:
            return True
        longest = max(len(wanted.prompt) + wanted.max_new_tokens, *(one.n_columns for one in self.writing.values()))
        return self.is_shared and (len(self.writing) + 1) * longest <= self.max_tokens

    def join(self, ticket: Ticket, wanted: Wanted) -> None:
        """Reads the prompt and tells the first token; a family that shares no cache writes the answer to its end."""
        spoken = Spoken(wanted, tokenizer=self.tokenizer, ends=self.ends)
        row, self.n_joined = self.n_joined, self.n_joined + 1
        self.writing[row] = _Writing(ticket, wanted, spoken, generator_of(wanted.sampling))
        with torch.inference_mode(), precision(self.loaded.device, self.loaded.dtype):
            if not self.is_shared:
                self._write_alone(row, wanted)
                return
            if self.places is None:
                self.places = Places(self.loaded, n_places=1, n_columns=1, choose=self._choose)
            n_rows, n_columns = len(self.writing), max(one.n_columns for one in self.writing.values())
            twice = 1 << (n_rows - 1).bit_length()  # the cache is moved each time it grows
            n_places = max(n_rows, min(twice, self.max_tokens // n_columns))
            self.places.make_room(n_places=n_places, n_columns=n_columns + SLACK_COLUMNS)
            token = self.places.read(row, wanted.prompt)
            if not self._goes_on(row, token):
                self.places.leave(n_rows - 1)

    def write(self) -> None:
        """A token to everybody who is still there."""
        places = self.places
        assert places is not None
        with torch.inference_mode(), precision(self.loaded.device, self.loaded.dtype):
            for b in reversed(range(len(places.rows))):  # who leaves is replaced by the last
                if self.writing[places.rows[b]].ticket.is_left:
                    del self.writing[places.rows[b]]
                    places.leave(b)
            said = list(zip(places.rows, places.write(), strict=True)) if places.rows else []
            for b, (row, token) in reversed(list(enumerate(said))):
                if not self._goes_on(row, token):
                    places.leave(b)

    def rest(self) -> None:
        """Nobody is written: the cache is given back."""
        self.places = None

    def fail(self, error: Exception) -> None:
        """What happened concerns everybody: nobody knows what stands in the cache."""
        for one in self.writing.values():
            one.ticket.tell(Failed(error))
        self.writing.clear()
        self.rest()

    def _write_alone(self, row: int, wanted: Wanted) -> None:
        def choose(_: Sequence[int], logits_BV: Tensor) -> list[int]:
            return self._choose([row], logits_BV)

        def heard(token: int) -> bool:
            return self._goes_on(row, token) and not self.writing[row].ticket.is_left

        decode_alone(self.loaded, wanted.prompt, max_new_tokens=wanted.max_new_tokens, choose=choose, heard=heard)
        self.writing.pop(row, None)

    def _choose(self, rows: Sequence[int], logits_BV: Tensor) -> list[int]:
        tokens = likeliest(rows, logits_BV)
        for b, row in enumerate(rows):
            one = self.writing[row]
            if one.wanted.sampling.temperature:
                tokens[b] = chosen(logits_BV[b], one.wanted.sampling, one.source)
        return tokens

    def _goes_on(self, row: int, token: int) -> bool:
        """Tells what is new, or the end; False at the end."""
        one = self.writing[row]
        piece = one.spoken.add(token)
        is_whole = one.spoken.is_stopped or one.spoken.n_tokens == one.wanted.max_new_tokens
        is_whole = is_whole or self.now() > one.ticket.until
        if is_whole:
            piece += one.spoken.rest()
        if piece:
            one.ticket.tell(Piece(piece))
        if is_whole:
            one.ticket.tell(Ended("stop" if one.spoken.is_stopped else "length", one.spoken.n_tokens))
            del self.writing[row]
        return not is_whole
