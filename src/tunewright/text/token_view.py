"""A row as the model sees it, token by token: which are trained on, which are only read, which were cut.

In: a row, the resolved plan, the model's tokenizer. Out: Tokens. Its own file because `check` shows a row before
anything is trained, the report and `trace` show it afterwards, and all must show the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tunewright.core.plan import Plan
from tunewright.core.values import Encoded, Row
from tunewright.text.chat import Tokenizer
from tunewright.text.encode import encode, trained_runs
from tunewright.text.render import render

REPLACEMENT = "\ufffd"
"""What decoding one token of a longer character gives: the token's own spelling says more."""

Mark = Literal["trained", "context", "cut"]
"""trained: the model learns to write this token (or, on a test row, is scored on it). context: it only reads it.
cut: the row was too long, and the model does not see it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One token."""

    token_id: int
    text: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Tokens:
    """One encoded sequence of the row; a long document has several."""

    pieces: tuple[Piece, ...]
    """In the row's order, those that were cut too."""
    n_cut: int
    label_index: int | None
    """classify: position of the row's label among the sorted labels."""

    @property
    def n_trained(self) -> int:
        return sum(piece.mark == "trained" for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class TokenSample:
    """One row of the training data, as a page shows it."""

    row_id: str
    label: str
    """classify: what the model learns to answer; empty for other tasks."""
    is_masked: bool
    """Private values stand there as [email] and so on; the model sees them as they are."""
    n_tokens: int
    n_trained: int
    n_cut: int
    n_sequences: int
    """Of the row; the tokens are the first one's."""
    first: tuple[Piece, ...]
    n_hidden: int
    """Tokens between first and last."""
    last: tuple[Piece, ...]


SAMPLE_FIRST, SAMPLE_LAST = 160, 60
"""Tokens of a sample: about ten lines of a page."""


def token_sample(row_id: str, tokens: Sequence[Tokens], *, label: str = "", is_masked: bool = False) -> TokenSample:
    """The beginning and the end of a row's first sequence.

    tokens: at least one sequence.
    """
    pieces = tokens[0].pieces
    is_long = len(pieces) > SAMPLE_FIRST + SAMPLE_LAST
    return TokenSample(
        row_id=row_id,
        label=label,
        is_masked=is_masked,
        n_tokens=len(pieces),
        n_trained=tokens[0].n_trained,
        n_cut=tokens[0].n_cut,
        n_sequences=len(tokens),
        first=pieces[:SAMPLE_FIRST] if is_long else pieces,
        n_hidden=len(pieces) - SAMPLE_FIRST - SAMPLE_LAST if is_long else 0,
        last=pieces[-SAMPLE_LAST:] if is_long else (),
    )


def row_tokens(row: Row, *, plan: Plan, labels: tuple[str, ...], tokenizer: Tokenizer) -> tuple[Tokens, ...]:
    """The row as training and evaluation see it, by the functions that they use."""
    example = (render(row, task=plan.task, labels=labels),)
    kept = encode(example, tokenizer=tokenizer, task=plan.task, max_length=plan.prepare.max_length)
    if plan.task == "text":  # a document is divided, never cut
        return tuple(_tokens(piece, piece, tokenizer) for piece in kept)
    whole = encode(example, tokenizer=tokenizer, task=plan.task)
    return tuple(_tokens(a, b, tokenizer) for a, b in zip(whole, kept, strict=True))


def kept_positions(whole: Sequence[object], kept: Sequence[object]) -> frozenset[int]:
    """Where the elements of `kept` stand in `whole`, from which some were left out.

    From the front as far as both agree, then from the back: exact when one stretch was left out.

    >>> sorted(kept_positions("abcabd", "abd"))
    [0, 1, 5]
    """
    front = next((i for i, (a, b) in enumerate(zip(whole, kept, strict=False)) if a != b), len(kept))
    places, at = set(range(front)), len(whole)
    for element in reversed(kept[front:]):
        at -= 1
        while whole[at] != element:
            at -= 1
        places.add(at)
    return frozenset(places)


def _tokens(whole: Encoded, kept: Encoded, tokenizer: Tokenizer) -> Tokens:
    marks = _marks(whole, kept)
    pieces = tuple(Piece(token_id, _text(token_id, tokenizer), marks[i]) for i, token_id in enumerate(whole.ids))
    return Tokens(pieces, kept.n_cut, kept.label_index)


def _marks(whole: Encoded, kept: Encoded) -> list[Mark]:
    """What becomes of each token; an answer that was cut to nothing is context, as training sees it."""
    pairs, kept_pairs = (list(zip(e.ids, e.trained, strict=True)) for e in (whole, kept))
    is_same = len(trained_runs(whole.trained)) == len(trained_runs(kept.trained))
    places = kept_positions(pairs, kept_pairs) if is_same else kept_positions(whole.ids, kept.ids)
    marks: list[Mark] = ["cut"] * len(whole)
    for place, is_trained in zip(sorted(places), kept.trained, strict=True):
        marks[place] = "trained" if is_trained else "context"
    return marks


def _text(token_id: int, tokenizer: Tokenizer) -> str:
    decoded = str(tokenizer.decode([token_id], skip_special_tokens=False))
    return str(tokenizer.convert_ids_to_tokens(token_id)) if REPLACEMENT in decoded else decoded
