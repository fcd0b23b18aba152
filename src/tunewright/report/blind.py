"""The blind page: two answers to each prompt side by side; a person says which is better, not knowing whose it is.

In: pairs of texts, in the order and on the sides they are shown. Out: the page's text, which needs no network. Its own
file because it is the one page with a script, and the one that must not say which system wrote what.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict, dataclass
from importlib.resources import files

from markupsafe import Markup

from tunewright.core.files import json_text
from tunewright.report.page import environment, visible

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
    """The whole page; texts are in a block of data that no browser runs, and only our own script may run."""
    script = _asset("blind.js")
    return (
        environment(is_html=True)
        .get_template("blind.html.j2")
        .render(
            title=page.run,
            n_pairs=len(page.pairs),
            style=Markup(_asset("style.css") + _asset("blind.css")),  # ours, not data
            script=Markup(script),
            script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            data=Markup(_data(page)),
        )
    )


def _data(page: BlindPage) -> str:
    """JSON that cannot end the block it stands in. Source: HTML Living Standard, 4.12.1.3 on script contents."""
    shown = {
        "votes_format": VOTES_FORMAT,
        **{name: getattr(page, name) for name in ("run", "page", "rows", "answers")},
        "pairs": [_visible_pair(pair) for pair in page.pairs],
    }
    text = json_text(shown, indent=None)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _visible_pair(pair: ShownPair) -> dict[str, object]:
    turns = [{"role": turn.role, "text": visible(turn.text)} for turn in pair.turns]
    return {**asdict(pair), "turns": turns, "left": visible(pair.left), "right": visible(pair.right)}


def _asset(name: str) -> str:
    return (files("tunewright.report") / "templates" / name).read_text(encoding="utf-8")
