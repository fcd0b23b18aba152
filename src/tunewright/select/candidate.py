"""One model beside the others, as candidates.json, the report and people have it.

In: nothing. Out: Candidate, LeftOut, Ranked. Its own file because whoever ranks, writes and reads meet in these values.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.core.values import Architecture


@dataclass(frozen=True, slots=True)
class Filter:
    """One thing that a model must be or do."""

    name: str
    """task, licence, memory, disk, language, words, length."""
    is_passed: bool
    words: str
    """What was found, with its numbers."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model beside the others: facts, whether it suits, its place and why."""

    name: str
    architecture: Architecture
    n_parameters: int
    context_tokens: int
    licence: str
    fits: bool
    """The predicted need is within what the run may use."""
    need_bytes: int
    """Predicted training memory."""
    tokens_per_byte: float
    """Of the train texts, by its own tokenizer; nan when it is not fetched yet."""
    task_fit: str
    """good, usable, or why it cannot do the task."""
    rank: int
    """1 is the chosen one."""
    reason: str
    """Why it stands here, with the number that decided."""
    is_local: bool
    """Its files are on this machine."""
    unknown_rate: float = float("nan")
    """Share of the train texts' tokens that its vocabulary does not know; nan when it is not fetched yet."""
    fetch_bytes: int = 0
    """To be fetched before it can be used; about, where only its shapes are known."""
    facts_from: str = "its own files"
    """Or the catalogue, or our table of starter models."""
    filters: tuple[Filter, ...] = ()
    effort: tuple[str, ...] = ()
    """What it asks of a person and a machine."""

    @property
    def refusal(self) -> str:
        """Why it may not be taken at all: task, licence, memory, disk; empty when it may."""
        hard = ("task", "licence", "memory", "disk")
        return next((of.words for of in self.filters if of.name in hard and not of.is_passed), "")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A model that was not compared."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """The choice by facts."""

    candidates: tuple[Candidate, ...]
    """The chosen one first."""
    left_out: tuple[LeftOut, ...]
    rules: tuple[str, ...]
    """What the number of rows says about the choice, each with its source."""
