"""What the page says about single classes: the confusion matrix, the most confused pairs, each class's scores.

In: metrics.json as values. Out: a frozen view; None for tasks without classes. Its own file because a matrix of 12
classes and one of 77 need different drawings.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from tunewright.report import charts, numbers
from tunewright.report.read import Record, RunFiles, as_list, as_record
from tunewright.text.private import masked

READABLE_CLASSES = 30
"""Largest matrix whose cells hold readable numbers on a desktop page."""
SHOWN_PAIRS, SHOWN_PAIRS_BESIDE_MATRIX = 15, 6
"""Confused pairs that are listed: more where the matrix cannot be read."""
SHOWN_CLASSES = 300
"""Of the table of scores: more rows than anybody reads, and a page of 10,000 would not open on a phone."""
_LEVELS = 5
"""Steps of colour in the matrix."""


@dataclass(frozen=True, slots=True)
class HeatCell:
    n: str
    """Empty for 0."""
    kind: str
    """Class of style.css: right-3, wrong-1 ..."""


@dataclass(frozen=True, slots=True)
class HeatLine:
    label: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """One kind of mistake."""

    reference: str
    answer: str
    n: str
    share: str
    """Of the reference's rows."""


@dataclass(frozen=True, slots=True)
class ClassLine:
    label: str
    n: str
    precision: str
    recall: str
    f1: str
    width: float
    """F1 as per cent of a bar."""


@dataclass(frozen=True, slots=True)
class Mistakes:
    """Finished text and drawings."""

    n_classes: int
    lines: tuple[HeatLine, ...]
    """Empty when there are more classes than can be read."""
    picture: Markup
    """The small matrix, when lines are empty."""
    pairs: tuple[Pair, ...]
    n_pairs: int
    classes: tuple[ClassLine, ...]
    """The weakest first."""
    n_hidden: int
    """Classes that are not among them."""
    is_confusion: bool = True
    """Each row has one class, so that one can be answered for another."""


def mistakes_of(run: RunFiles) -> Mistakes | None:
    """None when the task has no classes or evaluate did not run."""
    found, per_class = (as_record(run.metrics.get(name)) for name in ("confusion", "per_class"))
    if per_class and not found:
        return _without_confusion(per_class)
    labels = [masked(str(label)) for label in as_list(found.get("labels"))]
    matrix = [
        [int(numbers.number(n)) if numbers.is_known(n) else 0 for n in as_list(line)]
        for line in as_list(found.get("matrix"))
    ]
    if not labels or len(matrix) != len(labels) or any(len(line) != len(labels) for line in matrix):
        return None
    pairs, classes = _pairs(labels, matrix), _classes(per_class)
    is_readable = len(labels) <= READABLE_CLASSES
    return Mistakes(
        n_classes=len(labels),
        lines=tuple(_heat_line(i, label, matrix[i]) for i, label in enumerate(labels)) if is_readable else (),
        picture=Markup("") if is_readable else _picture(matrix),
        pairs=pairs[: SHOWN_PAIRS_BESIDE_MATRIX if is_readable else SHOWN_PAIRS],
        n_pairs=len(pairs),
        classes=classes[:SHOWN_CLASSES],
        n_hidden=max(0, len(classes) - SHOWN_CLASSES),
    )


def _without_confusion(per_class: Record) -> Mistakes:
    """Of rows with several labels: none is answered for another."""
    classes = _classes(per_class)
    n_hidden = max(0, len(classes) - SHOWN_CLASSES)
    return Mistakes(len(classes), (), Markup(""), (), 0, classes[:SHOWN_CLASSES], n_hidden, is_confusion=False)


def _heat_line(index: int, label: str, line: list[int]) -> HeatLine:
    total = sum(line) or 1
    cells = (_heat_cell(n, total=total, is_right=j == index) for j, n in enumerate(line))
    return HeatLine(label, tuple(cells))


def _heat_cell(n: int, *, total: int, is_right: bool) -> HeatCell:
    level = 0 if not n else max(1, min(_LEVELS, round(_LEVELS * n / total)))
    return HeatCell(f"{n:,}" if n else "", f"{'right' if is_right else 'wrong'}-{level}")


def _pairs(labels: list[str], matrix: list[list[int]]) -> tuple[Pair, ...]:
    """Largest first; equal counts by share, then by name."""
    found = []
    for i, line in enumerate(matrix):
        total = sum(line)
        found += [(n, n / total, labels[i], labels[j]) for j, n in enumerate(line) if n and i != j]
    found.sort(key=lambda pair: (-pair[0], -pair[1], pair[2], pair[3]))
    return tuple(
        Pair(ref, answer, numbers.count_text(n), numbers.percent_text(share)) for n, share, ref, answer in found
    )


def _picture(matrix: list[list[int]]) -> Markup:
    rows, right = sum(map(sum, matrix)), sum(line[i] for i, line in enumerate(matrix))
    text = f"{right:,} of {rows:,} rows are on the diagonal. Down: the right class; across: the answer; in label order."
    return charts.matrix_picture(matrix, title=f"Confusion matrix of {len(matrix)} classes", description=text)


def _classes(per_class: dict[str, object]) -> tuple[ClassLine, ...]:
    lines = sorted((_class_line(label, as_record(value)) for label, value in per_class.items()), key=_weakness)
    return tuple(lines)


def _weakness(line: ClassLine) -> tuple[float, str]:
    return line.width, line.label


def _class_line(label: str, found: Record) -> ClassLine:
    f1 = numbers.number(found.get("f1"))
    return ClassLine(
        label=masked(label),
        n=numbers.count_text(found.get("n")),
        precision=numbers.metric_text(found.get("precision"), metric="precision_macro"),
        recall=numbers.metric_text(found.get("recall"), metric="recall_macro"),
        f1=numbers.metric_text(f1, metric="f1_macro"),
        width=round(100 * f1, 1) if numbers.is_known(f1) else 0.0,
    )
