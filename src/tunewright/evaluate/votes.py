"""What blind votes say together: who is preferred, in one sentence, and how far the raters agree.

In: each rater's votes by row, already turned from left and right into systems. Out: Counted. Its own file because the
words are a promise, and several people's votes on one row are one piece of evidence.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunewright.core.values import Prediction
from tunewright.evaluate.statistics.preferences import Agreement, Preference, agreement, preference, row_sign
from tunewright.evaluate.statistics.units import units_of
from tunewright.evaluate.verdict import EFFECT_PER_WIDTH, MOST_ROWS, p_words, plain, rows_needed

Votes = Mapping[str, int | None]
"""By row: 1 the subject's answer, -1 its rival's, 0 equally good, None skipped."""


@dataclass(frozen=True, slots=True)
class Rater:
    """One person's votes."""

    name: str
    wins: int
    losses: int
    ties: int
    skipped: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What the votes say of the subject against its rival."""

    preference: Preference
    """Over rows: several votes on one row are one, that of the majority."""
    sentence: str
    details: tuple[str, ...]
    raters: tuple[Rater, ...]
    agreement: Agreement | None
    """None for one rater."""
    rows_voted: int
    """Rows with a vote that is no skip."""
    more_votes: int | None
    """Rows with a vote, beyond these, that would show the measured preference four times in five; None where that
    cannot be said, or it is shown already."""


def counted(
    votes: Mapping[str, Votes], *, systems: tuple[str, str], groups: Mapping[str, str], rows: int, seed: int
) -> Counted:
    """votes: by rater. systems: the subject, its rival. groups: of each row; empty: none. rows: pairs on the page.

    One vote a row: people who read the same two answers are not independent of each other, and with the row as unit
    the sign test stays exact however many they are.
    """
    said: dict[str, list[int]] = {}
    for of_one in votes.values():
        for row_id, sign in of_one.items():
            if sign is not None:
                said.setdefault(row_id, []).append(sign)
    units = units_of([Prediction(row_id, systems[0], group=groups.get(row_id, "")) for row_id in said])
    found = preference([row_sign(signs) for signs in said.values()], units, seed=seed)
    raters = tuple(_rater(name, of_one) for name, of_one in votes.items())
    agreed = agreement(list(said.values()), seed=seed) if len(votes) > 1 else None
    more = _more_votes(found)
    return Counted(
        preference=found,
        sentence=_sentence(found, systems=systems),
        details=tuple(_details(found, more=more, rows=rows, voted=len(said), agreed=agreed)),
        raters=raters,
        agreement=agreed,
        rows_voted=len(said),
        more_votes=more,
    )


def _rater(name: str, votes: Votes) -> Rater:
    counts = Counter(votes.values())
    return Rater(name, wins=counts[1], losses=counts[-1], ties=counts[0], skipped=counts[None])


def _more_votes(found: Preference) -> int | None:
    low, high = found.ci95
    if found.verdict != "not distinguishable" or not found.decided or not math.isfinite(low):
        return None
    needed = rows_needed(found.share - 0.5, width=high - low, n=found.decided) - found.decided
    if not 1 <= needed <= MOST_ROWS:
        return None
    needed *= (found.decided + found.ties) / found.decided  # some of those to come will be ties too
    return int(round(needed, 1 - math.floor(math.log10(needed))))


def _sentence(found: Preference, *, systems: tuple[str, str]) -> str:
    ours, theirs = map(plain, systems)
    if not found.decided:
        return f"No row has a preference ({_ties(found)}): {ours} is not distinguishable from {theirs}."
    claim = {
        "better": f"{ours} is better than {theirs}",
        "worse": f"{ours} is worse than {theirs}",
        "not distinguishable": f"{ours} is not distinguishable from {theirs}",
    }[found.verdict]
    low, high = (f"{100 * end:.0f} %" for end in found.ci95)
    evidence = f"95 % interval {low} to {high}, {p_words(found.p_value)}; {_ties(found)}"
    return (
        f"{claim[0].upper()}{claim[1:]}: its answer is preferred on {found.wins:,} of {found.decided:,} rows with a "
        f"preference ({100 * found.share:.0f} %, {evidence})."
    )


def _details(found: Preference, *, more: int | None, rows: int, voted: int, agreed: Agreement | None) -> Sequence[str]:
    details = [f"Test: {found.test}. Ties are left out of it."]
    low, high = found.ci95
    if found.verdict == "not distinguishable" and found.decided and math.isfinite(low):
        least = 0.5 + EFFECT_PER_WIDTH * (high - low)
        shows = f"These votes would show a true share of {100 * least:.0f} % four times in five"
        details.append(f"{shows}." if least < 1 else "With so few votes even a share of 100 % would often stay open.")
        if more:
            left = rows - voted
            has = f"{left:,} rows of the page have" if left != 1 else "1 row of the page has"
            details.append(f"The measured share would need votes on about {more:,} more rows; {has} none yet.")
    if agreed is not None:
        details.append(_agreement(agreed))
    if voted < rows:
        details.append(
            f"{voted:,} of {rows:,} rows have a vote: decide before you look how many there shall be, "
            "for who votes until it is clear is misled by chance."
        )
    return details


def _agreement(found: Agreement) -> str:
    if not found.rows:
        return "No row was judged by two people, so nothing is known of how far they agree."
    low, high = found.ci95
    ends = f" (95 % interval {100 * low:.0f} % to {100 * high:.0f} %)" if math.isfinite(low) else ""
    alpha = f", Krippendorff's alpha {found.alpha:.2f} (0: as by chance)" if math.isfinite(found.alpha) else ""
    rows = "1 row" if found.rows == 1 else f"{found.rows:,} rows"
    return f"On {rows} that several people judged, {100 * found.share:.0f} % of their votes agree{ends}{alpha}."


def _ties(found: Preference) -> str:
    return "1 tie" if found.ties == 1 else f"{found.ties:,} ties"


def rater_names(names: Sequence[str]) -> tuple[str, ...]:
    """As people wrote them; a number behind one that two bear, and behind nobody's.

    >>> rater_names(["Ann", "", "Ann"])
    ('Ann', 'rater 2', 'Ann (3)')
    """
    told: list[str] = []
    for place, name in enumerate(names, start=1):
        shown = name.strip() or f"rater {place}"
        told.append(f"{shown} ({place})" if shown in told else shown)
    return tuple(told)
