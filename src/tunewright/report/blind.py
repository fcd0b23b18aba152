"""The blind page: two answers to each prompt side by side; a person says which is better, not knowing whose it is.

In: pairs of texts, in the order and on the sides they are shown. Out: the page's text, which needs no network. Its own
file because this page must not say which system wrote what.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from tunewright.report.scripted import scripted_html

VOTES_FORMAT = 1
"""Of a file of votes: a number that grows when older files can no longer be read."""
CHOICES = ("left", "right", "tie", "skip")


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said before the answer."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class ShownPair:
    """Nothing in it depends on who wrote which answer, but the sides."""

    pair: str
    """A hash: the row's id would lead to the answers' names."""
    turns: tuple[Turn, ...]
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class BlindPage:
    """What a page is about: it stands in every file of votes."""

    run: str
    page: str
    """Fingerprint of the whole page."""
    rows: str
    """Fingerprint of the rows."""
    answers: str
    """Fingerprint of the two systems and their answers."""
    pairs: tuple[ShownPair, ...]


def blind_html(page: BlindPage) -> str:
    """The whole page."""
    data = {"votes_format": VOTES_FORMAT, **asdict(page)}
    return scripted_html("blind", data=data, title=page.run, n_pairs=len(page.pairs))
