"""Asking over an address: what is tried again, what is told, what is kept, and what nobody may see."""

from __future__ import annotations

import json
import socket
import traceback
from collections import Counter
from datetime import UTC, date, datetime
from email.utils import format_datetime
from pathlib import Path
from threading import Event as Flag
from threading import Lock

import pytest

from tests.fake_api import Body, Response, fake_api, last_turn, said
from tunewright.core.api_plan import ApiPlan
from tunewright.core.errors import EvalError, PlanError
from tunewright.core.events import Event, NoteEvent
from tunewright.core.planfile import plan_from
from tunewright.core.values import Message
from tunewright.evaluate.remote.ask import MOST_AT_FIRST, MOST_IN_A_ROW, replies
from tunewright.evaluate.remote.kept import Known, Question, read_kept, request_key
from tunewright.evaluate.remote.reply import Failure, Reply, parsed_reply, refused
from tunewright.evaluate.remote.send import TRIES, Address, wait_seconds

KEY = "a-word-that-only-we-know"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def questions(n: int) -> list[Question]:
    return [Question(f"test:{i}", (Message("user", f"say {i}"),), 8) for i in range(n)]


def address(url: str, *, key: str = "", at_once: int = 4, timeout_seconds: float = 20.0) -> Address:
    return Address("gpt", ApiPlan(url=url, model="big", at_once=at_once, timeout_seconds=timeout_seconds), key)


def asked(some: list[Question], to: Address, folder: Path, *, waited: list[float] | None = None) -> Known:
    """The pauses are noted, not waited for."""
    pauses: list[float] = [] if waited is None else waited
    return replies(some, to, kept=folder / "gpt.jsonl", tell=lambda event: None, what="asking", pause=pauses.append)


def texts(known: Known, some: list[Question], to: Address) -> list[str | None]:
    found = [known.replies.get(request_key(question, to)) for question in some]
    return [one.text if one else None for one in found]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again_after_the_pause_that_it_names(status: int, tmp_path: Path) -> None:
    left = [Response("later", status, {"Retry-After": "7"}), Response("later", status), said("yes")]
    waited: list[float] = []
    with fake_api(lambda body: left.pop(0)) as api:
        to = address(api.url)
        assert texts(asked(questions(1), to, tmp_path, waited=waited), questions(1), to) == ["yes"]
    assert waited[0] == 7.0
    assert 2.0 <= waited[1] <= 3.0  # the second pause of 1, 2, 4, 8, up to a half longer
    assert len(waited) == 2


def test_pauses_double_and_a_date_is_a_pause() -> None:
    failure = Failure("HTTP 500", "try")
    assert [wait_seconds(failure, attempt=i, draw=0.0) for i in range(4)] == [1.0, 2.0, 4.0, 8.0]
    assert wait_seconds(failure, attempt=1, draw=1.0) == 3.0
    date = format_datetime(NOW.replace(minute=1), usegmt=True)
    assert refused(429, "", retry_after=date, now=NOW.timestamp()).wait_seconds == 60.0
    assert refused(429, "", retry_after="soon", now=0.0).wait_seconds is None


def test_a_server_that_asks_to_wait_an_hour_is_left_for_the_next_run(tmp_path: Path) -> None:
    waited: list[float] = []
    with (
        fake_api(lambda body: Response("quota", 429, {"Retry-After": "3600"})) as api,
        pytest.raises(EvalError, match="does not answer") as caught,
    ):
        asked(questions(5), address(api.url), tmp_path, waited=waited)
    assert waited == []
    assert len(api.bodies) == 1
    assert "HTTP 429, it says quota: it asks to wait 3,600 s" in caught.value.why
    assert "evaluate.apis.gpt.at_once=1" in caught.value.fix


REFUSALS = {
    "no such key": (Response('{"error": {"message": "bad key"}}', 401), "HTTP 401, it says bad key", "key_env", 1),
    "no such model": (Response('{"detail": "Not Found"}', 404), "HTTP 404, it says Not Found", "apis.gpt.url", 1),
    "moved": (Response("", 302, {"Location": "http://127.0.0.1:9/"}), "it has moved", "apis.gpt.url", 1),
    "a page": (Response("<html><b>Welcome</b></html>"), "is not JSON: <html>", "ends in /v1", TRIES + 2),
    "half of it": (Response('{"choices": [{"mess'), "is not JSON", "ends in /v1", TRIES + 2),
    "no choices": (Response('{"choices": []}'), "has no choices", "ends in /v1", TRIES + 2),
    "no text": (said(None), "has no text", "max_new_tokens", MOST_AT_FIRST),
    "only thinking": (said("", end="length"), "all its tokens went into thinking", "body", MOST_AT_FIRST),
    "refuses": (Response("context too long", 400), "HTTP 400, it says context too long", "body", MOST_AT_FIRST),
    "broken": (Response("oops", 500), "HTTP 500, it says oops", "again later", TRIES + 2),
    "cut off": (Response("{}", 200, {"Content-Length": "99"}), "cannot be reached", "apis.gpt.url", TRIES + 2),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_an_address_that_never_answers_is_an_error_that_says_why(name: str, tmp_path: Path) -> None:
    """Tried TRIES times, then two more questions once each; what no other try can mend is tried once each."""
    response, why, fix, n_requests = REFUSALS[name]
    with fake_api(lambda body: response) as api, pytest.raises(EvalError, match="behind gpt does not answer") as caught:
        asked(questions(5), address(api.url), tmp_path)
    assert why in caught.value.why
    assert fix in caught.value.fix
    assert caught.value.where.startswith("evaluate.apis.gpt (127.0.0.1:")
    assert caught.value.exit_code == 6
    assert len(api.bodies) == n_requests


def test_an_address_where_nobody_listens_is_an_error(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(EvalError, match="does not answer") as caught:
            asked(questions(1), address(url), tmp_path)
    assert "cannot be reached: Connection refused" in caught.value.why


def test_a_server_that_takes_too_long_is_late(tmp_path: Path) -> None:
    has_given_up = Flag()

    def answer(body: Body) -> Response:
        has_given_up.wait(60)
        return Response("")

    with fake_api(answer) as api:
        with pytest.raises(EvalError, match="does not answer") as caught:
            asked(questions(1), address(api.url, timeout_seconds=0.05), tmp_path)
        has_given_up.set()
    assert caught.value.why == "no answer within 0.05 s"
    assert "timeout_seconds" in caught.value.fix


def test_rows_that_fail_are_named_and_the_others_answered(tmp_path: Path) -> None:
    heard: list[Event] = []

    def answer(body: Body) -> Response:
        return Response("poison", 500) if last_turn(body) == "say 0" else said(last_turn(body))

    with fake_api(answer) as api:
        to = address(api.url)
        known = replies(
            questions(4), to, kept=tmp_path / "k", tell=heard.append, what="asking", pause=lambda seconds: None
        )
    assert texts(known, questions(4), to) == [None, "say 1", "say 2", "say 3"]
    assert list(known.failures.values()) == ["HTTP 500, it says poison"]
    notes = [event.text for event in heard if isinstance(event, NoteEvent)]
    assert "1 question has no answer of gpt" in notes[-1]
    assert "test:0: HTTP 500, it says poison" in notes[-1]


def test_a_server_that_stops_answering_ends_the_run_and_the_next_one_pays_for_the_rest_only(tmp_path: Path) -> None:
    asked_for, lock, is_up = Counter[str](), Lock(), Flag()

    def answer(body: Body) -> Response:
        with lock:
            asked_for[last_turn(body)] += 1
            is_alive = is_up.is_set() or int(last_turn(body).split()[1]) < 6
        return said(last_turn(body)) if is_alive else Response("gone", 400)

    some = questions(40)
    with fake_api(answer) as api:
        to = address(api.url, at_once=3)
        with pytest.raises(EvalError) as caught:
            asked(some, to, tmp_path)
        assert "6 answers of before are kept" in caught.value.why
        assert len(asked_for) <= 6 + MOST_IN_A_ROW + 3  # and those under way
        is_up.set()
        known = asked(some, to, tmp_path)
    assert texts(known, some, to) == [f"say {i}" for i in range(40)]
    assert [asked_for[f"say {i}"] for i in range(6)] == [1] * 6
    assert known.failures == {}


def test_another_question_finds_no_kept_answer(tmp_path: Path) -> None:
    with fake_api(lambda body: said("x")) as api:
        to = address(api.url)
        for some in (questions(2), questions(3), [Question("test:0", (Message("user", "say 0"),), 9)]):
            asked(some, to, tmp_path)
        other = Address("gpt", to.api.with_(model="small"))
        asked(questions(2), other, tmp_path)
        asked(questions(3), Address("gpt", to.api.with_(timeout_seconds=5.0, price_in=1.0)), tmp_path)
    assert [(body["model"], last_turn(body), body["max_tokens"]) for body in api.bodies[3:]] == [
        ("big", "say 0", 9),
        *(("small", f"say {i}", 8) for i in range(2)),
    ]
    assert len(api.bodies) == 6


def test_lines_that_a_kill_has_torn_are_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "gpt.jsonl"
    with fake_api(lambda body: said("line\u2028end")) as api:
        to = address(api.url, at_once=1)
        asked(questions(2), to, tmp_path)
        whole = path.read_text(encoding="utf-8")
        path.write_text(whole[:-20] + "\n[]\n" + '{"key": "k", "reply": {"text": 1}}', encoding="utf-8")
        known = asked(questions(2), to, tmp_path)
    assert texts(known, questions(2), to) == ["line\u2028end"] * 2
    assert [last_turn(body) for body in api.bodies] == ["say 0", "say 1", "say 1"]


def test_at_most_so_many_questions_are_under_way(tmp_path: Path) -> None:
    lock, under_way, most = Lock(), [0], [0]
    gate = Flag()

    def answer(body: Body) -> Response:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            if under_way[0] == 3:
                gate.set()
        if last_turn(body) != "say 0":  # the first is asked alone
            gate.wait(20)
        with lock:
            under_way[0] -= 1
        return said("x")

    with fake_api(answer) as api:
        asked(questions(9), address(api.url, at_once=3), tmp_path)
    assert gate.is_set()
    assert most == [3]


def test_what_is_under_way_when_a_run_is_stopped_is_kept(tmp_path: Path) -> None:
    with fake_api(lambda body: said(last_turn(body), tokens=(1, 1))) as api:
        to = address(api.url, at_once=3)

        notes: list[str] = []

        def stops(event: Event) -> None:
            if isinstance(event, NoteEvent):
                notes.append(event.text)
            if not isinstance(event, NoteEvent) and len(read_kept(tmp_path / "gpt.jsonl").replies) == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            replies(questions(20), to, kept=tmp_path / "gpt.jsonl", tell=stops, what="asking")
        assert notes[-1].startswith("stopping: answers under way are waited for and kept")
    assert len(read_kept(tmp_path / "gpt.jsonl").replies) == len(api.bodies) < 20


def test_the_key_is_sent_and_seen_nowhere_else(tmp_path: Path) -> None:
    left = [Response(json.dumps({"error": {"message": f"wrong key {KEY}"}}), 500), said(f"it is {KEY}, I think")]
    heard: list[Event] = []
    with fake_api(lambda body: left.pop(0) if left else Response(f"no {KEY}", 401)) as api:
        to = address(api.url, key=KEY)
        known = replies(
            questions(1), to, kept=tmp_path / "gpt.jsonl", tell=heard.append, what="asking", pause=lambda seconds: None
        )
        with pytest.raises(EvalError) as caught:
            asked(questions(3), to, tmp_path)
    assert api.keys[:2] == [f"Bearer {KEY}"] * 2
    assert texts(known, questions(1), to) == ["it is ***, I think"]
    assert "no ***" in caught.value.why
    seen = f"{caught.value} {caught.value.facts()} {heard} {to} {(tmp_path / 'gpt.jsonl').read_text(encoding='utf-8')}"
    assert KEY not in seen


def test_parsed_reply_takes_parts_of_text_and_counts_only_counts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    usage = {"prompt_tokens": 3, "completion_tokens": "many"}
    body = {"choices": [{"message": {"content": parts}, "finish_reason": "stop"}], "usage": usage}
    assert parsed_reply(json.dumps(body), seconds=0.5) == Reply("ab", True, 3, None, 0.5)
    assert parsed_reply('{"choices": [{"message": {"content": ""}}]}', seconds=0.5) == Reply("", True, None, None, 0.5)


def test_an_error_in_a_reply_that_says_200_is_an_error() -> None:
    busy = parsed_reply('{"error": {"message": "busy", "code": 429}}', seconds=0.5)
    assert isinstance(busy, Failure)
    assert (busy.why, busy.reach) == ("HTTP 429, it says busy", "try")
    closed = parsed_reply('{"error": {"message": "no", "code": 401}}', seconds=0.5)
    assert isinstance(closed, Failure)
    assert (closed.why, closed.reach) == ("HTTP 401, it says no", "all")
    odd = parsed_reply('{"error": {"message": "no", "code": "x"}}', seconds=0.5)
    assert isinstance(odd, Failure)
    assert (odd.why, odd.reach) == ("it says no", "try")


def test_what_a_server_says_is_short_and_masks_what_is_private() -> None:
    said_no = refused(400, "<p>bad row:   ann@example.org</p> " + "x" * 999)
    assert said_no.why.startswith("HTTP 400, it says bad row: [email] xxx")
    assert len(said_no.why) < 250
    assert refused(503, "").why == "HTTP 503"


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1/chat/completions"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1/chat/completions"),
        ("https://api.example.com/v1/", "https://api.example.com/v1/chat/completions"),
        ("https://x.example.com/openai/v1/chat/completions", "https://x.example.com/openai/v1/chat/completions"),
    ],
)
def test_endpoint_is_made_of_what_people_write(url: str, endpoint: str) -> None:
    assert ApiPlan(url=url, model="m").endpoint == endpoint


ODD: dict[str, tuple[dict[str, object], str]] = {
    "no scheme": ({"url": "api.example.com/v1"}, "begins with https://"),
    "another scheme": ({"url": "file:///etc/passwd"}, "begins with https://"),
    "no host": ({"url": "https://"}, "begins with https://"),
    "no port": ({"url": "http://127.0.0.1:99999"}, "out of range 0-65535"),
    "port nought": ({"url": "http://127.0.0.1:0"}, "from 1 to 65535"),
    "other letters": ({"url": "https://example.com/ü"}, "ASCII"),
    "half an address": ({"url": "http://[::1"}, "Invalid IPv6 URL"),
    "a password": ({"url": f"https://me:{KEY}@example.com"}, "the key stands in a variable"),
    "a key in the query": ({"url": f"https://example.com/v1?key={KEY}"}, "the key stands in a variable"),
    "a key for a name": ({"key_env": KEY}, "never the key itself"),
    "a key that looks like a name": ({"key_env": "hf_aBcDeF"}, "never the key itself"),
    "a key in a field of its own": ({"api_key": KEY}, "it has url, model, key_env"),
    "no model": ({"model": ""}, "at least 1 character"),
    "nobody at once": ({"at_once": 0}, "greater than or equal to 1"),
    "no number": ({"price_in": KEY}, "a valid number"),
    "no JSON": ({"body": {"since": date(2026, 1, 1)}}, "as a date"),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_address_is_refused_without_repeating_what_may_be_a_key(name: str) -> None:
    fields, why = ODD[name]
    with pytest.raises(PlanError) as caught:
        plan_from(
            {"evaluate": {"apis": {"big": {"url": "http://127.0.0.1", "model": "m", **fields}}}},
            folder=Path(),
            name="try",
        )
    assert why in caught.value.why
    assert "evaluate.apis.big" in caught.value.what or "api_key" in caught.value.what
    shown_to_a_programmer = "".join(traceback.format_exception(caught.value))
    assert KEY not in shown_to_a_programmer
    assert "aBcDeF" not in shown_to_a_programmer


def test_a_host_that_is_no_name_cannot_be_reached(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match="does not answer") as caught:
        asked(questions(1), address(f"http://{'a' * 70}.invalid/v1"), tmp_path)
    assert "cannot be reached" in caught.value.why


def test_rows_that_leave_the_machine_are_told_once_with_the_host(tmp_path: Path) -> None:
    """A name that cannot be: nothing is sent anywhere."""
    heard: list[Event] = []
    private = Question("test:2", (Message("user", "write to ann@example.org, 203.0.113.77"),), 8)
    with pytest.raises(EvalError) as caught:
        replies(
            [*questions(2), private],
            address("http://nobody.invalid/v1"),
            kept=tmp_path / "k",
            tell=heard.append,
            what="asking",
            pause=lambda seconds: None,
        )
    (note,) = [event for event in heard if isinstance(event, NoteEvent)]
    assert note.level == "warning"
    assert note.text == (
        "asking: test rows leave this machine: 3 questions go to nobody.invalid, unencrypted; "
        "1 of them hold personal data or secrets (email, ip)"
    )
    assert "cannot be reached" in caught.value.why
