"""Do ids and masks say what they should? Looked at from outside, by other means than those that made them.

In: rows, their encoded form, the tokenizer. Out: Probe for ids, masks, end token, what stands in front, round trip. Its
own file because every run asks this of its data before training, and `selftest` of the tool on the user's model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tunewright.core.probe import Probe, not_run, of_rows
from tunewright.core.tasks import has_head
from tunewright.core.values import Encoded, Message, Row, Task
from tunewright.text.chat import THINKING_SWITCH, Tokenizer, end_token_ids, special_ids
from tunewright.text.encode import trained_runs

IDS = "token ids"
MASKS = "masks"
END = "end token"
FRONT = "nothing in front"
ROUND_TRIP = "round trip"

_WHY = {
    IDS: "other ids than in pre-training make a model forget how its conversations look",
    MASKS: "a model that is trained on its prompts learns to ask, not to answer",
    END: "without it the tuned model never stops",
    ROUND_TRIP: "a turn that does not read back as it was written is learned, or asked, in other words",
    FRONT: "a second start token in front is a text that the model has never seen",
}


@dataclass(frozen=True, slots=True)
class Looked:
    """Rows and how they were encoded, uncut, one Encoded each."""

    rows: tuple[Row, ...]
    encoded: tuple[Encoded, ...]
    task: Task
    tokenizer: Tokenizer


def mask_probes(looked: Looked) -> tuple[Probe, ...]:
    """ids, masks, end token, what stands in front, round trip."""
    return tuple(probe(looked) for probe in (ids_probe, masks_probe, end_probe, front_probe, round_trip_probe))


def ids_probe(looked: Looked) -> Probe:
    """Our ids are those of the template's own tokenisation (generate), of the tokenizer's own call (else)."""
    own = [_own_ids(row, looked) for row in looked.rows]
    wrong = [e.row_id for e, ids in zip(looked.encoded, own, strict=True) if list(e.ids) != ids]
    n = len(own)
    whose = "apply_chat_template's own" if looked.task == "generate" else "the tokenizer's own"
    found = f"in {n - len(wrong)} of {n} rows the ids are {whose}" + (f"; not in {wrong[0]}" if wrong else "")
    return of_rows(IDS, wrong, n, found, why=_WHY[IDS])


_ANSWERS: dict[Task, str] = {"classify": "classes", "multilabel": "classes", "regress": "numbers"}
"""What a head answers with."""


def masks_probe(looked: Looked) -> Probe:
    """The trained tokens read as the answers and their end tokens, and as nothing else."""
    if has_head(looked.task):
        return not_run(
            MASKS, f"{_ANSWERS[looked.task]} are learned from whole rows: no token is masked", why=_WHY[MASKS]
        )
    wrong, n_left_out = [], 0
    for row, e in zip(looked.rows, looked.encoded, strict=True):
        missing = _turns_missing(row, e, looked=looked)
        wrong += [row.row_id] if missing is None else []
        n_left_out += len(missing or ())
    n = len(looked.rows)
    n_trained, n_all = sum(sum(e.trained) for e in looked.encoded), sum(map(len, looked.encoded))
    what = "the answers and their end tokens" if looked.task == "generate" else "everything after the first token"
    found = f"in {n - len(wrong)} of {n} rows {what} are trained on ({n_trained:,} of {n_all:,} tokens)"
    found += f"; earlier answers left out because the template shows them otherwise: {n_left_out}" if n_left_out else ""
    return of_rows(MASKS, wrong, n, found + (f"; not in {wrong[0]}" if wrong else ""), why=_WHY[MASKS])


def end_probe(looked: Looked) -> Probe:
    """The last trained token of every row ends an answer."""
    if has_head(looked.task):
        return not_run(END, f"{_ANSWERS[looked.task]} have no end", why=_WHY[END])
    ends = set(end_token_ids(looked.tokenizer))
    trained = [e for e in looked.encoded if any(e.trained)]
    last = {e.row_id: e.ids[max(i for i, t in enumerate(e.trained) if t)] for e in trained}
    wrong = [row_id for row_id, token in last.items() if token not in ends]
    names = ", ".join(str(looked.tokenizer.convert_ids_to_tokens(i)) for i in sorted({*last.values()} & ends))
    found = f"in {len(trained) - len(wrong)} of {len(trained)} rows the last trained token is {names or 'an end token'}"
    return of_rows(END, wrong, len(trained), found + (f"; not in {wrong[0]}" if wrong else ""), why=_WHY[END])


def front_probe(looked: Looked) -> Probe:
    """A row begins with what its text begins with: start tokens are the template's own, or one in front of a text."""
    start = looked.tokenizer.bos_token_id if not has_head(looked.task) else looked.tokenizer.cls_token_id
    if start is None:
        return not_run(FRONT, "this tokenizer has no start token", why=_WHY[FRONT])
    word = str(looked.tokenizer.convert_ids_to_tokens(start))
    wrong = []
    for row, e in zip(looked.rows, looked.encoded, strict=True):
        n_there = sum(1 for _ in _leading(e.ids, start))
        written = _rendered(row.messages, looked) if looked.task == "generate" else row.text
        n_right = _n_leading(written, word) + (has_head(looked.task))
        wrong += [row.row_id] if n_there != n_right else []
    n = len(looked.rows)
    found = f"{n - len(wrong)} of {n} rows begin as they should" + (f"; not {wrong[0]}" if wrong else f" ({word})")
    return of_rows(FRONT, wrong, n, found, why=_WHY[FRONT])


def round_trip_probe(looked: Looked) -> Probe:
    """The ids read back as the turns, in their order, each as it was written but for blanks at its ends."""
    if looked.task != "generate":
        return not_run(ROUND_TRIP, "these rows have no turns", why=_WHY[ROUND_TRIP])
    wrong, lost = [], 0
    for row, e in zip(looked.rows, looked.encoded, strict=True):
        n_lost = _n_turns_lost(row.messages, _decoded(e.ids, looked))
        wrong += [row.row_id] if n_lost else []
        lost += n_lost
    n = len(looked.rows)
    found = f"in {n - len(wrong)} of {n} rows every turn reads back as it was written"
    found += f"; not in {wrong[0]} ({lost} turns in all)" if wrong else ""
    return of_rows(ROUND_TRIP, wrong, n, found, why=_WHY[ROUND_TRIP])


def _n_turns_lost(messages: Sequence[Message], text: str) -> int:
    at, lost = 0, 0
    for message in messages:
        found = text.find(message.content.strip(), at)
        lost += found < 0
        at = at if found < 0 else found + len(message.content.strip())
    return lost


def _turns(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _switches(tokenizer: Tokenizer) -> dict[str, Any]:
    return {THINKING_SWITCH: False} if THINKING_SWITCH in str(tokenizer.chat_template) else {}


def _own_ids(row: Row, looked: Looked) -> list[int]:
    if looked.task == "generate":
        return _template_ids(row.messages, looked.tokenizer, asks=False)
    is_text = looked.task == "text"
    ids = list(looked.tokenizer(row.text, add_special_tokens=not is_text, verbose=False)["input_ids"])
    end = looked.tokenizer.eos_token_id
    return [*ids, end] if is_text and end is not None else ids


def _template_ids(messages: Sequence[Message], tokenizer: Tokenizer, *, asks: bool) -> list[int]:
    options = {"tokenize": True, "return_dict": True, "add_generation_prompt": asks, **_switches(tokenizer)}
    return list(tokenizer.apply_chat_template(_turns(messages), **options)["input_ids"])


def _rendered(messages: Sequence[Message], looked: Looked, *, asks: bool = False) -> str:
    options = {"tokenize": False, "add_generation_prompt": asks, **_switches(looked.tokenizer)}
    return str(looked.tokenizer.apply_chat_template(_turns(messages), **options))


def _turns_missing(row: Row, e: Encoded, *, looked: Looked) -> tuple[int, ...] | None:
    """Turns that are not trained on because the template shows them otherwise once the conversation goes on (without
    the thoughts that it asks for); None when something else is trained on than the answers, or one is left out."""
    if looked.task == "text":
        return () if e.trained == (False,) + (True,) * (len(e) - 1) else None
    control = special_ids(looked.tokenizer)
    wanted = [i for i, message in enumerate(row.messages) if message.is_trained]
    left, found = iter(wanted), set()
    for start, end in trained_runs(e.trained):
        ids = e.ids[start:end]
        answer = _decoded(ids[:-1], looked)
        turn = next((i for i in left if row.messages[i].content.strip() == answer), None)
        if turn is None or ids[-1] not in control or not _starts_there(row, turn, e, start, looked=looked):
            return None
        found.add(turn)
    missing = tuple(i for i in wanted if i not in found)
    return None if any(_is_shown_as_asked(row, i, looked=looked) for i in missing) else missing


def _is_shown_as_asked(row: Row, turn: int, *, looked: Looked) -> bool:
    """The turn stands in the whole conversation as the model would write it, so it could be trained on."""
    whole, through = (_rendered(messages, looked) for messages in (row.messages, row.messages[: turn + 1]))
    return whole.startswith(_rendered(row.messages[:turn], looked, asks=True)) and whole.startswith(through)


def _starts_there(row: Row, turn: int, e: Encoded, start: int, *, looked: Looked) -> bool:
    """The answer begins behind the prompt that asks for it; not told where a token straddles both."""
    prompt = _template_ids(row.messages[:turn], looked.tokenizer, asks=True)
    return start == len(prompt) or list(e.ids[: len(prompt)]) != prompt


def _decoded(ids: Sequence[int], looked: Looked) -> str:
    decode = looked.tokenizer.decode
    return str(decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)).strip()


def _leading(ids: Sequence[int], start: int) -> Iterator[int]:
    for token in ids:
        if token != start:
            return
        yield token


def _n_leading(text: str, word: str) -> int:
    n = 0
    while text.startswith(word):
        text, n = text[len(word) :], n + 1
    return n
