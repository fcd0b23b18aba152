"""The decisions about data that the user left open, each with its reason.

In: the asked plan, what was read, how it was split. Out: Choices for task, every open data field and both fractions.
Its own file because it is text that people read: what was decided, from which number, and how to say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.core.plan import Plan, open_fields
from tunewright.core.section import is_auto
from tunewright.core.values import Choice, Split
from tunewright.prepare.given import Given, named_files
from tunewright.prepare.split import Share
from tunewright.tables.words import rows

TEST_FRACTION = 0.15
TEST_ROWS = 2000
VALIDATION_FRACTION = 0.15
VALIDATION_ROWS = 1000
VALIDATION_FRACTION_BESIDE_TEST = 0.1
"""Shares of train and the most rows they come to. Source: DESIGN 5."""


@dataclass(frozen=True, slots=True)
class Shares:
    """What is held out of train; None: the user gave a file."""

    test: Share | None
    validation: Share | None


def shares(plan: Plan) -> Shares:
    """As the plan says, else the defaults with their upper limits."""
    beside_test = VALIDATION_FRACTION_BESIDE_TEST if named_files(plan, "test") else VALIDATION_FRACTION
    return Shares(
        test=None if named_files(plan, "test") else _share(plan.prepare.test_fraction, TEST_FRACTION, TEST_ROWS),
        validation=None
        if named_files(plan, "validation")
        else _share(plan.prepare.validation_fraction, beside_test, VALIDATION_ROWS),
    )


def data_choices(plan: Plan, *, read: Given, held_out: dict[Split, int], n_divided: int) -> tuple[Choice, ...]:
    """One for task, each open data field and each open fraction.

    held_out: rows of each split; n_divided: rows that our own split divided.
    """
    left = set(open_fields(plan))
    made = [choice for choice in read.shape.choices if choice.field in left]
    made += [choice for choice in _split_choices(plan, read, held_out, n_divided) if choice.field in left]
    known = {choice.field for choice in made}
    wanted = sorted(field for field in left if field == "task" or field.startswith("data."))
    made += [_as_found(field, read) for field in wanted if field not in known]
    return tuple(made)


def _share(asked: float, default: float, at_most: int) -> Share:
    return Share(default, at_most) if is_auto(asked) else Share(asked)


def _split_choices(plan: Plan, read: Given, held_out: dict[Split, int], n_divided: int) -> list[Choice]:
    found = shares(plan)
    made = []
    pairs: tuple[tuple[Split, Share | None, int, float], ...] = (
        ("test", found.test, TEST_ROWS, TEST_FRACTION),
        ("validation", found.validation, VALIDATION_ROWS, VALIDATION_FRACTION),
    )
    for split, share, most, default in pairs:
        field = f"prepare.{split}_fraction"
        if share is None:
            made.append(Choice(field, default, f"not used: the plan names a {split} file"))
            continue
        how = f"{rows(held_out[split])} of {n_divided:,} held out of train, {_how(plan, read)}"
        made.append(Choice(f"data.{split}", None, f"no {split} file is named: {how}; or name one: data.{split}=FILE"))
        beside = ", a smaller share because the test file is given" if _is_smaller(share) else ""
        limit = f"{100 * share.fraction:g} %, at most {most:,} rows{beside}: {held_out[split]:,} of {n_divided:,}"
        made.append(Choice(field, share.fraction, limit))
    return made


def _is_smaller(share: Share) -> bool:
    return share.fraction == VALIDATION_FRACTION_BESIDE_TEST and share.at_most == VALIDATION_ROWS


def _how(plan: Plan, read: Given) -> str:
    group = read.shape.group_column
    by = {"classify": "stratified by label", "multilabel": "stratified by each row's rarest label"}
    by["regress"] = "stratified by tenths of the number"
    parts = [by[read.shape.task]] if read.shape.task in by else []
    parts += [f"rows of one {group} kept together"] if group else []
    return ", ".join([*parts, f"seed {plan.run.seed}"])


def _as_found(field: str, read: Given) -> Choice:
    """A field that no column rule decided: what was found, which may be nothing."""
    if field == "task":
        return Choice(field, read.shape.task, "from the columns")
    if field == "data.format":
        return Choice(field, read.format, "from the file's name and content")
    columns = {
        "data.text_column": read.shape.text_column,
        "data.label_column": read.shape.label_column,
        "data.label_separator": read.shape.label_separator,
        "data.prompt_column": read.shape.prompt_column,
        "data.completion_column": read.shape.completion_column,
        "data.messages_column": read.shape.messages_column,
        "data.group_column": read.shape.group_column,
    }
    value = columns[field]
    return Choice(field, value, "from the columns" if value else f"not used: the rows are read as {read.shape.kind}")
