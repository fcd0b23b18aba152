"""The promises about tokens are checks: kept, broken on these rows, or a reason not to train at all."""

from __future__ import annotations

from dataclasses import replace

from tests.tiny import CHATML, DECODER_SPECIAL, byte_tokenizer
from tests.unit.prepare.fresh_seed import fresh
from tests.unit.prepare.some_rows import asked
from tunewright.core.values import SPLITS, Encoded, Message, Row, Task
from tunewright.prepare.checks.table import CHECKS
from tunewright.prepare.counted import Tokens, counted
from tunewright.prepare.length_price import LengthPrice
from tunewright.text.encode import encode
from tunewright.text.render import render

CHAT = byte_tokenizer(DECODER_SPECIAL, template=CHATML)


def tokens_of(rows: tuple[Row, ...], *, max_length: int = 10_000, task: Task = "generate") -> Tokens:
    examples = [render(row, task=task) for row in rows]
    parts = {"train": examples, "validation": [], "test": examples[:3]}
    return Tokens(
        task=task,
        max_length=max_length,
        is_trained=True,
        rows={"train": rows, "validation": (), "test": rows[:3]},
        whole={s: encode(parts[s], tokenizer=CHAT, task=task) for s in SPLITS},
        cut={s: encode(parts[s], tokenizer=CHAT, task=task, max_length=max_length) for s in SPLITS},
        tokenizer=CHAT,
    )


ROWS = asked([(f"say {i}", f"you said {i}, fine") for i in range(30)])


def test_every_promise_is_kept_by_whole_rows() -> None:
    found = counted(tokens_of(ROWS))
    assert not found.findings
    assert found.refusal is None
    assert {status["status"] for status in found.checks.values()} == {"ok"}
    assert found.checks["template"]["why"].startswith("in 30 of 30 rows the ids are apply_chat_template's own")
    assert set(found.checks) == {name for name, check in CHECKS.items() if "tokens" in check.moments}
    assert found.account["train"]["rows_cut"] == 0


def test_planted_long_answers_are_named_and_what_they_lose_is_counted() -> None:
    rng = fresh()
    rows, planted = [], {}
    for i in range(60):
        extra = rng.randint(200, 300) if rng.random() < 0.2 else 0
        planted.update({f"train:{i}": extra} if extra else {})
        rows.append(
            Row(f"train:{i}", messages=(Message("user", "say"), Message("assistant", "a" * (20 + extra), True)))
        )
    tokens = tokens_of(tuple(rows), max_length=120)
    found = counted(replace(tokens, cut={**tokens.cut, "test": ()}, whole={**tokens.whole, "test": ()}))
    by = {finding.check: finding for finding in found.findings}
    assert set(by["long_rows"].row_ids) == set(by["cut_answers"].row_ids) == set(planted)
    lost = sum(sum(a.trained) - sum(b.trained) for a, b in zip(tokens.whole["train"], tokens.cut["train"], strict=True))
    assert f"; {lost:,} of " in by["cut_answers"].message
    assert planted[by["cut_answers"].row_ids[0]] == max(planted.values())
    assert found.refusal is None


def test_planted_rows_without_a_trained_token_are_named() -> None:
    rng = fresh()
    deaf = {row.row_id for row in ROWS if rng.random() < 0.3} | {ROWS[0].row_id}
    tokens = tokens_of(ROWS)

    def part(e: Encoded) -> Encoded:
        return replace(e, trained=(False,) * len(e)) if e.row_id in deaf else e

    cut = {split: tuple(part(e) for e in some) for split, some in tokens.cut.items()}
    found = counted(replace(tokens, cut=cut))
    (finding,) = (f for f in found.findings if f.check == "no_trained_token")
    assert set(finding.row_ids) == deaf
    assert finding.action == "report"
    assert found.refusal is None


def test_a_length_that_leaves_no_answer_refuses_and_says_which_would() -> None:
    found = counted(tokens_of(ROWS, max_length=10))
    assert found.refusal is not None
    assert found.refusal.exit_code == 3
    assert found.refusal.where == "prepare.max_length"
    assert "all 30 train rows that have an answer lose it; the longest has 44" in found.refusal.why
    (finding,) = (f for f in found.findings if f.check == "no_trained_token")
    assert (finding.severity, finding.action, len(finding.row_ids)) == ("error", "refuse", 30)


def test_a_mask_without_a_trained_token_refuses() -> None:
    tokens = tokens_of(ROWS)
    silent = {s: tuple(replace(e, trained=(False,) * len(e)) for e in some) for s, some in tokens.whole.items()}
    found = counted(replace(tokens, whole=silent, cut=silent))
    assert found.refusal is not None
    assert (found.refusal.exit_code, found.refusal.where) == (3, "train:2")
    assert "chat template" in found.refusal.why


def test_a_plan_that_trains_nothing_is_not_refused() -> None:
    assert counted(replace(tokens_of(ROWS, max_length=10), is_trained=False)).refusal is None


def test_broken_promises_are_findings_of_their_checks_with_their_rows() -> None:
    tokens = tokens_of(ROWS)
    first, *others = tokens.whole["train"]
    wrong = replace(first, ids=(1, 1, *first.ids[2:]))
    found = counted(replace(tokens, whole={**tokens.whole, "train": (wrong, *others)}))
    assert {f.check for f in found.findings} == {"template"}
    assert {f.row_ids for f in found.findings} == {("train:2",)}
    assert found.checks["template"]["status"] == "found"

    ends = [i for i, is_trained in enumerate(first.trained) if is_trained]
    endless = replace(first, trained=tuple(t and i != ends[-1] for i, t in enumerate(first.trained)))
    parts = {**tokens.whole, "train": (endless, *others)}
    found = counted(replace(tokens, whole=parts, cut=parts))
    assert {f.check for f in found.findings} == {"end_token", "masks"}


def test_checks_that_do_not_concern_the_task_say_so() -> None:
    rows = tuple(Row(f"train:{i}", text=f"note {i}") for i in range(5))
    found = counted(tokens_of(rows, task="text"))
    assert found.checks["cut_answers"]["status"] == "not run"
    assert found.checks["masks"]["status"] == "ok"
    assert found.refusal is None


def test_documents_of_one_token_teach_nothing() -> None:
    tokens = tokens_of(tuple(Row(f"train:{i}", text="") for i in range(3)), task="text")
    found = counted(tokens)
    assert found.refusal is not None
    assert found.refusal.exit_code == 3


def test_long_rows_name_the_price_of_the_next_length() -> None:
    prices = tuple(LengthPrice(n, n == 40, 3 if n < 64 else 0, 0, 0, 0, 100, n / 40) for n in (40, 64))
    found = counted(tokens_of(ROWS, max_length=40), prices=prices)
    (train,) = (f for f in found.findings if f.check == "long_rows" and "train rows" in f.message)
    assert train.suggestion == "prepare.max_length=64 cuts 0 rows at 1.60 times the cost of a step"
