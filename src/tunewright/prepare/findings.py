"""What a person should know about the labels and the sizes, and which checks found nothing or did not run.

In: split rows, dropped rows, all findings. Out: findings, and one status for each check. Its own file because these
look at what is left and change nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from tunewright.core.values import SPLITS, Action, Dropped, Finding, Row, Split, Task
from tunewright.prepare.actions import CHECKS, NOT_RUN
from tunewright.tables.words import few, rows
from tunewright.text.clean import normalised

Splits = Mapping[Split, Sequence[Row]]

FEW_ROWS = 5
"""A class with fewer train rows is hardly learned. Source: DESIGN 5, the task rule's 5 rows a class."""
IMBALANCE = 10
"""Largest class over smallest. Ours: past it a model that never names the rare class still scores above 90 %."""
SMALL_TEST_ROWS = 100
"""Fewer, and an accuracy is known to no better than ten points. Source: 1.96 * sqrt(.25 / 100) = .098."""


def unusable_findings(dropped: Iterable[Dropped]) -> tuple[Finding, ...]:
    """One for each reason a row could not be used, naming the rows."""
    by_reason: dict[str, list[Dropped]] = {}
    for row in dropped:
        by_reason.setdefault(row.reason, []).append(row)
    return tuple(
        Finding(
            "unusable_rows",
            "warning",
            f"{rows(len(gone))} left out: {reason.replace('_', ' ')}{f' ({gone[0].detail})' if gone[0].detail else ''}",
            tuple(d.row_id for d in gone),
            f"mend them in the file if they matter; the first is {gone[0].row_id}",
            "drop",
        )
        for reason, gone in by_reason.items()
    )


def label_spellings(all_rows: Iterable[Row]) -> dict[str, str]:
    """Each rarer spelling of a label with the most frequent one.

    Two labels are spellings of one when they are equal once normalised; of equally frequent ones the first by the
    alphabet stays.

    >>> label_spellings([Row("1", label="Refund"), Row("2", label="refund"), Row("3", label="refund")])
    {'Refund': 'refund'}
    """
    counts = Counter(row.label for row in all_rows if row.label is not None)
    spelled: dict[str, list[str]] = {}
    for label in sorted(counts):
        spelled.setdefault(normalised(label) or label, []).append(label)
    best = {name: max(labels, key=lambda label: counts[label]) for name, labels in spelled.items()}
    return {label: best[name] for name, labels in spelled.items() for label in labels if label != best[name]}


def spelling_findings(all_rows: Sequence[Row], spellings: Mapping[str, str], *, action: Action) -> tuple[Finding, ...]:
    """One that names every row with a rarer spelling."""
    if not spellings:
        return ()
    pairs = few([f"{label!r} beside {best!r}" for label, best in spellings.items()])
    ids = tuple(row.row_id for row in all_rows if row.label in spellings)
    done = "read as the more frequent spelling" if action == "fix" else "they count as different classes"
    suggestion = (
        "keep them apart: prepare.actions.label_spelling=report"
        if action == "fix"
        else ("read them as one: prepare.actions.label_spelling=fix")
    )
    text = f"labels that differ only in case or punctuation: {pairs} ({rows(len(ids))}); {done}"
    return (Finding("label_spelling", "warning", text, ids, suggestion, action),)


def respelled(all_rows: Sequence[Row], spellings: Mapping[str, str]) -> tuple[Row, ...]:
    """The rows with each label in its most frequent spelling."""
    return tuple(replace(row, label=spellings.get(row.label or "", row.label)) for row in all_rows)


def label_findings(splits: Splits) -> tuple[Finding, ...]:
    """Rare, unbalanced and unseen labels."""
    counts = Counter(row.label for row in splits["train"] if row.label is not None)
    return (*_rare(splits["train"], counts), *_imbalance(counts), *_unseen(splits, counts))


def size_findings(splits: Splits) -> tuple[Finding, ...]:
    """A test set too small to prove much, or no validation rows."""
    findings = []
    n_test = len(splits["test"])
    if n_test < SMALL_TEST_ROWS:
        text = f"{rows(n_test, 'test')}: fewer than {SMALL_TEST_ROWS}, so scores will have wide intervals"
        findings.append(Finding("held_out_size", "warning", text, (), "give more rows: data.test=FILE"))
    if not splits["validation"]:
        text = "no validation rows: the last checkpoint is used, not the best"
        findings.append(Finding("held_out_size", "warning", text, (), "give some rows: data.validation=FILE"))
    return tuple(findings)


def long_row_findings(tokens: Mapping[str, Mapping[str, int]]) -> tuple[Finding, ...]:
    """One for each split in which rows were cut, from the token account."""
    return tuple(
        Finding(
            "long_rows",
            "warning",
            f"{rows(account['rows_cut'], split)} over prepare.max_length: {account['cut']:,} tokens were cut",
            (),
            "give a larger prepare.max_length to keep them whole",
            "fix",
        )
        for split, account in tokens.items()
        if account.get("rows_cut")
    )


def check_statuses(findings: Iterable[Finding], *, task: Task, n_given: int) -> dict[str, dict[str, str]]:
    """{check: {status: ok | found | not run, why}} for every check there is.

    n_given: how many splits the user gave as files; checks between splits need two.
    """
    n_found = Counter(finding.check for finding in findings)
    statuses = {name: {"status": "found", "why": _findings(n)} for name, n in n_found.items() if name not in CHECKS}
    for name, check in CHECKS.items():
        if n_found[name]:
            statuses[name] = {"status": "found", "why": _findings(n_found[name])}
        elif task not in check.tasks:
            statuses[name] = {"status": "not run", "why": f"it does not concern the task {task}"}
        elif name == "long_rows":
            statuses[name] = {"status": "not run", "why": "no token was counted yet"}
        else:
            own = " (our own split keeps them together)" if name in ("leakage", "group_overlap") and n_given < 2 else ""
            statuses[name] = {"status": "ok", "why": f"no {check.finds}{own}"}
    return {**statuses, **{name: {"status": "not run", "why": why} for name, why in NOT_RUN.items()}}


def _findings(n: int) -> str:
    return f"{n} finding{'' if n == 1 else 's'}"


def _rare(train: Sequence[Row], counts: Counter[str]) -> tuple[Finding, ...]:
    rare = [label for label, n in sorted(counts.items(), key=lambda item: (item[1], item[0])) if n < FEW_ROWS]
    if not rare:
        return ()
    n_single = sum(counts[label] == 1 for label in rare)
    single = f", {n_single} of them one" if n_single else ""
    named = few([f"{label!r} {counts[label]}" for label in rare])
    text = f"{len(rare)} of {len(counts)} labels have fewer than {FEW_ROWS} train rows{single}: {named}"
    ids = tuple(row.row_id for row in train if row.label in rare)
    return (Finding("rare_labels", "warning", text, ids, "add rows for them, or merge them in the file"),)


def _imbalance(counts: Counter[str]) -> tuple[Finding, ...]:
    if len(counts) < 2:
        return ()
    large, small = max(counts, key=lambda label: counts[label]), min(counts, key=lambda label: counts[label])
    if counts[large] < IMBALANCE * counts[small]:
        return ()
    text = (
        f"the label {large!r} has {rows(counts[large], 'train')}, {small!r} has {counts[small]:,}: "
        f"{counts[large] / counts[small]:.0f} times as many; accuracy hardly sees the rare one"
    )
    return (
        Finding("class_imbalance", "info", text, (), "count every label the same: evaluate.primary_metric=f1_macro"),
    )


def _unseen(splits: Splits, counts: Counter[str]) -> tuple[Finding, ...]:
    findings = []
    for split in SPLITS[1:]:
        unseen = [row for row in splits[split] if row.label is not None and row.label not in counts]
        if not unseen:
            continue
        names = few([repr(label) for label in sorted({row.label for row in unseen if row.label is not None})])
        text = f"{rows(len(unseen), split)} with a label that train does not have, counted as wrong: {names}"
        ids = tuple(row.row_id for row in unseen)
        findings.append(Finding("unseen_labels", "warning", text, ids, "add train rows for these labels"))
    return tuple(findings)
