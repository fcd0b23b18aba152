"""A run behind a real port: what OpenAI's clients get, who is refused, and that the server lives on after all of it."""

from __future__ import annotations

import base64
import http.client
import json
import re
import shutil
import socket
import struct
import subprocess
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.answering import classify_run, text_run
from tests.serving import LIMIT_SECONDS, Reply, Served, serving
from tunewright.core.errors import PlanError, RunError
from tunewright.core.run import Run
from tunewright.core.values import Encoded, Message
from tunewright.export.merge import merged
from tunewright.model.generate import answers
from tunewright.model.vectors import text_vectors
from tunewright.serve.http import gate as gate_file
from tunewright.serve.http import listen
from tunewright.serve.queue.lane import Lane
from tunewright.text.encode import encode_prompt
from tunewright.verbs import serve as serve_file
from tunewright.verbs.load import Session, load
from tunewright.verbs.serve import Serving

ROOT = Path(__file__).parents[2]
TEXTS = ("How far is 3?", "ü and 7", "where is the red house")
CHAT, TEXT, LABELS, VECTORS = "/v1/chat/completions", "/v1/completions", "/v1/classify", "/v1/embeddings"


@pytest.fixture(scope="module")
def run(talking_run: Run) -> Run:
    return talking_run


@pytest.fixture(scope="module")
def session(run: Run) -> Session:
    return load(run)


@pytest.fixture(scope="module")
def served(run: Run) -> Iterator[Served]:
    with serving(run, has_page=True, logs_prompts=False) as found:
        yield found


@pytest.fixture(scope="module")
def labels_run(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Run:
    train = {"method": "full", "max_steps": 12, "batch_size": 8, "learning_rate": 3e-3}
    return classify_run(tmp_path_factory.mktemp("labels"), tiny_encoder, train=train)


@pytest.fixture(scope="module")
def labels(labels_run: Run) -> Iterator[Served]:
    with serving(labels_run) as found:
        yield found


def said(text: str, **fields: Any) -> dict[str, Any]:
    return {"model": "tuned", "messages": [{"role": "user", "content": text}], **fields}


def content(reply: Reply) -> str:
    assert reply.status == 200, reply.text
    return str(reply.json["choices"][0]["message"]["content"])


def streamed(reply: Reply) -> str:
    return "".join(c["delta"].get("content", "") for event in reply.events for c in event["choices"])


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("system", ["tuned", "base"])
def test_serve_chat_and_predict_give_the_same_answer(served: Served, session: Session, system: Any, text: str) -> None:
    expected = session.chat(text, system=system)
    (predicted,) = session.predict([text], system=system)

    reply = served.post(CHAT, {**said(text), "model": system})

    assert content(reply) == expected.answer == predicted.answer != ""
    assert streamed(served.post(CHAT, {**said(text, stream=True), "model": system})) == expected.answer
    reason = reply.json["choices"][0]["finish_reason"]
    assert reason == ("stop" if expected.is_stopped else "length")


def test_answers_are_transformers_own_of_the_merged_folder(
    served: Served, session: Session, run: Run, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    merged(session.loaded).model.save_pretrained(tmp_path)
    session.loaded.tokenizer.save_pretrained(tmp_path)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        turns = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": text}]
        ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_tensors="pt")["input_ids"]
        out = model.generate(ids, max_new_tokens=12, do_sample=False, eos_token_id=2, pad_token_id=2)
        whole = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True).strip()
        assert content(served.post(CHAT, said(text))) == whole


def test_usage_counts_the_tokens_of_the_rendered_prompt_and_of_the_answer(served: Served, session: Session) -> None:
    turns = (Message("system", "Be kind."), Message("user", TEXTS[0]))
    prompt = encode_prompt(turns, tokenizer=session.loaded.tokenizer)
    [answer] = answers(session.loaded, [prompt], max_new_tokens=5)
    n_written = len(answer.ids) + answer.is_stopped
    expected = {"prompt_tokens": len(prompt), "completion_tokens": n_written, "total_tokens": len(prompt) + n_written}

    assert served.post(CHAT, said(TEXTS[0], max_tokens=5)).json["usage"] == expected
    options = {"stream": True, "stream_options": {"include_usage": True}}
    last = served.post(CHAT, said(TEXTS[0], max_completion_tokens=5, **options)).events[-1]
    assert (last["choices"], last["usage"]) == ([], expected)


def test_own_system_message_takes_the_place_of_the_runs(served: Served, session: Session) -> None:
    turns = [
        {"role": "developer", "content": "Be rude."},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
    ]
    expected = session.chat("hi", history=(Message("system", "Be rude."),)).answer

    assert content(served.post(CHAT, {"model": "g", "messages": turns})) == expected


def test_many_clients_at_once_get_their_own_answers(served: Served) -> None:
    """Each draws with a seed of its own, so that no two answers are alike."""
    bodies = [said(f"number {i}", temperature=1.3, seed=i) for i in range(12)]
    expected = [content(served.post(CHAT, body)) for body in bodies]
    assert len(set(expected)) == 12, "they could be mixed up and nobody would see it"
    found: dict[int, str] = {}

    def ask(i: int) -> None:
        body = bodies[i % 12]
        if i % 10 == 4:  # some in between ask the other model
            served.post(CHAT, {**body, "model": "base"})
        elif i % 2:
            found[i] = streamed(served.post(CHAT, {**body, "stream": True}))
        else:
            found[i] = content(served.post(CHAT, body))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(48)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_SECONDS)
    assert found == {i: expected[i % 12] for i in range(48) if i % 10 != 4}


def test_completion_goes_on_from_the_text_as_it_stands(served: Served, session: Session) -> None:
    tokenizer = session.loaded.tokenizer

    def going_on(text: str) -> str:
        ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
        [answer] = answers(session.loaded, [Encoded("", ids, (False,) * len(ids))], max_new_tokens=12)
        return str(tokenizer.decode(answer.ids, skip_special_tokens=True))

    both = served.post(TEXT, {"model": "tuned", "prompt": ["once upon ", "ü"]}).json["choices"]
    ids = tokenizer("once upon ", add_special_tokens=False)["input_ids"]

    assert [(one["index"], one["text"]) for one in both] == [(0, going_on("once upon ")), (1, going_on("ü"))]
    assert served.post(TEXT, {"model": "tuned", "prompt": ids}).json["choices"][0]["text"] == both[0]["text"]
    stream = served.post(TEXT, {"model": "tuned", "prompt": ["once upon ", "ü"], "stream": True}).events
    for i in range(2):
        assert "".join(c["text"] for e in stream for c in e["choices"] if c["index"] == i) == both[i]["text"]


def test_stop_seed_and_temperature_mean_what_openai_says(served: Served) -> None:
    whole = content(served.post(CHAT, said(TEXTS[0])))
    middle = next(letter for letter in whole[3:] if letter.isascii() and letter not in whole[:3])
    stopped = served.post(CHAT, said(TEXTS[0], stop=[middle, "never said"]))
    assert content(stopped) == whole[: whole.index(middle)]
    assert stopped.json["choices"][0]["finish_reason"] == "stop"

    drawn = [content(served.post(CHAT, said(TEXTS[0], temperature=1.5, seed=seed))) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    assert len({whole, *drawn}) == 3
    nearly_greedy = served.post(CHAT, said(TEXTS[0], temperature=1.5, top_p=1e-6))
    assert content(nearly_greedy) == whole


def test_official_client_reads_answers_streams_vectors_and_errors(served: Served) -> None:
    openai = pytest.importorskip("openai")
    client = openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0)
    turns: Any = [{"role": "user", "content": TEXTS[0]}]

    whole = client.chat.completions.create(model="tuned", messages=turns, temperature=0, max_tokens=9, stop=None)
    stream = client.chat.completions.create(
        model="tuned", messages=turns, max_tokens=9, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)

    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage
    assert [one.id for one in client.models.list()] == ["tuned", "base"]
    text = client.completions.create(model="base", prompt="once", max_tokens=4)
    assert text.usage
    assert text.usage.completion_tokens <= 4
    vectors = client.embeddings.create(model="tuned", input=["a b", "c"])  # it asks for base64 by itself
    plain = served.post(VECTORS, {"model": "tuned", "input": ["a b", "c"], "encoding_format": "float"}).json
    for packed, one in zip(vectors.data, plain["data"], strict=True):
        assert packed.embedding == pytest.approx(one["embedding"], abs=1e-6)  # float32 on the way
    with pytest.raises(openai.NotFoundError, match="no model 'gpt'"):
        client.chat.completions.create(model="gpt", messages=turns)
    with pytest.raises(openai.BadRequestError, match="tools is not offered"):
        client.chat.completions.create(model="tuned", messages=turns, tools=[{"type": "function"}])


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl_streams_line_by_line(served: Served) -> None:
    body = json.dumps(said(TEXTS[0], stream=True))
    command = ["curl", "-sN", served.url + CHAT, "-H", "Content-Type: application/json", "-d", body]
    out = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=True).stdout

    assert streamed(Reply(200, {}, out)) == content(served.post(CHAT, said(TEXTS[0])))


def test_howto_shows_what_works(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs/howto/my-model-behind-an-address.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?:^ {4}.*\n)+", page.replace("http://127.0.0.1:8000", served.url), re.MULTILINE)
    command, curl, python = (textwrap.dedent(block) for block in blocks)

    assert command.split()[:2] == ["tunewright", "serve"]
    done = subprocess.run(["bash", "-c", curl], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=True)
    assert streamed(Reply(200, {}, done.stdout)) == content(served.post(CHAT, said("My tent leaks.")))
    *lines, call = python.splitlines()
    exec("\n".join([*lines, f"print({call}.choices[0].message.content)"]), {})
    assert capsys.readouterr().out.rstrip("\n") == content(served.post(CHAT, said("My tent leaks.")))


def test_labels_have_the_probabilities_that_predict_gives(labels: Served, labels_run: Run) -> None:
    texts = ["money back please", " ", "parcel now"]
    expected = load(labels_run).predict(texts)

    data = labels.post(LABELS, {"model": "c", "input": texts}).json["data"]

    assert [one["label"] for one in data] == [one.answer or None for one in expected]
    assert data[1]["error"] == "no text"
    for one, found in zip(expected, data, strict=True):
        if not one.error:
            assert tuple(found["probabilities"].values()) == pytest.approx(one.probabilities, abs=1e-6)
            assert found["probability"] == max(found["probabilities"].values())
            assert not found["abstained"]
    (base,) = labels.post(LABELS, {"model": "base", "input": "money back please"}).json["data"]
    assert base["label"] == load(labels_run).predict(["money back please"], system="base")[0].answer
    assert base["probabilities"] is None


def test_unsure_labels_are_kept_back(labels: Served, labels_run: Run) -> None:
    texts = ["money back please", "parcel now", "zzz"]
    sure = [one["probability"] for one in labels.post(LABELS, {"model": "tuned", "input": texts}).json["data"]]
    least = sorted(sure)[1]

    data = labels.post(LABELS, {"model": "tuned", "input": texts, "abstain_below": least}).json["data"]
    assert [one["label"] is None for one in data] == [one["abstained"] for one in data] == [p < least for p in sure]

    metrics = json.loads((labels_run.stage("evaluate") / "metrics.json").read_text(encoding="utf-8"))
    thresholds = {one["wished"]: one["threshold"] for one in metrics["calibration"]["thresholds"]}
    for wished, threshold in thresholds.items():
        reply = labels.post(LABELS, {"model": "tuned", "input": texts, "min_accuracy": wished})
        if threshold is None:
            assert (reply.status, reply.json["error"]["code"]) == (400, "no_threshold")
        else:
            assert [one["abstained"] for one in reply.json["data"]] == [p < threshold for p in sure]
    assert labels.post(LABELS, {"model": "tuned", "input": texts, "min_accuracy": 0.5}).status == 400


def test_vectors_are_the_means_of_the_models_own(labels: Served, labels_run: Run) -> None:
    session = load(labels_run)
    ids = [tuple(session.loaded.tokenizer(text)["input_ids"]) for text in ("money back", "parcel")]
    encoded = [Encoded("", one, (False,) * len(one)) for one in ids]
    expected = text_vectors(session.loaded, encoded)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)

    found = labels.post(VECTORS, {"model": "tuned", "input": ["money back", "parcel"]}).json
    packed = labels.post(VECTORS, {"model": "tuned", "input": "parcel", "encoding_format": "base64"}).json

    assert np.allclose([one["embedding"] for one in found["data"]], expected, atol=1e-6)
    assert found["usage"]["prompt_tokens"] == sum(map(len, encoded))
    raw = base64.b64decode(packed["data"][0]["embedding"])
    assert np.allclose(struct.unpack(f"<{len(raw) // 4}f", raw), expected[1], atol=1e-6)
    base = labels.post(VECTORS, {"model": "base", "input": ["money back"]}).json["data"][0]["embedding"]
    assert not np.allclose(base, expected[0], atol=1e-3)


def test_model_of_raw_text_goes_on_and_does_not_talk(tmp_path: Path, tiny_decoder: Path) -> None:
    run = text_run(tmp_path, tiny_decoder)
    expected = load(run, overrides=["evaluate.max_new_tokens=8"]).chat("the river").answer
    with serving(run, "evaluate.max_new_tokens=8") as server:
        assert server.post(TEXT, {"model": "t", "prompt": "the river"}).json["choices"][0]["text"].strip() == expected
        reply = server.post(CHAT, said("hi"))

    assert (reply.status, reply.json["error"]["code"]) == (400, "wrong_task")
    assert TEXT in reply.json["error"]["message"]


def test_health_readiness_models_and_numbers_are_told(served: Served) -> None:
    before = served.get("/metrics").text
    served.post(CHAT, said(TEXTS[0], max_tokens=3))
    name = 'tunewright_requests_total{path="/v1/chat/completions",status="200"}'

    def value(text: str, name: str) -> float:
        return float(next(line.split()[-1] for line in text.splitlines() if line.startswith(name + " ")))

    n_before = value(before, name) if name in before else 0
    deadline = time.monotonic() + LIMIT_SECONDS
    while True:  # a request is counted after its last byte was sent
        after = served.get("/metrics").text
        if (name in after and value(after, name) > n_before) or time.monotonic() > deadline:
            break
    assert (served.get("/health").status, served.get("/ready").json) == (200, {"status": "ready"})
    assert value(after, "tunewright_written_tokens_total") - value(before, "tunewright_written_tokens_total") in (
        1,
        2,
        3,
    )
    assert value(after, name) == n_before + 1
    assert value(after, "tunewright_waiting") == value(after, "tunewright_writing") == 0
    assert all(line.startswith(("#", "tunewright_")) for line in after.splitlines())
    models = served.get("/v1/models").json["data"]
    assert [(one["id"], one["run"], one["task"]) for one in models] == [
        ("tuned", "g", "generate"),
        ("base", "g", "generate"),
    ]
    assert served.get("/v1/models/g").json == models[0]


WRONG: list[tuple[str, Any, int, str]] = [
    (CHAT, b"{", 400, ""),
    (CHAT, b"\xff\xfe", 400, ""),
    (CHAT, b"[" * 20_000, 400, ""),
    (CHAT, [], 400, ""),
    (CHAT, {"model": "tuned"}, 400, "messages"),
    (CHAT, said("hi", temperature=float("nan")), 400, "temperature"),
    (CHAT, said("hi", max_tokens=0), 400, "max_tokens"),
    (CHAT, said("hi", seed=2**70), 400, "seed"),
    (CHAT, said("hi", n=2), 400, ""),
    (CHAT, said("hi", response_format={"type": "json_object"}), 400, ""),
    (CHAT, said(" "), 400, "messages"),
    (CHAT, said("x" * 600), 400, "prompt"),
    (CHAT, {"model": "tuned", "messages": [{"role": "assistant", "content": "I"}]}, 400, "messages"),
    (CHAT, {"model": "tuned", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, ""),
    (CHAT, {**said("hi"), "model": "gpt-4"}, 404, "model"),
    (TEXT, {"model": "tuned", "prompt": ""}, 400, "prompt"),
    (TEXT, {"model": "tuned", "prompt": [1, 100_000]}, 400, "prompt"),
    (VECTORS, {"model": "tuned", "input": ["a", " "]}, 400, "input"),
    (LABELS, {"model": "tuned", "input": "a"}, 400, "model"),
    ("/v1/nothing", {}, 404, ""),
    ("/health", {}, 405, ""),
]


@pytest.mark.parametrize(("path", "body", "status", "param"), WRONG, ids=range(len(WRONG)))
def test_wrong_request_is_told_what_is_wrong_in_openais_shape(
    served: Served, path: str, body: Any, status: int, param: str
) -> None:
    reply = served.post(path, body)

    assert reply.status == status, reply.text
    error = reply.json["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    if param:
        assert error["param"] == param
    assert served.get("/ready").status == 200


@pytest.mark.parametrize(
    ("path", "body", "kind", "words"),
    [
        (CHAT, b'{"model": ', "application/json", "the body is no JSON: it breaks at character 10"),
        (
            CHAT,
            {"model": "tuned"},
            "application/x-www-form-urlencoded",
            "with the header Content-Type: application/json",
        ),
        (CHAT, {"messages": []}, "application/json", "model is missing: tuned or base, as GET /v1/models lists them"),
        ("/v1/chat", {}, "application/json", "there is no such path here, only /, /health,"),
        (CHAT, said("hi", n=2), "application/json", "n is not offered here: leave it out"),
    ],
)
def test_wrong_request_says_what_to_send(served: Served, path: str, body: Any, kind: str, words: str) -> None:
    assert words in served.post(path, body, **{"Content-Type": kind}).json["error"]["message"]


def test_nothing_that_was_asked_stands_in_the_log_unless_it_is_asked_for(run: Run) -> None:
    with serving(run) as quiet:
        quiet.post(CHAT, said("secret one"))
        quiet.post(CHAT, {"model": "secret one", "messages": []})
        quiet.get("/secret one".replace(" ", "%20"))
        until = time.monotonic() + LIMIT_SECONDS
        while len(quiet.said) < 4 and time.monotonic() < until:  # told after the answer is sent
            time.sleep(0.01)
        assert not [line for line in quiet.said if "secret" in line]
        assert [line.split()[:3] for line in quiet.said[1:]] == [
            ["POST", CHAT, "200"],
            ["POST", CHAT, "400"],
            ["GET", "other", "404"],
        ]
    with serving(run, logs_prompts=True) as open_server:
        answer = content(open_server.post(CHAT, said("secret one")))
        [line] = [line for line in open_server.said if "secret one" in line]  # told before it
        assert json.loads(line)["answered"] == [answer]


def test_token_is_needed_where_there_is_one(run: Run) -> None:
    with serving(run, token="open-sesame") as server:
        for headers in ({}, {"Authorization": "Bearer open-sesam"}, {"Authorization": "Basic open-sesame"}):
            reply = server.post(CHAT, said("hi"), **headers)
            assert (reply.status, reply.json["error"]["code"]) == (401, "invalid_api_key")
        assert server.get("/metrics").status == server.get("/v1/models").status == 401
        assert server.get("/health").status == server.get("/ready").status == 200
        assert server.post(CHAT, said("hi"), Authorization="Bearer open-sesame").status == 200
        assert server.get("/v1/models", Authorization="bearer open-sesame").status == 200


@pytest.mark.parametrize(
    ("given", "is_right"), [("abc", True), ("abd", False), ("ab", False), ("abcd", False), ("", False), ("äbc", False)]
)
def test_token_is_compared_whole(given: str, is_right: bool) -> None:
    assert gate_file.is_same(given, "abc") is is_right


def test_page_of_the_web_cannot_ask_under_a_name_of_its_own(served: Served) -> None:
    reply = served.get("/v1/models", Host="evil.example:80")

    assert (reply.status, reply.json["error"]["code"]) == (403, "wrong_host")
    assert served.get("/v1/models", Host="localhost:1").status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_other_machines_are_served_with_a_token_only(run: Run, host: str) -> None:
    with pytest.raises(PlanError, match="a token is needed"), serving(run, host=host):
        pass


def test_port_in_use_is_told_before_anything_is_loaded(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve_file, "offered", None)  # were it called, that would be another error
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(RunError, match=f"port {port} is in use") as told:
            serve_file.serve(run, Serving(port=port), ready=lambda _: None, stop=lambda: True)
        assert told.value.exit_code == 9
        with pytest.raises(RunError, match="in use"):
            listen.bound("127.0.0.1", port)


def test_port_is_closed_until_the_model_is_there(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    offered, refused = serve_file.offered, []

    def looked(*args: Any, **options: Any) -> Any:
        found = offered(*args, **options)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 1)
        refused.append(True)
        return found

    monkeypatch.setattr(serve_file, "offered", looked)
    opened = []
    serve_file.serve(
        run,
        Serving(port=port),
        ready=lambda _: opened.append(socket.create_connection(("127.0.0.1", port), 1).close()),
        stop=lambda: True,
    )
    assert (refused, opened) == ([True], [None])


def test_body_that_is_too_large_or_too_slow_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve_file, "BODY_BYTES", 20_000)
    monkeypatch.setattr(serve_file, "BODY_SECONDS", 0.3)
    with serving(run) as server:
        large = server.post(CHAT, said("x" * 50_000))
        assert (large.status, large.json["error"]["code"]) == (413, "too_large")
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LIMIT_SECONDS)
        chunks = iter([b"x" * 15_000, b"x" * 15_000])
        connection.request("POST", CHAT, chunks, {"Content-Type": "application/json"}, encode_chunked=True)
        assert connection.getresponse().status == 413  # its length was not announced
        with socket.create_connection(("127.0.0.1", server.port), LIMIT_SECONDS) as slow:
            slow.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
            assert slow.recv(100).startswith(b"HTTP/1.1 408")
        assert server.post(CHAT, said("hi", max_tokens=1)).status == 200


def test_header_that_never_ends_is_not_waited_for(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "HEAD_SECONDS", 0.3)
    with serving(run) as server:
        for beginning in (b"", b"GET /health HTTP/1.1\r\nHost: loc"):
            with socket.create_connection(("127.0.0.1", server.port), LIMIT_SECONDS) as slow:
                slow.sendall(beginning)
                assert slow.recv(100) == b""
        assert server.get("/health").status == 200


def test_who_leaves_while_it_is_written_frees_the_place(served: Served) -> None:
    endless = json.dumps(said("say all", max_tokens=480, temperature=2, stream=True)).encode()
    for _ in range(3):
        head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        with socket.create_connection(("127.0.0.1", served.port), LIMIT_SECONDS) as one:
            one.sendall(f"{head}Content-Length: {len(endless)}\r\n\r\n".encode() + endless)
            assert one.recv(20).startswith(b"HTTP/1.1 200")
    n_before = sum(" 499 " in line for line in served.said)
    with socket.create_connection(("127.0.0.1", served.port), LIMIT_SECONDS) as one:  # and one that is not streamed
        whole = endless.replace(b'"stream": true', b'"stream": null')
        one.sendall(f"{head}Content-Length: {len(whole)}\r\n\r\n".encode() + whole)

    def is_over() -> bool:
        """The last one has come, too, and gone."""
        n_left = sum(" 499 " in line for line in served.said)
        return n_left > n_before and "tunewright_writing 0" in served.get("/metrics").text

    deadline = time.monotonic() + LIMIT_SECONDS
    while not is_over():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert served.post(CHAT, said("hi", max_tokens=1)).status == 200


def test_full_queue_gets_503_and_the_server_lives_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One is written and one may wait: nobody is answered before all others are refused."""
    is_refused, write = threading.Event(), Lane.write

    def written_then(lane: Lane) -> None:
        assert is_refused.wait(LIMIT_SECONDS)
        write(lane)

    monkeypatch.setattr(Lane, "write", written_then)
    monkeypatch.setattr(Lane, "has_room", lambda lane, _: not lane.writing)
    with serving(run, queue=1) as server:
        replies: list[Reply] = []

        def ask() -> None:
            replies.append(server.post(CHAT, said("hello there", max_tokens=3)))
            if len(replies) >= 38:
                is_refused.set()

        threads = [threading.Thread(target=ask) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT_SECONDS)
        assert len(replies) == 40
        statuses = [reply.status for reply in replies]
        assert statuses.count(503) in (38, 39)
        assert statuses.count(200) == 40 - statuses.count(503)
        for reply in replies:
            if reply.status == 503:
                assert reply.headers["retry-after"] == "2"
                assert reply.json["error"]["type"] == "server_busy"
        assert server.post(CHAT, said("hi", max_tokens=1)).status == 200


def test_request_that_takes_too_long_is_cut(run: Run) -> None:
    with serving(run, request_seconds=0.05) as server:
        reply = server.post(CHAT, said("hello", max_tokens=480, temperature=2.0))

    assert reply.status in (200, 503)
    if reply.status == 200:
        assert reply.json["choices"][0]["finish_reason"] in ("length", "stop")
        assert reply.json["usage"]["completion_tokens"] < 480


def test_300_open_connections_leave_room_for_the_next(served: Served) -> None:
    open_ones = [socket.create_connection(("127.0.0.1", served.port), LIMIT_SECONDS) for _ in range(300)]
    try:
        assert served.get("/ready").status == 200
        assert served.post(CHAT, said("hi", max_tokens=2)).status == 200
        open_ones[-1].sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert open_ones[-1].recv(20).startswith(b"HTTP/1.1 200")
    finally:
        for one in open_ones:
            one.close()


def test_stopped_server_finishes_what_it_writes(run: Run) -> None:
    replies: list[Reply] = []
    with serving(run) as server:
        asking = threading.Thread(
            target=lambda: replies.append(server.post(CHAT, said("on and on", max_tokens=300, temperature=1.5, seed=3)))
        )
        asking.start()
        while "tunewright_writing 0" in server.get("/metrics").text and not replies:
            time.sleep(0.005)
    asking.join(LIMIT_SECONDS)

    assert [reply.status for reply in replies] == [200]
    assert replies[0].json["choices"][0]["finish_reason"] in ("stop", "length")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), 1)
