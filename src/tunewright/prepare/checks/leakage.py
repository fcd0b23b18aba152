"""Rows that stand on both sides of a split, word for word or up to case and punctuation: a score on them would reward
memory.

In: the keyed rows of each given file, before any is dropped. Out: a finding for each pair of splits and kind, the rows
that must go or the reason to refuse. Its own file because it can stop a run; what is only nearly the same is
near_leakage's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tunewright.core.values import SPLITS, Action, Dropped, Finding, Split
from tunewright.prepare.checks.check import Check, Evidence, Found, Look
from tunewright.prepare.checks.near_leakage import close_leaks, looked_in_part, near_evidence, near_findings
from tunewright.prepare.keys import Keyed
from tunewright.tables.words import few, percent, rows

LEAKAGE = "leakage"
REFUSED_SHARE = 0.01
"""More than this share of the test rows in train: refused. Source: DESIGN 5."""


@dataclass(frozen=True, slots=True)
class Leak:
    """What two splits share. `left` comes before `right` in train, validation, test."""

    left: Split
    right: Split
    exact: tuple[tuple[str, ...], tuple[str, ...]]
    """Row ids of left and of right that ask exactly the same (as cleaned)."""
    normalised: tuple[tuple[str, ...], tuple[str, ...]]
    """The same up to case and punctuation; the exact ones are among them."""
    n_right: int
    together: tuple[Evidence, ...] = ()
    """Rows of one question, left before right: exact when each right row asks word for word what a left one does."""


def look(shown: Look) -> Found:
    """Leaking rows leave train before validation, and never test, when they are to be dropped.

    Between what our own split made, only near matches can be: it keeps equal rows together.
    """
    action = shown.actions[LEAKAGE]
    pairs = [(a, b) for a, b in pairs_of(shown.rows) if shown.moment == "given" or {a, b} <= shown.own]
    found = leaks(shown.rows, pairs)
    gone = leaking(found) if action == "drop" else {}
    findings = list(leak_findings(found, action=action))
    evidence = [together for leak in found for together in leak.together]
    for a, b in pairs:
        left, right = shown.rows[a], shown.rows[b]
        exact = frozenset(i for leak in found if (leak.left, leak.right) == (a, b) for i in leak.normalised[1])
        close = close_leaks(left, right, exact=exact)
        findings += near_findings((a, b), close, n_right=len(right), exact=exact, is_own=shown.moment == "split")
        evidence += near_evidence(close)
    findings += looked_in_part(
        k for split in dict.fromkeys(s for pair in pairs for s in pair) for k in shown.rows[split]
    )
    return Found(
        tuple(findings),
        dropped=tuple(drop for part in gone.values() for drop in part.values()),
        evidence=tuple(evidence),
        refusal=refusal(found, action=action) or "",
    )


CHECK = Check("row in two splits", ("given", "split"), look, actions=("refuse", "report", "drop", "fix"))


def leaks(
    given: Mapping[Split, Sequence[Keyed]], pairs: Sequence[tuple[Split, Split]] | None = None
) -> tuple[Leak, ...]:
    """One for each pair of given splits that share a row."""
    found = (_leak(a, b, given[a], given[b]) for a, b in (pairs_of(given) if pairs is None else pairs))
    return tuple(leak for leak in found if leak.normalised[1])


def pairs_of(sides: Iterable[Split]) -> list[tuple[Split, Split]]:
    """Two sides each, the earlier of train, validation, test first."""
    there = [split for split in SPLITS if split in set(sides)]
    return [(a, b) for i, a in enumerate(there) for b in there[i + 1 :]]


def leak_findings(found: Sequence[Leak], *, action: Action) -> tuple[Finding, ...]:
    """One for each pair and kind, naming every row on both sides; of normalised matches only when they add rows."""
    findings: list[Finding] = []
    for leak in found:
        if leak.exact[1]:
            findings.append(_finding(leak, leak.exact, "word for word", action))
        if leak.normalised != leak.exact:
            how = f"up to case and punctuation ({len(leak.exact[1])} of them word for word)"
            findings.append(_finding(leak, leak.normalised, how, action))
    return tuple(findings)


def refusal(found: Sequence[Leak], *, action: Action) -> str | None:
    """Why the run must not go on; None when it may."""
    for leak in found:
        if _done(leak, action) == "refuse":
            n = len(leak.normalised[1])
            share = percent(n, leak.n_right)
            return (
                f"{n:,} of {rows(leak.n_right, 'test')} ({share}) stand in train too, as {few(leak.normalised[1])}; "
                f"more than {percent(1, round(1 / REFUSED_SHARE))} would make the score a test of memory"
            )
    return None


def leaking(found: Sequence[Leak]) -> dict[Split, dict[str, Dropped]]:
    """The rows to take out, by split and id: of train before validation; never of test."""
    gone: dict[Split, dict[str, Dropped]] = {}
    for leak in found:
        mine = gone.setdefault(leak.left, {})
        for row_id in leak.normalised[0]:
            mine.setdefault(row_id, Dropped(row_id, LEAKAGE, f"stands in {leak.right} too"))
    return gone


def _leak(a: Split, b: Split, left: Sequence[Keyed], right: Sequence[Keyed]) -> Leak:
    return Leak(
        a,
        b,
        exact=_shared([(k.row.row_id, k.asked_exact) for k in left], [(k.row.row_id, k.asked_exact) for k in right]),
        normalised=_shared([(k.row.row_id, k.asked) for k in left], [(k.row.row_id, k.asked) for k in right]),
        n_right=len(right),
        together=_together(left, right),
    )


def _together(left: Sequence[Keyed], right: Sequence[Keyed]) -> tuple[Evidence, ...]:
    """One for each question of both sides, in the right one's order: never longer than the rows, whatever repeats."""
    both = {k.asked for k in left} & {k.asked for k in right}
    exact = {k.asked_exact for k in left if k.asked in both}
    asking: dict[str, tuple[list[Keyed], list[Keyed]]] = {k.asked: ([], []) for k in right if k.asked in both}
    for side, part in enumerate((left, right)):
        for k in part:
            if k.asked in both:
                asking[k.asked][side].append(k)
    return tuple(
        Evidence(
            LEAKAGE,
            "exact" if all(k.asked_exact in exact for k in of_right) else "normalised",
            tuple(k.row.row_id for k in (*of_left, *of_right)),
            1.0,
        )
        for of_left, of_right in asking.values()
    )


def _shared(
    left: Sequence[tuple[str, str]], right: Sequence[tuple[str, str]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    both = {key for _, key in left} & {key for _, key in right}
    return tuple(i for i, key in left if key in both), tuple(i for i, key in right if key in both)


def _finding(leak: Leak, ids: tuple[tuple[str, ...], tuple[str, ...]], how: str, action: Action) -> Finding:
    done = _done(leak, action)
    share = percent(len(ids[1]), leak.n_right)
    text = f"{rows(len(ids[1]), leak.right)} ({share}) also in {leak.left}, {how}"
    change = f"take them out of {leak.left}: prepare.actions.leakage=drop"
    if done == "drop":
        text += f"; they are taken out of {leak.left}"
        change = f"keep them in {leak.left}: prepare.actions.leakage=report"
    return Finding(LEAKAGE, "error" if done == "refuse" else "warning", text, ids[0] + ids[1], change, done)


def _done(leak: Leak, action: Action) -> Action:
    """What is done about one leak: refused only past the share of test rows in train, else reported."""
    if action != "refuse":
        return action
    is_over = len(leak.normalised[1]) > REFUSED_SHARE * leak.n_right
    return "refuse" if (leak.left, leak.right) == ("train", "test") and is_over else "report"
