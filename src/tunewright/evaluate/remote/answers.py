"""The system api:NAME: the rows asked as the other systems are, over the network.

In: Contest, the system's word. Out: Predictions; what answering cost. Its own file because a row is turned into a
question, and an answer into a label, by rules that must not depend on how it is sent.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tunewright.core.evaluate_plan import API
from tunewright.core.events import NoteEvent
from tunewright.core.values import Prediction, Row
from tunewright.evaluate.asking import answered_rows
from tunewright.evaluate.contest import Answers, Contest
from tunewright.evaluate.measures.definition import OF_LIKELIHOOD
from tunewright.evaluate.remote.ask import replies
from tunewright.evaluate.remote.kept import Known, Question, read_kept, request_key
from tunewright.evaluate.remote.key import address_of
from tunewright.evaluate.remote.reply import Reply
from tunewright.evaluate.remote.send import Address
from tunewright.text.clean import normalised
from tunewright.text.render import label_question, prompt_of, reference_of

NO_LABEL = "(no label)"
"""Stands for an answer that is none of the labels: wrong in every row."""


def api_predictions(contest: Contest, system: str) -> Answers:
    """An answer that is no label is NO_LABEL; a row without any answer is missing.

    Raises EvalError when the address does not answer or its key is not there.
    """
    name = system.removeprefix(API)
    address = address_of(contest.plan, name)
    questions, primary = api_questions(contest), contest.plan.evaluate.primary_metric
    if primary in OF_LIKELIHOOD:
        other = "chrf" if contest.plan.task == "generate" else "accuracy"
        words = f"{system} gives no likelihood, so {primary} cannot compare it: evaluate.primary_metric={other} does"
        contest.tell(NoteEvent(words, level="warning"))
    known = replies(
        questions, address, kept=kept_path(contest, name), tell=contest.tell, what=f"{system}: asking for answers"
    )
    reply_of = {question.row_id: known.replies.get(request_key(question, address)) for question in questions}
    return tuple(_prediction(row, reply_of, contest, system=system) for row in contest.test)


def api_questions(contest: Contest) -> tuple[Question, ...]:
    """As an untuned model is asked (evaluate/asking)."""
    plan, labels = contest.plan, contest.facts.labels
    most = plan.evaluate.max_new_tokens
    if plan.task == "classify":
        longest = max(len(label.encode()) for label in labels)  # a token is a byte or more
        asked = [(row, label_question(row.text, labels=labels)) for row in contest.test]
        return tuple(Question(row.row_id, messages, max(most, longest)) for row, messages in asked)
    rows = answered_rows(contest.test, limit=plan.evaluate.limit, seed=plan.run.seed)
    return tuple(Question(row.row_id, prompt_of(row.messages), most) for row in rows)


def kept_path(contest: Contest, name: str) -> Path:
    assert contest.kept is not None, "a contest with addresses has a folder for their answers"
    return contest.kept / f"{name}.jsonl"


def label_in(answer: str, labels: Sequence[str]) -> str:
    """The label that an answer says and nothing else, however it is written; NO_LABEL for everything else.

    >>> label_in("**Card lost**", ["card_lost", "fee"]), label_in("a fee or card_lost", ["card_lost", "fee"])
    ('card_lost', '(no label)')
    """
    lines = [answer.strip(), *answer.strip().splitlines()[:1]]
    said = [text for line in lines for text in (line, line.partition(":")[2].strip() if _is_named(line) else line)]
    if exact := [text for text in said if text in labels]:
        return exact[0]
    for text in said:
        found = [label for label in labels if normalised(label) == normalised(text) and normalised(label)]
        if len(found) == 1:
            return found[0]
    return NO_LABEL


def _is_named(line: str) -> bool:
    """`Label: fee`, as the question ends."""
    return normalised(line.partition(":")[0]) == "label"


def _prediction(row: Row, reply_of: Mapping[str, Reply | None], contest: Contest, *, system: str) -> Prediction:
    is_classify, reply = contest.plan.task == "classify", reply_of.get(row.row_id)
    reference = (row.label or "") if is_classify else reference_of(row.messages)
    empty = Prediction(row.row_id, system, reference=reference)
    if reply is None:
        return replace(empty, is_missing=is_classify or row.row_id in reply_of)
    n_tokens = reply.tokens_out or 0
    if is_classify:
        return replace(empty, answer=label_in(reply.text, contest.facts.labels), n_tokens=n_tokens)
    return replace(empty, answer=reply.text, is_stopped=reply.is_stopped, n_tokens=n_tokens)


def api_record(contest: Contest, system: str) -> dict[str, Any]:
    """What answering took, for metrics.json: from the kept answers, so that a run that went on tells the same."""
    name = system.removeprefix(API)
    address, questions = Address(name, contest.plan.evaluate.apis[name]), api_questions(contest)
    return spent(questions, address, read_kept(kept_path(contest, name)))


def spent(questions: Sequence[Question], address: Address, known: Known) -> dict[str, Any]:
    """Tokens as the address counts them, price by the plan's prices; None where it is not known.

    seconds: of all questions, at_once of them under way together. price: of every question once, however often it
    stands among them. missing: by row, why.
    """
    api, keys = address.api, [request_key(question, address) for question in questions]
    found = [known.replies[key] for key in keys if key in known.replies]
    once = [known.replies[key] for key in dict.fromkeys(keys) if key in known.replies]
    price = _price(once, address)
    each = _price(found, address)
    return {
        "host": api.host,
        "model": api.model,
        "is_local": api.is_local,
        "rows": len(questions),
        "answered": len(found),
        "missing": {
            question.row_id: known.failures.get(key, "it was not asked")
            for question, key in zip(questions, keys, strict=True)
            if key not in known.replies
        },
        "tokens_in": _total([one.tokens_in for one in once]),
        "tokens_out": _total([one.tokens_out for one in once]),
        "price": price,
        "price_per_1000": None if each is None else 1000 * each / len(found),
        "seconds": round(sum(one.seconds for one in once) / api.at_once, 3),
        "seconds_per_question": round(statistics.median(one.seconds for one in once), 3) if once else None,
    }


def _total(counts: Sequence[int | None]) -> int | None:
    """None where one is not told: a part is no sum."""
    known = [count for count in counts if count is not None]
    return sum(known) if counts and len(known) == len(counts) else None


def _price(found: Sequence[Reply], address: Address) -> float | None:
    api = address.api
    sides = ((api.price_in, [one.tokens_in for one in found]), (api.price_out, [one.tokens_out for one in found]))
    if api.price_in is None and api.price_out is None:
        return None
    parts = [0.0 if price is None else _money(price, counts) for price, counts in sides]
    return None if any(part is None for part in parts) else sum(part for part in parts if part is not None)


def _money(price: float, counts: Sequence[int | None]) -> float | None:
    total = _total(counts)
    return None if total is None else price * total / 1e6
