"""What the page says about the data: the ledger as a flow, the findings, the checks, the lengths.

In: the prepare stage's files as values. Out: a frozen view. Its own file because it answers one question: what exactly
was the model trained on, and what was left out?
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from tunewright.report import charts, numbers
from tunewright.report.read import Record, RunFiles, as_list, as_record

SPLITS = ("train", "validation", "test")
SHOWN_IDS = 8
"""Row ids printed with a finding; the rest are counted and stand in findings.json."""

_SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know."""

    check: str
    severity: str
    message: str
    rows: str
    suggestion: str
    action: str


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
    checks: tuple[tuple[str, str, str], ...]
    """(check, status, why)."""
    lengths: Markup
    lengths_caption: str
    labels: tuple[tuple[str, str], ...]
    """(label, train rows), the most frequent first."""


def data_of(run: RunFiles) -> Data | None:
    """None when prepare did not run."""
    if not (run.ledger or run.findings or run.lengths or run.facts):
        return None
    kept, dropped = _counts(run.ledger.get("rows_kept")), _counts(run.ledger.get("dropped"))
    read = numbers.number(run.ledger.get("rows_read"))
    picture, caption = _lengths(run.lengths)
    shares = [(s, kept[s]) for s in (*SPLITS, *sorted(set(kept) - set(SPLITS))) if s in kept]
    labels = sorted(_counts(run.facts.get("rows_per_label")).items(), key=lambda item: (-item[1], item[0]))
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
        checks=_checks(run.findings),
        lengths=picture,
        lengths_caption=caption,
        labels=tuple((label, numbers.count_text(n)) for label, n in labels),
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
    ids = [str(row_id) for row_id in as_list(item.get("row_ids"))]
    more = f" and {len(ids) - SHOWN_IDS:,} more" if len(ids) > SHOWN_IDS else ""
    return Finding(
        check=str(item.get("check") or ""),
        severity=str(item.get("severity") or "info"),
        message=str(item.get("message") or ""),
        rows=", ".join(ids[:SHOWN_IDS]) + more,
        suggestion=str(item.get("suggestion") or ""),
        action=str(item.get("action") or "report"),
    )


def _checks(found: Record) -> tuple[tuple[str, str, str], ...]:
    """A check without a status was not run."""
    checks = {str(name): as_record(check) for name, check in as_record(found.get("checks")).items()}
    return tuple((name, str(c.get("status") or "not run"), str(c.get("why") or "")) for name, c in checks.items())


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
