"""What the model's own tokens say about the rows: the promises that a training stands on, kept or broken.

In: rows, their tokens before and after the cut, the tokenizer. Out: Counted: the account, findings, the status of each
check, and why nothing can be trained, if so. Its own file because all of it is known before training, costs seconds,
and spoils everything in silence when it does not hold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from tunewright.core.errors import DataError
from tunewright.core.probe import Probe
from tunewright.core.tasks import has_head
from tunewright.core.values import Encoded, Finding, Row, Split, Task
from tunewright.prepare.checks.not_built import NO_CONCERN
from tunewright.prepare.checks.table import all_checks
from tunewright.prepare.length_price import LengthPrice
from tunewright.tables.words import few, rows, told
from tunewright.text.chat import Tokenizer, special_ids
from tunewright.text.encode import token_account
from tunewright.text.mask_probes import END, FRONT, IDS, MASKS, ROUND_TRIP, Looked, mask_probes

PROBED_ROWS = 200
"""Train rows whose ids and masks are made again by other means: a template is asked several times for each."""
PROBES_OF = {"template": (IDS, FRONT), "round_trip": (ROUND_TRIP,), "masks": (MASKS,), "end_token": (END,)}
"""Check -> the probes that it stands on."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What is counted."""

    task: Task
    max_length: int
    is_trained: bool
    """False: the plan measures a model as it is, nothing has to be learned."""
    rows: Mapping[Split, Sequence[Row]]
    whole: Mapping[Split, Sequence[Encoded]]
    """Before any cut; one for each row."""
    cut: Mapping[Split, Sequence[Encoded]]
    """As training and evaluation see them; a document (task text) is several."""
    tokenizer: Tokenizer


@dataclass(frozen=True, slots=True)
class Counted:
    """What came of it."""

    account: Mapping[str, Mapping[str, int]]
    """Split -> total, trained_on, cut, rows_cut."""
    findings: tuple[Finding, ...] = ()
    checks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """{name: {status, why}} of the checks that count tokens."""
    probes: tuple[Probe, ...] = ()
    prices: tuple[LengthPrice, ...] = ()
    """What other choices of prepare.max_length would cost."""
    refusal: DataError | None = None
    """Why nothing can be learned from these rows; None: something can."""


def counted(tokens: Tokens, *, prices: tuple[LengthPrice, ...] = ()) -> Counted:
    """Every check of the moment `tokens`; pure, and the same for `run` and `check`."""
    probes = mask_probes(_looked(tokens))
    refusal = _nothing_to_learn(tokens) if tokens.is_trained and not has_head(tokens.task) else None
    findings = (
        *long_row_findings(tokens.rows, tokens.cut, prices=prices),
        *(_cut_answers(tokens) if tokens.task == "generate" else ()),
        *(_silent(tokens, is_refused=refusal is not None) if not has_head(tokens.task) else ()),
        *_broken(probes),
    )
    return Counted(
        account={split: asdict(token_account(part)) for split, part in tokens.cut.items()},
        findings=findings,
        checks=_statuses(findings, probes, task=tokens.task),
        probes=probes,
        prices=prices,
        refusal=refusal,
    )


def long_row_findings(
    of: Mapping[Split, Sequence[Row]], cut: Mapping[Split, Sequence[Encoded]], *, prices: Sequence[LengthPrice] = ()
) -> tuple[Finding, ...]:
    """One for each split in which rows were cut."""
    found = []
    for split, part in cut.items():
        ids = tuple(dict.fromkeys(e.row_id for e in part if e.n_cut))
        if ids:
            n_gone = sum(e.n_cut for e in part)
            message = f"{rows(len(ids), split)} over prepare.max_length: {n_gone:,} tokens were cut"
            suggestion = _longer(prices, split) or "give a larger prepare.max_length to keep them whole"
            found.append(Finding("long_rows", "warning", message, ids, suggestion, "fix"))
    return tuple(found)


def _longer(prices: Sequence[LengthPrice], split: Split) -> str:
    """The next larger choice and its price, where train is meant."""
    chosen = next((price.max_length for price in prices if price.is_chosen), 0)
    larger = next((price for price in prices if price.max_length > chosen), None)
    if larger is None or split != "train":
        return ""
    return (
        f"prepare.max_length={larger.max_length} cuts {rows(larger.rows_cut)} "
        f"at {larger.cost:.2f} times the cost of a step"
    )


def _cut_answers(tokens: Tokens) -> tuple[Finding, ...]:
    """One that names every row whose answer loses tokens, those that lose most first."""
    special = special_ids(tokens.tokenizer)
    lost = {
        b.row_id: (split, n, _has_words(b, special))
        for split, whole in tokens.whole.items()
        for a, b in zip(whole, tokens.cut[split], strict=True)
        if (n := sum(a.trained) - sum(b.trained))
    }
    if not lost:
        return ()
    ids = tuple(sorted(lost, key=lambda row_id: -lost[row_id][1]))
    splits = Counter(split for split, _, _ in lost.values())
    n_lost, n_all = (sum(some) for some in ((n for _, n, _ in lost.values()), _trained(tokens)))
    n_emptied = sum(not has_words for _, _, has_words in lost.values())
    message = (
        f"{told(len(ids), 'loses', 'lose')} part of an answer to prepare.max_length={tokens.max_length} "
        f"({', '.join(f'{n:,} {split}' for split, n in splits.items())}; {n_lost:,} of {n_all:,} tokens of answers), "
        f"as {few(ids)}" + (f"; {n_emptied:,} of them have no answer left" if n_emptied else "")
    )
    return (
        Finding(
            "cut_answers", "warning", message, ids, "prepare.max_length=auto keeps 99.5 % of the rows whole", "fix"
        ),
    )


def _trained(tokens: Tokens) -> Iterator[int]:
    return (sum(e.trained) for whole in tokens.whole.values() for e in whole)


def _silent(tokens: Tokens, *, is_refused: bool) -> tuple[Finding, ...]:
    """Train rows that nothing is learned from: as the template shows their turns, or as they were cut."""
    special = special_ids(tokens.tokenizer)
    by_row: dict[str, bool] = {}
    for e in tokens.cut["train"]:
        by_row[e.row_id] = by_row.get(e.row_id, False) or _has_words(e, special)
    ids = tuple(row_id for row_id, has_words in by_row.items() if not has_words)
    if not ids:
        return ()
    done = "nothing is left to train on" if is_refused else "they are kept and teach nothing"
    message = f"{told(len(ids), 'has', 'have')} no token of an answer to train on, as {few(ids)}; {done}"
    severity, action = ("error", "refuse") if is_refused else ("warning", "report")
    fix = f"look at one: tunewright trace {ids[0]}"
    return (Finding("no_trained_token", severity, message, ids, fix, action),)  # type: ignore[arg-type]


def _nothing_to_learn(tokens: Tokens) -> DataError | None:
    special = special_ids(tokens.tokenizer)
    if any(_has_words(e, special) for e in tokens.cut["train"]):
        return None
    n = len(tokens.rows["train"])
    n_before = len({e.row_id for e in tokens.whole["train"] if _has_words(e, special)})
    if n_before:
        longest = max(len(e) for e in tokens.whole["train"])
        return DataError(
            "no token of any answer is left to train on",
            where="prepare.max_length",
            why=f"at {tokens.max_length} tokens a row, all {rows(n_before, 'train')} that have an answer lose it; "
            f"the longest has {longest:,}",
            fix="prepare.max_length=auto",
        )
    return DataError(
        "no token of any answer would be trained on",
        where=tokens.rows["train"][0].row_id if n else "data.train",
        why="the model's chat template shows no answer of these rows as the model would write it"
        if tokens.task == "generate"
        else "every document is one token long",
        fix="use another chat model: model=FOLDER_OR_ID" if tokens.task == "generate" else "name another data.train",
    )


def _broken(probes: Sequence[Probe]) -> tuple[Finding, ...]:
    """One for each probe that found a row; why it matters is the probe's own word."""
    check_of = {probe: check for check, some in PROBES_OF.items() for probe in some}
    return tuple(
        Finding(
            check_of[probe.name],
            "warning",
            f"{probe.name}: {probe.found}. {probe.why}",
            probe.row_ids,
            f"look at one: tunewright trace {probe.row_ids[0]}",
        )
        for probe in probes
        if probe.status == "failed"
    )


def _statuses(findings: Sequence[Finding], probes: Sequence[Probe], *, task: Task) -> dict[str, dict[str, str]]:
    """Every check that counts tokens has now looked."""
    found = {finding.check for finding in findings}
    said = {probe.name: probe for probe in probes}
    statuses = {}
    for name, check in all_checks().items():
        if "tokens" not in check.moments:
            continue
        own = [said[probe] for probe in PROBES_OF.get(name, ())]
        n = sum(finding.check == name for finding in findings)
        if task not in check.tasks:
            statuses[name] = {"status": "not run", "why": f"{NO_CONCERN} {task}"}
        elif name in found:
            statuses[name] = {"status": "found", "why": f"{n} finding{'' if n == 1 else 's'}"}
        elif own and all(probe.status == "not run" for probe in own):
            statuses[name] = {"status": "not run", "why": own[0].found}
        else:
            looked = [probe.found for probe in own if probe.status == "ok"]
            statuses[name] = {"status": "ok", "why": "; ".join(looked) or f"no {check.finds}"}
    return statuses


def _has_words(e: Encoded, special: frozenset[int]) -> bool:
    """A trained token beside those that end an answer."""
    return any(is_trained and token not in special for token, is_trained in zip(e.ids, e.trained, strict=True))


def _looked(tokens: Tokens) -> Looked:
    of, whole = tokens.rows["train"], tokens.whole["train"]
    picked = range(0, len(of), max(1, -(-len(of) // PROBED_ROWS)))
    return Looked(
        tuple(of[i] for i in picked), tuple(whole[i] for i in picked), task=tokens.task, tokenizer=tokens.tokenizer
    )
