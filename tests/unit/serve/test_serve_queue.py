"""The queue: everybody gets the answer that they would get alone, whoever else is written beside them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tiny import DECODER_SPECIAL, byte_tokenizer, tiny_card
from tunewright.core.values import Encoded
from tunewright.model.generate import answers
from tunewright.model.load import Loaded, load_model
from tunewright.serve.queue import lane as lane_file
from tunewright.serve.queue.chosen import chosen, generator_of
from tunewright.serve.queue.lane import Lane
from tunewright.serve.queue.spoken import Spoken
from tunewright.serve.queue.wanted import (
    Answers,
    Busy,
    Ended,
    Event,
    Failed,
    Piece,
    Question,
    Sampling,
    Stopping,
    System,
    Ticket,
    TooLate,
    Wanted,
)
from tunewright.serve.queue.worker import Worker

PROMPTS = tuple(tuple(3 + (7 * i + k * k) % 250 for k in range(2 + 5 * i % 23)) for i in range(11))
"""Of 2 to 22 tokens."""
N_NEW = 24
LIMIT_SECONDS = 60


@pytest.fixture(scope="module")
def loaded(talkative_decoder: Path) -> Loaded:
    return load_model(tiny_card(talkative_decoder, "decoder"), task="generate")


def alone(loaded: Loaded, prompts: Any = PROMPTS, n_new: int = N_NEW) -> list[str]:
    encoded = [Encoded("", ids, (False,) * len(ids)) for ids in prompts]
    return [answers(loaded, [one], max_new_tokens=n_new)[0].text for one in encoded]


class Heard:
    """What one ticket was told."""

    def __init__(self, wanted: Wanted | Question, *, system: System = "tuned", until: float = float("inf")) -> None:
        self.events: list[Event] = []
        self.is_over = threading.Event()
        self.ticket = Ticket(system, wanted, self._tell, until)

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        if not isinstance(event, Piece):
            self.is_over.set()

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, Piece))

    @property
    def end(self) -> Event:
        assert self.is_over.wait(LIMIT_SECONDS)
        return self.events[-1]


@contextmanager
def working(model: Any, *, queue: int = 64, answer: Any = None, now: Any = time.monotonic) -> Iterator[Worker]:
    open_model = model if callable(model) else lambda _: nullcontext(model)
    worker = Worker(open_model, answer or {}, queue=queue, threads=1, now=now)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
        assert not worker.thread.is_alive()


def lane_of(loaded: Loaded, max_tokens: int = 6_000) -> Lane:
    return Lane(loaded, now=lambda: 0.0, max_tokens=max_tokens)


@pytest.mark.parametrize("slack", [1, 64])
@pytest.mark.parametrize("order", [1, -1], ids=["as they are", "the other way round"])
def test_who_joins_while_others_are_written_gets_the_answer_of_who_is_alone(
    loaded: Loaded, slack: int, order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each joins two tokens after the one before, so the cache grows, moves and shrinks under those who write."""
    monkeypatch.setattr(lane_file, "SLACK_COLUMNS", slack)
    lane = lane_of(loaded)
    prompts = PROMPTS[::order]
    heard = [Heard(Wanted(prompt, N_NEW - i)) for i, prompt in enumerate(prompts)]
    for one in heard:
        lane.join(one.ticket, one.ticket.wanted)  # type: ignore[arg-type]
        lane.write()
        lane.write()
    while lane.writing:
        lane.write()

    expected = [alone(loaded, [prompt], N_NEW - i)[0] for i, prompt in enumerate(prompts)]
    assert [one.text for one in heard] == expected
    assert len(set(expected)) == len(expected), "they could be mixed up and nobody would see it"


def test_worker_answers_many_threads_and_mixes_none(loaded: Loaded) -> None:
    expected = alone(loaded)
    with working(loaded) as worker:
        heard = [Heard(Wanted(PROMPTS[i % 11], N_NEW, is_streamed=i % 2 == 0)) for i in range(44)]
        threads = [threading.Thread(target=worker.submit, args=([one.ticket],)) for one in heard]
        for thread in threads:
            thread.start()
        assert {type(one.end) for one in heard} == {Ended}

    assert [one.text for one in heard] == [expected[i % 11] for i in range(44)]
    assert any(len(one.events) > 5 for one in heard[::2]), "the streams came in one piece"
    assert all(len(one.events) <= 2 for one in heard[1::2])


def test_lane_takes_no_more_than_its_cache_holds_and_always_one(loaded: Loaded) -> None:
    lane = lane_of(loaded, max_tokens=100)
    first, second, third = (Wanted(PROMPTS[0], n) for n in (40, 10, 60))
    assert lane.has_room(Wanted(PROMPTS[0], 1_000))
    lane.join(Heard(first).ticket, first)

    assert lane.has_room(second)  # 2 x 42
    lane.join(Heard(second).ticket, second)
    assert not lane.has_room(second)  # 3 x 42
    assert not lane.has_room(third)
    assert lane.places is not None
    assert lane.places.layers[0].all_keys.shape[0] * 42 <= 100


def test_family_that_shares_no_cache_writes_the_same(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane_file, "is_decodable", lambda _: False)
    with working(loaded) as worker:
        heard = [Heard(Wanted(prompt, N_NEW)) for prompt in PROMPTS[:4]]
        worker.submit([one.ticket for one in heard])
        ends = [one.end for one in heard]

    assert [one.text for one in heard] == alone(loaded)[:4]
    assert all(isinstance(end, Ended) for end in ends)


def test_answer_ends_with_the_reason_and_the_tokens_that_were_written(loaded: Loaded) -> None:
    found = [answers(loaded, [Encoded("", ids, (False,) * len(ids))], max_new_tokens=N_NEW)[0] for ids in PROMPTS]
    with working(loaded) as worker:
        heard = [Heard(Wanted(prompt, N_NEW)) for prompt in PROMPTS]
        worker.submit([one.ticket for one in heard])
        ends = [one.end for one in heard]

    assert ends == [Ended("stop" if one.is_stopped else "length", len(one.ids) + one.is_stopped) for one in found]


def test_full_queue_takes_all_of_a_request_or_nothing(loaded: Loaded) -> None:
    worker = Worker(lambda _: nullcontext(loaded), {}, queue=2, threads=1, now=time.monotonic)
    one, two, three = (Heard(Wanted(PROMPTS[0], 1)) for _ in range(3))
    worker.submit([one.ticket])

    with pytest.raises(Busy, match="1 requests wait"):
        worker.submit([two.ticket, three.ticket])
    assert worker.n_waiting == 1
    one.ticket.leave()
    worker.submit([two.ticket, three.ticket])  # who left takes no place
    assert worker.n_waiting == 2


def test_who_waits_too_long_is_told_and_who_is_written_is_cut(loaded: Loaded) -> None:
    clock = [0.0]

    def now() -> float:
        clock[0] += 1.0
        return clock[0]

    with working(loaded, now=now) as worker:
        cut = Heard(Wanted(PROMPTS[0], 10_000), until=40.0)
        worker.submit([cut.ticket])
        assert cut.end == Ended("length", cut.end.n_tokens)  # type: ignore[union-attr]
        late = Heard(Wanted(PROMPTS[0], 5), until=1.0)
        worker.submit([late.ticket])
        assert isinstance(late.end, Failed)
        assert isinstance(late.end.error, TooLate)

    assert cut.text
    assert 1 < cut.end.n_tokens < 40  # type: ignore[union-attr]


def test_who_leaves_is_written_no_more_and_the_others_are(loaded: Loaded) -> None:
    with working(loaded) as worker:
        endless = Heard(Wanted(PROMPTS[5], 400, is_streamed=True))
        beside = Heard(Wanted(PROMPTS[0], N_NEW))
        worker.submit([endless.ticket, beside.ticket])
        while len(endless.events) < 3:
            time.sleep(0.001)
        endless.ticket.leave()
        assert isinstance(beside.end, Ended)
        deadline = time.monotonic() + LIMIT_SECONDS
        while worker.n_writing and time.monotonic() < deadline:
            time.sleep(0.001)
        assert worker.n_writing == 0

    assert beside.text == alone(loaded)[0]
    assert not endless.is_over.is_set()


def test_model_that_fails_says_so_and_answers_the_next(loaded: Loaded) -> None:
    with working(loaded) as worker:
        wrong = Heard(Wanted((10_000_000,), 5))  # no such token: the embedding raises
        worker.submit([wrong.ticket])
        assert isinstance(wrong.end, Failed)
        right = Heard(Wanted(PROMPTS[0], N_NEW))
        worker.submit([right.ticket])
        assert isinstance(right.end, Ended)

    assert right.text == alone(loaded)[0]


def test_model_that_cannot_be_opened_fails_those_who_want_it_and_nobody_else(loaded: Loaded) -> None:
    @contextmanager
    def open_model(system: System) -> Iterator[Loaded]:
        if system == "base":
            raise FileNotFoundError("gone")
        yield loaded

    with working(open_model) as worker:
        heard = [Heard(Wanted(PROMPTS[0], N_NEW), system="base" if i % 2 else "tuned") for i in range(4)]
        worker.submit([one.ticket for one in heard])
        ends = [one.end for one in heard]

    assert [type(end) for end in ends] == [Ended, Failed, Ended, Failed]


def test_questions_of_many_are_answered_together_each_with_its_own(loaded: Loaded) -> None:
    asked: list[int] = []

    def double(system: System, items: Any) -> list[Any]:
        asked.append(len(items))
        return [(system, 2 * item) for item in items]

    worker = Worker(lambda _: nullcontext(loaded), {"double": double}, queue=64, threads=1, now=time.monotonic)
    heard = [Heard(Question("double", (i, i + 100)), system="base" if i == 3 else "tuned") for i in range(6)]
    worker.submit([one.ticket for one in heard])
    worker.start()
    ends = [one.end for one in heard]
    worker.stop()

    expected = [("base" if i == 3 else "tuned", i) for i in range(6)]
    assert ends == [Answers(((who, 2 * i), (who, 2 * (i + 100)))) for who, i in expected]
    assert sorted(asked) == [2, 10]


def test_stopped_worker_tells_everybody(loaded: Loaded) -> None:
    with working(loaded) as worker:
        written = Heard(Wanted(PROMPTS[5], 450, is_streamed=True))
        worker.submit([written.ticket])
        while not written.events:
            time.sleep(0.001)
        worker.stop()
        assert isinstance(written.end, Failed)
        assert isinstance(written.end.error, Stopping)
        with pytest.raises(Stopping):
            worker.submit([written.ticket])


def test_draw_follows_the_probabilities_and_its_seed_alone() -> None:
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))
    source = generator_of(Sampling(seed=1))
    drawn = Counter(chosen(logits, Sampling(temperature=1.0), source) for _ in range(4_000))

    for token, p in enumerate((0.5, 0.3, 0.15, 0.05)):
        assert drawn[token] / 4_000 == pytest.approx(p, abs=0.03)  # 3.8 standard errors of the widest
    again = generator_of(Sampling(seed=1))
    assert drawn == Counter(chosen(logits, Sampling(temperature=1.0), again) for _ in range(4_000))
    assert generator_of(Sampling()).initial_seed() != generator_of(Sampling()).initial_seed()


@pytest.mark.parametrize(
    ("top_p", "allowed"), [(0.49, {0}), (0.51, {0, 1}), (0.79, {0, 1}), (0.81, {0, 1, 2}), (1.0, {0, 1, 2, 3})]
)
def test_draw_stays_within_the_fewest_tokens_that_reach_top_p(top_p: float, allowed: set[int]) -> None:
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64))
    source = generator_of(Sampling(seed=0))

    assert {chosen(logits, Sampling(1.0, top_p), source) for _ in range(500)} == allowed


def test_draw_at_a_tiny_temperature_is_the_likeliest() -> None:
    assert chosen(torch.tensor([1.0, 3.0, 2.0]), Sampling(1e-300), generator_of(Sampling(seed=0))) == 1


def test_seeded_answer_is_the_same_alone_and_among_others(loaded: Loaded) -> None:
    wanted = Wanted(PROMPTS[3], N_NEW, Sampling(1.0, 0.9, seed=7))
    with working(loaded) as worker:
        first = Heard(wanted)
        worker.submit([first.ticket])
        assert first.end
        others = [Heard(Wanted(prompt, N_NEW, Sampling(1.0, 1.0, seed=i))) for i, prompt in enumerate(PROMPTS)]
        again = Heard(wanted)
        worker.submit([one.ticket for one in (*others[:5], again, *others[5:])])
        assert again.end

    assert again.text == first.text
    assert first.text != alone(loaded)[3]


TOKENIZER = byte_tokenizer(DECODER_SPECIAL)


def spoken(text: str, wanted: Wanted) -> tuple[list[str], Spoken]:
    one = Spoken(wanted, tokenizer=TOKENIZER, ends=(2,))
    pieces = []
    for token in TOKENIZER(text)["input_ids"]:
        pieces.append(one.add(token))
        if one.is_stopped:
            break
    return [piece for piece in [*pieces, one.rest()] if piece], one


@pytest.mark.parametrize("is_streamed", [True, False])
@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("one two three", ("two",), "one "),
        ("one two three", ("three", "two"), "one "),
        ("one two three", ("twos", "e t"), "on"),
        ("one two", ("twos",), "one two"),
        ("one\nUser: hi", ("\nUser:",), "one"),
        ("grüße 😀", ("😀",), "grüße "),
        ("stop", ("stop",), ""),
    ],
)
def test_answer_ends_before_a_stop_text_and_says_nothing_of_it(
    text: str, stop: tuple[str, ...], expected: str, is_streamed: bool
) -> None:
    pieces, one = spoken(text, Wanted((), 99, stop=stop, is_trimmed=False, is_streamed=is_streamed))

    assert "".join(pieces) == expected
    assert one.is_stopped == any(word in text for word in stop)
    assert len(pieces) <= 1 or is_streamed


def test_streamed_text_never_shows_half_a_character() -> None:
    pieces, _ = spoken("  ü😀 é  ", Wanted((), 99, is_streamed=True))

    assert pieces == ["ü", "😀", " é"]
    assert "".join(spoken("  ü😀 é  ", Wanted((), 99, is_streamed=True, is_trimmed=False))[0]) == "  ü😀 é  "
