"""The judge of evaluate.judge: asked about each written answer beside each rival's, in both orders.

In: Contest, what the systems wrote. Out: the values of metrics.json["judge"], sentences among them. Its own file
because it sends rows and spends money: that it can answer is tried before hours of other work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tunewright.core.api_plan import FIELD
from tunewright.core.errors import EvalError
from tunewright.core.events import NoteEvent, ProgressEvent
from tunewright.core.values import Prediction
from tunewright.evaluate.contest import Answers, Contest
from tunewright.evaluate.judge.opinions import Opinion, judged
from tunewright.evaluate.judge.question import MAX_TOKENS, VERSION, Word, judge_question, word_of
from tunewright.evaluate.judge.words import judge_sentences
from tunewright.evaluate.remote.answers import kept_path, spent
from tunewright.evaluate.remote.ask import replies
from tunewright.evaluate.remote.kept import Known, Question, request_key
from tunewright.evaluate.remote.key import address_of
from tunewright.evaluate.remote.named import JUDGE
from tunewright.evaluate.remote.reply import shown
from tunewright.evaluate.remote.send import Address
from tunewright.evaluate.score import is_answered
from tunewright.text.render import prompt_of

TRIAL = Question("trial", judge_question("What is 2 + 2?", "4", first="4", second="5"), MAX_TOKENS)
"""Asked before everything else, of no row."""


def refuse_silent_judge(contest: Contest) -> None:
    """Raises EvalError when the judge of the plan does not answer, or not with a word that counts."""
    if contest.plan.evaluate.judge is None:
        return
    address = address_of(contest.plan, contest.plan.evaluate.judge)
    known = replies(
        [TRIAL], address, kept=kept_path(contest, address.name), tell=_without_notes(contest), what="trying the judge"
    )
    text = known.replies[request_key(TRIAL, address)].text
    word = word_of(text)
    if word is None:
        raise EvalError(
            f"the judge {address.name} answers with something else than A, B or tie",
            where=f"{JUDGE} ({address.api.host})",
            why=f"asked which of 4 and 5 is right for 2 + 2, it wrote {shown(text) or 'nothing'!r}",
            fix=f"another model for {JUDGE}; one that thinks first needs room: {FIELD}.{address.name}.body="
            "{max_tokens: 1024}",
        )
    if word != "A":
        contest.tell(NoteEvent(f"{JUDGE}: asked which of 4 and 5 is right for 2 + 2, it said {word}", level="warning"))


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two answers to one row, and the questions about them: ours first, theirs first."""

    ours: Prediction
    theirs: Prediction
    questions: tuple[Question, ...]
    """Empty where both wrote the same."""


def judge_record(contest: Contest, predictions: Mapping[str, Answers]) -> dict[str, Any] | None:
    """None without a judge. A judgement that is no word that counts is missing, as is one that did not come.

    Raises EvalError when the judge does not answer any more; what it said is kept.
    """
    name, subject = contest.plan.evaluate.judge, contest.subject.name
    if name is None:
        return None
    address = address_of(contest.plan, name)
    pairs = {rival: _pairs(contest, predictions[subject], of) for rival, of in predictions.items() if rival != subject}
    pairs = {rival: some for rival, some in pairs.items() if some}
    questions = [question for some in pairs.values() for pair in some for question in pair.questions]
    known = replies(
        questions, address, kept=kept_path(contest, name), tell=contest.tell, what=f"judge {name}: asking for opinions"
    )
    rivals = [_against(rival, some, address, known, contest=contest) for rival, some in pairs.items()]
    record = {
        "api": name,
        "prompt_version": VERSION,
        "is_a_rival": f"api:{name}" in predictions,
        "trainings": contest.plan.evaluate.seeds,
        "rivals": rivals,
        "cost": spent(questions, address, known),
    }
    return {**record, "sentences": judge_sentences(record, ours=subject)}


def _pairs(contest: Contest, ours: Answers, theirs: Answers) -> tuple[_Pair, ...]:
    """Of the rows that both wrote an answer for."""
    rows, written = {row.row_id: row for row in contest.test}, {p.row_id: p for p in theirs if is_answered(p)}
    found = []
    for one in ours:
        other = written.get(one.row_id)
        if other is None or not is_answered(one):
            continue
        request = "\n\n".join(f"{turn.role}: {turn.content}" for turn in prompt_of(rows[one.row_id].messages))
        orders = ((one.answer, other.answer), (other.answer, one.answer))
        questions = tuple(
            Question(one.row_id, judge_question(request, one.reference, first=first, second=second), MAX_TOKENS)
            for first, second in orders
            if one.answer.strip() != other.answer.strip()
        )
        found.append(_Pair(one, other, questions))
    return tuple(found)


def _against(rival: str, pairs: Sequence[_Pair], address: Address, known: Known, *, contest: Contest) -> dict[str, Any]:
    opinions = tuple(_opinion(pair, address, known) for pair in pairs)
    found = judged(opinions, ours=contest.subject.name, rival=rival, seed=contest.plan.run.seed)
    missing = {one.row_id: _why_missing(pair, address, known) for one, pair in zip(opinions, pairs, strict=True)}
    missing = {row_id: why for row_id, why in missing.items() if why}
    if missing:
        which = f"{len(missing):,} of {len(pairs):,} rows against {rival}"
        first = next(iter(missing))
        contest.tell(
            NoteEvent(
                f"{JUDGE}: no opinion on {which}, which count as missing; first {first}: {missing[first]}",
                level="warning",
            )
        )
    return {
        "rival": rival,
        **asdict(found),
        "outcomes": {one.row_id: one.outcome for one in opinions},
        "missing_rows": missing,
    }


def _opinion(pair: _Pair, address: Address, known: Known) -> Opinion:
    words = [_word(question, address, known) for question in pair.questions] or [None, None]
    return Opinion(pair.ours.row_id, pair.ours.group, words[0], words[1], is_equal=not pair.questions)


def _word(question: Question, address: Address, known: Known) -> Word | None:
    reply = known.replies.get(request_key(question, address))
    return None if reply is None else word_of(reply.text)


def _why_missing(pair: _Pair, address: Address, known: Known) -> str:
    """Empty where both orders have their word."""
    for question in pair.questions:
        key = request_key(question, address)
        if key not in known.replies:
            return known.failures.get(key, "it was not asked")
        if word_of(known.replies[key].text) is None:
            return f"it wrote {shown(known.replies[key].text) or 'nothing'!r}"
    return ""


def _without_notes(contest: Contest) -> Any:
    """The trial sends no row: there is nothing to say of it."""
    return lambda event: None if isinstance(event, (NoteEvent, ProgressEvent)) else contest.tell(event)
