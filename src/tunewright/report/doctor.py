"""What the checks of the data came to, to be looked at: a light for each check, a card for each that found something.

In: findings, statuses of the checks and cards, as prepare wrote them. Out: a frozen view. Its own file because the page
and `tunewright check` show the same lights and cards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tunewright.report import numbers, words
from tunewright.report.read import Record, as_list, as_record
from tunewright.text.private import masked

Status = Literal["act", "look", "ok", "not run"]
STATUSES: tuple[Status, ...] = ("act", "look", "ok", "not run")
"""act: an error, or a warning about which nothing was done: somebody must decide. look: a note, or mended already.
ok: looked, and found nothing. not run: did not look, which is never ok."""
UNCONCERNED = "it does not concern the task"
"""How prepare says that a check has nothing to say about these rows."""
SHOWN_IDS = 8
"""Row ids printed with a finding; the rest are counted and stand in findings.json."""
SHOWN_FINDINGS = 12
"""Of one check; a check has one for each pair of splits and kind, at most."""
SHOWN_CHARACTERS = 600
"""Of a sentence: labels may be long."""
ACTIONS = {"fix": "mended", "drop": "left out", "refuse": "refused"}
"""What was done; report: nothing."""
ACTIONS_OF = {"long_rows": {"fix": "cut"}, "conflicting_labels": {"fix": "left out"}}
"""Where the word would say something else."""


@dataclass(frozen=True, slots=True)
class Light:
    """One check."""

    check: str
    name: str
    status: Status
    why: str


@dataclass(frozen=True, slots=True)
class Sentence:
    """One finding."""

    status: Status
    message: str
    suggestion: str
    done: str
    """mended, left out, refused; empty: nothing was changed."""
    rows: str
    n_rows: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """A piece of a row's text."""

    text: str
    is_marked: bool


@dataclass(frozen=True, slots=True)
class ShownRow:
    row_id: str
    place: str
    label: str
    seems: str
    note: str
    pieces: tuple[Stretch, ...]
    more: int
    """Characters left out."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows to look at side by side; alone: rows of one kind."""

    kind: str
    title: str
    rows: tuple[ShownRow, ...]
    more: int
    """Rows left out."""


@dataclass(frozen=True, slots=True)
class Diff:
    """A mended cell."""

    row_id: str
    field: str
    before: tuple[Stretch, ...]
    after: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A check that found something."""

    check: str
    name: str
    status: Status
    sentences: tuple[Sentence, ...]
    groups: tuple[Group, ...]
    diffs: tuple[Diff, ...]
    marks: str
    """What is marked; empty when nothing is."""
    more: str
    """What is not shown."""


@dataclass(frozen=True, slots=True)
class Doctor:
    """The cards stand in the order of their lights: what needs a person first."""

    summary: str
    counts: tuple[tuple[Status, int], ...]
    lights: tuple[Light, ...]
    """In the order act, look, ok, not run."""
    cards: tuple[Card, ...]
    ok: tuple[Light, ...]
    not_run: tuple[Light, ...]
    """With a reason of their own."""
    unconcerned: tuple[Light, ...]
    """Those that another task would need."""


def doctor_of(
    findings: Iterable[Mapping[str, object]], checks: Mapping[str, object], cards: Iterable[Mapping[str, object]]
) -> Doctor | None:
    """None when nothing was checked.

    findings, checks: as in findings.json; cards: as in cards.json.
    """
    found: dict[str, list[Record]] = {}
    for finding in findings:
        found.setdefault(str(finding.get("check") or "other"), []).append(dict(finding))
    statuses = {name: as_record(checks.get(name)) for name in [*checks, *(n for n in found if n not in checks)]}
    if not statuses:
        return None
    lights = [_light(name, status, found.get(name, ())) for name, status in statuses.items()]
    lights.sort(key=lambda light: (STATUSES.index(light.status), _rank(found.get(light.check, ()))))
    shown = {str(card.get("check")): dict(card) for card in cards}
    idle = [light for light in lights if light.status == "not run"]
    counts = tuple((status, sum(light.status == status for light in lights)) for status in STATUSES)
    return Doctor(
        summary=_summary(lights),
        counts=counts,
        lights=tuple(lights),
        cards=tuple(
            _card(light, found[light.check], shown.get(light.check, {})) for light in lights if light.check in found
        ),
        ok=tuple(light for light in lights if light.status == "ok"),
        not_run=tuple(light for light in idle if not light.why.startswith(UNCONCERNED)),
        unconcerned=tuple(light for light in idle if light.why.startswith(UNCONCERNED)),
    )


def _summary(lights: Sequence[Light]) -> str:
    act, look = ([light.name for light in lights if light.status == status] for status in ("act", "look"))
    if act:
        return f"Something to do: {_named(act)}."
    if look:
        return f"Nothing must be done; worth a look: {_named(look)}."
    return "Nothing was found by the checks that looked."


def _named(names: Sequence[str]) -> str:
    """
    >>> _named(["leakage", "markup", "header"])
    'leakage, markup and header'
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _light(name: str, status: Record, findings: Sequence[Record]) -> Light:
    """A check without a status was not run."""
    said = str(status.get("status") or "not run")
    light: Status = "ok" if said == "ok" else "not run"
    if findings or said == "found":
        light = "act" if any(_status(finding) == "act" for finding in findings) else "look"
    return Light(name, name.replace("_", " "), light, str(status.get("why") or ""))


def _status(finding: Record) -> Status:
    is_done = str(finding.get("action")) in ("fix", "drop")
    severity = finding.get("severity")
    return "act" if severity == "error" or (severity == "warning" and not is_done) else "look"


def _rank(findings: Iterable[Record]) -> int:
    """0 for errors, 1 for warnings, 2 for the rest: of the worst finding."""
    order = {"error": 0, "warning": 1}
    return min((order.get(str(finding.get("severity")), 2) for finding in findings), default=2)


def _card(light: Light, findings: Sequence[Record], card: Record) -> Card:
    groups = tuple(_group(as_record(group)) for group in as_list(card.get("groups")))
    diffs = tuple(_diff(as_record(change)) for change in as_list(card.get("changes")))
    ranked = sorted(findings, key=lambda finding: _rank([finding]))
    messages = words.said_once([str(finding.get("message") or "") for finding in ranked[:SHOWN_FINDINGS]])
    return Card(
        check=light.check,
        name=light.name,
        status=light.status,
        sentences=tuple(
            _sentence({**finding, "message": said}) for finding, said in zip(ranked, messages, strict=False)
        ),
        groups=groups,
        diffs=diffs,
        marks=_marks(light.check, groups),
        more=_more(card, groups, diffs, n_hidden=len(ranked) - SHOWN_FINDINGS),
    )


def _sentence(finding: Record) -> Sentence:
    ids = [str(row_id) for row_id in as_list(finding.get("row_ids"))]
    more = f" and {len(ids) - SHOWN_IDS:,} more" if len(ids) > SHOWN_IDS else ""
    return Sentence(
        status=_status(finding),
        message=_sentence_text(finding.get("message")),
        suggestion=_sentence_text(finding.get("suggestion"), is_capital=False),
        done={**ACTIONS, **ACTIONS_OF.get(str(finding.get("check")), {})}.get(str(finding.get("action")), ""),
        rows=", ".join(ids[:SHOWN_IDS]) + more,
        n_rows=len(ids),
    )


def _sentence_text(value: object, *, is_capital: bool = True) -> str:
    text = masked(str(value or ""))
    text = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    return text[:1].upper() + text[1:] if is_capital and text.split(" ")[0].isalpha() else text  # not a file's name


_TITLES = {
    "near": "{value:.0%} the same",
    "cluster": "at least {value:.0%} the same",
    "span": "{value:.0%} of the second row stands in the first",
    "answer": "{value:.0%} of the second row's answer stands in the first",
    "reworded": "the same answer to a question in other words",
    "exact": "the model is asked the same, word for word",
    "normalised": "the model is asked the same, up to case and punctuation",
}


def _group(group: Record) -> Group:
    rows = tuple(_row(as_record(row)) for row in as_list(group.get("rows")))
    kind = str(group.get("kind") or "alone")
    value = numbers.number(group.get("value"))
    title = _TITLES.get(kind, "") if numbers.is_known(value) else ""
    n = int(numbers.number(group.get("n_rows"))) if numbers.is_known(group.get("n_rows")) else len(rows)
    return Group(kind, title.format(value=value).replace("%", " %"), rows, max(0, n - len(rows)))


def _row(row: Record) -> ShownRow:
    text = as_record(row.get("text"))
    more = numbers.number(text.get("more"))
    said = {name: str(row.get(name) or "") for name in ("row_id", "place", "label", "seems", "note")}
    return ShownRow(**said, pieces=_pieces(text), more=int(more) if numbers.is_known(more) else 0)


def _diff(change: Record) -> Diff:
    before, after = _pieces(as_record(change.get("before"))), _pieces(as_record(change.get("after")))
    return Diff(str(change.get("row_id") or ""), str(change.get("field") or ""), before, after)


def _pieces(text: Record) -> tuple[Stretch, ...]:
    pieces = (as_record(piece) for piece in as_list(text.get("pieces")))
    return tuple(Stretch(str(piece.get("text") or ""), piece.get("is_marked") is True) for piece in pieces)


_MARKED = {
    **dict.fromkeys(("near", "reworded", "span", "answer"), "what both rows share"),
    "cluster": "what differs from the first row",
}
_MARKED_OF = {
    "personal_data": "what was found",
    "secrets": "what was found",
    "names": "what was found",
    "markup": "tags and entities",
    "invisible": "what nobody sees",
    "repetition": "what is said again and again",
    "filler_answers": "the answer",
    "cut_off": "where it stops",
    "boilerplate": "the answer",
}


def _marks(check: str, groups: Sequence[Group]) -> str:
    kinds = {group.kind for group in groups for row in group.rows if any(piece.is_marked for piece in row.pieces)}
    named = dict.fromkeys(_MARKED.get(kind) or _MARKED_OF.get(check, "") for kind in sorted(kinds))
    return "; ".join(name for name in named if name)


def _more(card: Record, groups: Sequence[Group], diffs: Sequence[Diff], *, n_hidden: int) -> str:
    """What the card leaves out."""
    parts = [f"{n_hidden:,} more finding{'' if n_hidden == 1 else 's'}"] if n_hidden > 0 else []
    n_groups, n_changes = (numbers.number(card.get(name)) for name in ("n_groups", "n_changes"))
    if numbers.is_known(n_groups) and n_groups > len(groups) > 0:
        word = "pairs" if len(groups[0].rows) == 2 else "groups"
        parts.append(f"{n_groups - len(groups):,.0f} more {word}")
    parts += [f"{group.more:,} more rows" for group in groups if group.kind == "alone" and group.more]
    if numbers.is_known(n_changes) and n_changes > len(diffs) > 0:
        parts.append(f"{n_changes - len(diffs):,.0f} more mended cells in changes.parquet")
    return ", ".join(parts)
