"""What a judge model said of our answers beside each rival's: won, lost, tied, how much the order mattered, the price.

In: metrics.json's `judge`. Out: a frozen view; None where nobody judged. Its own file because an opinion is shown apart
from what was measured, with all that speaks against it.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from tunewright.report import charts, numbers, words
from tunewright.report.read import Record, RunFiles, as_list, as_record


@dataclass(frozen=True, slots=True)
class JudgeLine:
    """Against one rival."""

    rival: str
    won: str
    lost: str
    tied: str
    missing: str
    difference: str
    interval: str
    picture: Markup
    p: str
    verdict: str
    kind: str
    """Class of style.css."""
    changed: str
    """How often the order changed the judgement."""
    first: str
    """How often the answer shown first was chosen."""
    test: str


@dataclass(frozen=True, slots=True)
class Judge:
    """Finished text."""

    lead: str
    lines: tuple[JudgeLine, ...]
    limits: tuple[str, ...]
    """The price, and what an opinion is worth."""


def judge_of(run: RunFiles) -> Judge | None:
    found = as_record(run.metrics.get("judge"))
    cost = as_record(found.get("cost"))
    if not cost.get("model"):
        return None
    rivals = [as_record(one) for one in as_list(found.get("rivals"))]
    compared = [as_record(one.get("comparison")) for one in rivals]
    ends = [e for c in compared for e in (*numbers.interval(c.get("ci95")), numbers.number(c.get("difference")))]
    on = charts.axis([*ends, 0.0], n_ticks=3)
    sentences = [str(one) for one in as_list(found.get("sentences"))]
    n_rivals = len(rivals)
    lead = (
        f"A model said so: {cost['model']} at {cost.get('host')} was shown both answers to each row, in both orders. A "
        "row is won or lost only where both orders agree; where they do not, or it sees no difference, it is a tie."
    )
    return Judge(lead, tuple(_line(one, on=on) for one in rivals), tuple(sentences[n_rivals:]))


def _line(one: Record, *, on: charts.Axis) -> JudgeLine:
    comparison, rival = as_record(one.get("comparison")), words.system_name(str(one.get("rival") or ""))
    value, ends = numbers.number(comparison.get("difference")), numbers.interval(comparison.get("ci95"))
    difference = numbers.difference_text(value, metric="accuracy")
    between = numbers.difference_interval_text(ends, metric="accuracy")
    verdict = str(comparison.get("verdict") or "not run") if numbers.is_known(value) else "not run"
    kind = {"better": "better", "worse": "worse"}.get(verdict, "unclear")
    title = f"Won less lost against {rival}: {difference}" + (f", 95 % interval {between}" if between else "")
    return JudgeLine(
        rival=rival,
        won=numbers.count_text(one.get("won")),
        lost=numbers.count_text(one.get("lost")),
        tied=numbers.count_text(one.get("tied")),
        missing=numbers.count_text(one.get("missing")),
        difference=difference,
        interval=between,
        picture=charts.dot_and_whisker(value, ends, on=on, title=title, kind=kind, zero=True),
        p=numbers.p_text(comparison.get("p_value")),
        verdict=verdict,
        kind=kind,
        changed=_share(one.get("disagreed"), one.get("asked")),
        first=_share(one.get("chose_first"), one.get("decided")),
        test=str(comparison.get("test") or ""),
    )


def _share(part: object, whole: object) -> str:
    known, n = numbers.number(part), numbers.number(whole)
    return numbers.metric_text(known / n if n > 0 else None, metric="accuracy")
