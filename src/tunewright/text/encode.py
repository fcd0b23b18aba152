"""Examples as token ids, and which of them the model learns to predict.

In: Example and the model's tokenizer. Out: Encoded: ids and a mask by position, never by token id or marker text.
Its own file because this mask decides what a model becomes. The ids of a conversation are the chat template's own
tokenisation; nothing is put in front.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from tunewright.core.errors import ModelError
from tunewright.core.tasks import has_head
from tunewright.core.values import Encoded, Example, Message, Task
from tunewright.text.chat import Rendered, Span, Tokenizer, conversation, prompt_text, special_ids, untrained_content


@dataclass(frozen=True, slots=True)
class TokenAccount:
    """Where the tokens of a split went."""

    total: int = 0
    trained_on: int = 0
    cut: int = 0
    rows_cut: int = 0


def encode(
    examples: Sequence[Example], *, tokenizer: Tokenizer, task: Task, max_length: int | None = None
) -> tuple[Encoded, ...]:
    """Every example in order; one each, but a long document (task text) becomes several with the same row id.

    max_length: tokens, the template's own included; None: whatever the rows have.
    classify, regress: the end of the text is cut. generate: the longest message that is not trained is cut at its end,
    then the middle of the answer, so that the answer's end token stays. text: nothing is cut, documents are divided.
    Raises ModelError when a conversation cannot be rendered.
    """
    read = _encode_texts if has_head(task) else _encode_conversations
    work = _encode_documents if task == "text" else read
    same = _Same({}, {})
    return tuple(
        same.of(one) for some in _chunks(examples) for one in work(some, tokenizer=tokenizer, max_length=max_length)
    )


CHUNK_ROWS, CHUNK_CHARACTERS = 1_000, 2_000_000
"""Tokenised at once. A tokenizer says more of a row than its ids: 200,000 rows of 32 tokens at once took 1.59 GB."""


def _chunks(examples: Sequence[Example]) -> Iterator[Sequence[Example]]:
    """In order, each as large as it may be, with one row at least."""
    start, size = 0, 0
    for i, example in enumerate(examples):
        n = len(example.text) + sum(len(message.content) for message in example.messages)
        if i > start and (i - start == CHUNK_ROWS or size + n > CHUNK_CHARACTERS):
            yield examples[start:i]
            start, size = i, 0
        size += n
    if examples:
        yield examples[start:]


@dataclass(frozen=True, slots=True)
class _Same:
    """Equal ids and equal masks are one object each: with chunks the same 200,000 rows took .09 GB."""

    ids: dict[int, int]
    masks: dict[tuple[bool, ...], tuple[bool, ...]]

    def of(self, e: Encoded) -> Encoded:
        ids = tuple(map(self.ids.setdefault, e.ids, e.ids))
        return replace(e, ids=ids, trained=self.masks.setdefault(e.trained, e.trained))


def encode_prompt(messages: Sequence[Message], *, tokenizer: Tokenizer, max_length: int | None = None) -> Encoded:
    """The ids after which the model writes; cut like a training row when they are too many."""
    text = prompt_text(messages, tokenizer=tokenizer)
    ids, offsets = _tokenise([text], tokenizer=tokenizer, with_special=False)[0]
    whole = Encoded("", ids, (False,) * len(ids))
    if max_length is None or len(whole) <= max_length:
        return whole
    content = untrained_content(messages, tokenizer=tokenizer, asks=True)
    special = special_ids(tokenizer)
    return _shortened(whole, offsets=offsets, content=content, max_length=max_length, special=special)


def cut_at(
    examples: Sequence[Example], *, tokenizer: Tokenizer, max_lengths: Sequence[int]
) -> tuple[tuple[Encoded, ...], ...]:
    """Conversations as they would be cut at each of these lengths: one tuple for each example, in order.

    Renders and tokenises a row once, which is what costs time.
    """
    rendered = [_rendered(example, tokenizer=tokenizer) for example in examples]
    special = special_ids(tokenizer)
    out = []
    for example, turns in zip(examples, rendered, strict=True):
        ((ids, offsets),) = _tokenise([turns.text], tokenizer=tokenizer, with_special=False)
        whole = Encoded(example.row_id, ids, _trained_mask(ids, offsets, spans=turns.trained, special=special))
        content = untrained_content(example.messages, tokenizer=tokenizer, asks=False)
        out.append(
            tuple(
                whole
                if len(whole) <= n
                else _shortened(whole, offsets=offsets, content=content, max_length=n, special=special)
                for n in max_lengths
            )
        )
    return tuple(out)


def token_account(encoded: Sequence[Encoded]) -> TokenAccount:
    """Sums over a split: total counts what is left after cutting."""
    return TokenAccount(
        total=sum(len(e) for e in encoded),
        trained_on=sum(sum(e.trained) for e in encoded),
        cut=sum(e.n_cut for e in encoded),
        rows_cut=sum(e.n_cut > 0 for e in encoded),
    )


def _tokenise(
    texts: Sequence[str], *, tokenizer: Tokenizer, with_special: bool
) -> list[tuple[tuple[int, ...], list[tuple[int, int]]]]:
    """(ids, character offsets) of each text, in one batched call."""
    out = tokenizer(list(texts), add_special_tokens=with_special, return_offsets_mapping=True, verbose=False)
    return [(tuple(ids), offsets) for ids, offsets in zip(out["input_ids"], out["offset_mapping"], strict=True)]


def _ids(texts: Sequence[str], *, tokenizer: Tokenizer, with_special: bool) -> list[tuple[int, ...]]:
    """Without the offsets, which take three times as much memory: where texts are long, that is what fills it."""
    out = tokenizer(list(texts), add_special_tokens=with_special, return_attention_mask=False, verbose=False)
    return [tuple(ids) for ids in out["input_ids"]]


def _encode_texts(examples: Sequence[Example], *, tokenizer: Tokenizer, max_length: int | None) -> tuple[Encoded, ...]:
    texts = [example.text for example in examples]
    encoded = [
        Encoded(
            example.row_id,
            ids,
            (False,) * len(ids),
            label_index=example.label_index,
            number=example.number,
            label_indices=example.label_indices,
        )
        for example, ids in zip(examples, _ids(texts, tokenizer=tokenizer, with_special=True), strict=True)
    ]
    if max_length is None:
        return tuple(encoded)
    for i, whole in enumerate(encoded):
        if len(whole) > max_length:  # the tokenizer's own truncation keeps its closing special tokens
            ids = tuple(tokenizer(texts[i], truncation=True, max_length=max_length, verbose=False)["input_ids"])
            encoded[i] = replace(whole, ids=ids, trained=(False,) * len(ids), n_cut=len(whole) - len(ids))
    return tuple(encoded)


def _encode_documents(
    examples: Sequence[Example], *, tokenizer: Tokenizer, max_length: int | None
) -> tuple[Encoded, ...]:
    """Every token is a target but a piece's first, which has nothing before it; an end token closes a document."""
    end = () if tokenizer.eos_token_id is None else (tokenizer.eos_token_id,)
    pieces: list[Encoded] = []
    rows = _ids([example.text for example in examples], tokenizer=tokenizer, with_special=False)
    for example, ids in zip(examples, rows, strict=True):
        closed = ids + end
        size = max_length or len(closed) or 1
        for start in range(0, len(closed), size):
            piece = closed[start : start + size]
            pieces.append(Encoded(example.row_id, piece, (False,) + (True,) * (len(piece) - 1)))
    return tuple(pieces)


def _encode_conversations(
    examples: Sequence[Example], *, tokenizer: Tokenizer, max_length: int | None
) -> tuple[Encoded, ...]:
    rendered = [_rendered(example, tokenizer=tokenizer) for example in examples]
    rows = _tokenise([r.text for r in rendered], tokenizer=tokenizer, with_special=False)
    special = special_ids(tokenizer)
    out = []
    for example, turns, (ids, offsets) in zip(examples, rendered, rows, strict=True):
        whole = Encoded(example.row_id, ids, _trained_mask(ids, offsets, spans=turns.trained, special=special))
        if max_length is not None and len(whole) > max_length:
            content = untrained_content(example.messages, tokenizer=tokenizer, asks=False)
            whole = _shortened(whole, offsets=offsets, content=content, max_length=max_length, special=special)
        out.append(whole)
    return tuple(out)


def _rendered(example: Example, *, tokenizer: Tokenizer) -> Rendered:
    try:
        return conversation(example.messages, tokenizer=tokenizer)
    except ModelError as error:  # with the row, so that it can be found and mended
        raise ModelError(error.what, where=example.row_id, why=error.why, fix=error.fix) from error


def _trained_mask(
    ids: Sequence[int], offsets: Sequence[tuple[int, int]], *, spans: Sequence[Span], special: frozenset[int]
) -> tuple[bool, ...]:
    """True from a trained turn's first token to the control token that ends it.

    What a template writes after that token (a line break) is never generated, so it is not trained. A token that
    straddles the start of the answer belongs to the prompt. A turn without an end token is trained to its last token.
    """
    mask = [False] * len(ids)
    for span in spans:
        inside = [
            i for i, (start, end) in enumerate(offsets) if start >= span.start and end <= span.end and end > start
        ]
        ends = [i for i in inside if ids[i] in special]
        last = ends[-1] if ends else (inside[-1] if inside else -1)
        for i in inside:
            mask[i] = i <= last
    return tuple(mask)


def _shortened(
    whole: Encoded, *, offsets: Sequence[tuple[int, int]], content: Span, max_length: int, special: frozenset[int]
) -> Encoded:
    """max_length tokens: the end of the untrained content goes first, then the middle of the answers.

    The last token of every answer stays. When even that is not enough, the row keeps its first token and its end.
    Two answers are not trained: one of which nothing but that last token is left (it would teach to say nothing), and
    one whose own opening is gone with the front (no prompt would ever look like that).
    """
    excess = len(whole) - max_length
    inside = [i for i, (start, end) in enumerate(offsets) if start >= content.start and end <= content.end]
    inside = [i for i in inside if not whole.trained[i]] if content.end > content.start else []
    gone = set(inside[max(0, len(inside) - excess) :])
    still = excess - len(gone)
    answers = [i for i, is_trained in enumerate(whole.trained) if is_trained and any(whole.trained[i + 1 : i + 2])]
    if 0 < still < len(answers):
        middle = (len(answers) - still) // 2
        gone |= set(answers[middle : middle + still])
    elif still > 0:
        kept = [i for i in range(len(whole)) if i not in gone]
        front = kept[1 : 1 + still]
        gone |= set(front)
        whole = replace(whole, trained=_with_opening(whole, after=front[-1], special=special))
    whole = replace(whole, trained=_with_words(whole.trained, gone=gone))
    kept = [i for i in range(len(whole)) if i not in gone]
    return replace(
        whole,
        ids=tuple(whole.ids[i] for i in kept),
        trained=tuple(whole.trained[i] for i in kept),
        n_cut=len(whole) - len(kept),
    )


def _with_opening(whole: Encoded, *, after: int, special: frozenset[int]) -> tuple[bool, ...]:
    """The mask without answers that begin before a control token comes after position `after`."""
    opened = next((i for i in range(after + 1, len(whole)) if whole.ids[i] in special), len(whole))
    mask = list(whole.trained)
    for start, end in trained_runs(whole.trained):
        mask[start:end] = [start > opened] * (end - start)
    return tuple(mask)


def _with_words(trained: Sequence[bool], *, gone: set[int]) -> tuple[bool, ...]:
    """The mask without answers that lose everything but their last token."""
    mask = list(trained)
    for start, end in trained_runs(trained):
        if end - start > 1 and gone.issuperset(range(start, end - 1)):
            mask[start:end] = [False] * (end - start)
    return tuple(mask)


def trained_runs(trained: Sequence[bool]) -> list[tuple[int, int]]:
    """Start and end of each stretch of trained tokens: the turns that are learned.

    >>> trained_runs((False, True, True, False, True))
    [(1, 3), (4, 5)]
    """
    runs, at = [], 0
    for is_trained, group in groupby(trained):
        n = len(list(group))
        runs += [(at, at + n)] if is_trained else []
        at += n
    return runs
