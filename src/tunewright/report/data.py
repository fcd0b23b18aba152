"""What the page says about the data: the ledger as a flow, the findings, the checks, the lengths.

In: the prepare stage's files as values. Out: a frozen view. Its own file because it answers one question: what exactly
was the model trained on, and what was left out?
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from tunewright.report import charts, numbers, words
from tunewright.report.doctor import SHOWN_CHARACTERS, Doctor, doctor_of
from tunewright.report.read import Record, RunFiles, as_list, as_record
from tunewright.report.sample import Sample, sample_of
from tunewright.text.private import masked

SPLITS = ("train", "validation", "test")
SHOWN_LABELS = 300
"""Of the list of labels; a page of ten thousand is read by nobody."""

_SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know, as the model card says it."""

    check: str
    severity: str
    message: str


@dataclass(frozen=True, slots=True)
class LanguagePart:
    """A part of the language bar."""

    name: str
    share: str
    kind: str
    """Class of style.css: language-1 ..."""


@dataclass(frozen=True, slots=True)
class Data:
    """Finished text and drawings."""

    read: str
    kept: tuple[tuple[str, str, str], ...]
    """(split, rows, share of the rows read)."""
    dropped: tuple[tuple[str, str], ...]
    n_dropped: str
    repaired: tuple[tuple[str, str], ...]
    bar: Markup
    balance: str
    """Whether the rows add up."""
    tokens: tuple[tuple[str, str, str, str, str], ...]
    """(split, total, trained on, cut, rows cut)."""
    findings: tuple[Finding, ...]
    doctor: Doctor | None
    """None: no check was run."""
    n_undecided: str
    """Suspicious rows that wait for a person; empty when there are none."""
    languages: tuple[LanguagePart, ...]
    language_bar: Markup
    lengths: Markup
    lengths_caption: str
    sample: Sample | None
    labels: tuple[tuple[str, str, float], ...]
    """(label, train rows, per cent of the most frequent one's), the most frequent first."""
    n_labels: str


def data_of(run: RunFiles) -> Data | None:
    """None when prepare did not run."""
    if not (run.ledger or run.findings or run.lengths or run.facts):
        return None
    kept, dropped = _counts(run.ledger.get("rows_kept")), _counts(run.ledger.get("dropped"))
    read = numbers.number(run.ledger.get("rows_read"))
    picture, caption = _lengths(run.lengths)
    shares = [(s, kept[s]) for s in (*SPLITS, *sorted(set(kept) - set(SPLITS))) if s in kept]
    labels = sorted(_counts(run.facts.get("rows_per_label")).items(), key=lambda item: (-item[1], item[0]))
    languages, language_bar = _languages(as_list(run.cards.get("languages")))
    return Data(
        read=numbers.count_text(read),
        kept=tuple((s, numbers.count_text(n), numbers.percent_text(n / read if read else math.nan)) for s, n in shares),
        dropped=_listed(dropped),
        n_dropped=numbers.count_text(sum(dropped.values())),
        repaired=_listed(_counts(run.ledger.get("repaired"))),
        bar=charts.split_bar(
            [*((f"split-{s}", n) for s, n in shares), ("split-dropped", sum(dropped.values()))],
            title=", ".join([*(f"{s} {n:,.0f} rows" for s, n in shares), f"dropped {sum(dropped.values()):,.0f} rows"]),
        ),
        balance=_balance(read, kept=sum(kept.values()), dropped=sum(dropped.values())),
        tokens=_tokens(as_record(run.ledger.get("tokens"))),
        findings=_findings(run.findings),
        doctor=doctor_of(
            map(as_record, as_list(run.findings.get("findings"))),
            as_record(run.findings.get("checks")),
            map(as_record, as_list(run.cards.get("cards"))),
        ),
        n_undecided=numbers.count_text(run.n_undecided) if run.n_undecided else "",
        languages=languages,
        language_bar=language_bar,
        lengths=picture,
        lengths_caption=caption,
        sample=sample_of(run.token_sample),
        labels=tuple(
            (masked(label), numbers.count_text(n), round(100 * n / (labels[0][1] or 1), 1))
            for label, n in labels[:SHOWN_LABELS]
        ),
        n_labels=numbers.count_text(len(labels)),
    )


def _counts(value: object) -> dict[str, float]:
    """Known counts by name."""
    return {str(k): numbers.number(n) for k, n in as_record(value).items() if numbers.is_known(n)}


def _listed(counts: dict[str, float]) -> tuple[tuple[str, str], ...]:
    largest_first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple((reason.replace("_", " "), numbers.count_text(n)) for reason, n in largest_first if n)


def _balance(read: float, *, kept: float, dropped: float) -> str:
    if not math.isfinite(read):
        return ""
    if read == kept + dropped:
        return f"{read:,.0f} read = {kept:,.0f} kept + {dropped:,.0f} dropped: every row is accounted for."
    missing = read - kept - dropped
    return f"{read:,.0f} read, but {kept:,.0f} kept + {dropped:,.0f} dropped: {missing:+,.0f} rows are unexplained."


def _tokens(tokens: Record) -> tuple[tuple[str, str, str, str, str], ...]:
    lines = []
    for split in SPLITS:
        found = as_record(tokens.get(split))
        if found:
            total, trained, cut, rows = (
                numbers.count_text(found.get(k)) for k in ("total", "trained_on", "cut", "rows_cut")
            )
            lines.append((split, total, trained, cut, rows))
    return tuple(lines)


def _findings(found: Record) -> tuple[Finding, ...]:
    items = [_finding(as_record(item)) for item in as_list(found.get("findings"))]
    order = {severity: position for position, severity in enumerate(_SEVERITIES)}
    return tuple(sorted(items, key=lambda item: order.get(item.severity, len(order))))


def _finding(item: Record) -> Finding:
    return Finding(
        check=str(item.get("check") or ""),
        severity=str(item.get("severity") or "info"),
        message=masked(str(item.get("message") or ""))[:SHOWN_CHARACTERS],
    )


def _languages(found: list[object]) -> tuple[tuple[LanguagePart, ...], Markup]:
    """The largest first; a language of less than one row in a thousand still has its name."""
    known = [(str(one.get("language") or ""), numbers.number(one.get("share"))) for one in map(as_record, found)]
    known = [(code, share) for code, share in known if code and math.isfinite(share) and share > 0]
    parts = tuple(
        LanguagePart(words.language_name(code), numbers.percent_text(share), f"language-{min(i, LANGUAGE_COLOURS)}")
        for i, (code, share) in enumerate(known, start=1)
    )
    shares = [(part.kind, share) for part, (_, share) in zip(parts, known, strict=True)]
    rest = max(0.0, 1 - sum(share for _, share in known))
    title = ", ".join(f"{part.name} {part.share}" for part in parts)
    return parts, charts.split_bar([*shares, ("language-rest", rest)], title=title)


LANGUAGE_COLOURS = 5
"""Languages with a colour of their own."""


def _lengths(found: Record) -> tuple[Markup, str]:
    edges = [numbers.number(edge) for edge in as_list(found.get("edges"))]
    per_split = [[numbers.number(n) for n in as_list(line)] for line in as_record(found.get("counts")).values()]
    lines = [line for line in per_split if len(line) == len(edges) - 1]
    if not lines or not all(math.isfinite(n) for line in (edges, *lines) for n in line):
        return Markup(""), ""
    counts = [sum(column) for column in zip(*lines, strict=True)]
    cut = numbers.number(found.get("max_length"))
    total = sum(counts)
    label = f"max_length {cut:,.0f}" if math.isfinite(cut) else ""
    middle = _middle_bin(edges, counts)
    text = f"Tokens a row over {total:,.0f} rows of all splits. {middle}"
    picture = charts.histogram(edges, counts, marker=cut, marker_label=label, title="Row lengths", description=text)
    return picture, f"{text} Rows to the right of the line are cut." if math.isfinite(cut) else text


def _middle_bin(edges: list[float], counts: list[float]) -> str:
    half, so_far = sum(counts) / 2, 0.0
    for i, n in enumerate(counts):
        so_far += n
        if so_far >= half > 0:
            return f"Half of them have at most {edges[i + 1] - 1:,.0f}."
    return ""
