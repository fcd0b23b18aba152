"""Serving beside the peers: the same model, prompts and clients, one server after the other.

In: nothing; gsm8k's questions from ../shared/data and SmolLM2-135M from the starter models. Out: a table on stdout and
in results.md: answer tokens a second, and a second of the processor, which others at work change little; seconds for an
answer (p50, p95); whether each answer is the one that its request gets alone. A run of one step is trained first; the
peers get its merged folder. transformers' own server comes with our extra `serve` and openai, llama.cpp's with
`pip install llama-cpp-python[server]` and an exported GGUF; what is not there is said.
usage: python benchmarks/serve/run.py [CLIENTS,... [REQUESTS [MAX_TOKENS [ours]]]]    (1,8,32  64  48)
ours: without the peers, and results.md stays as it is: for many requests.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from first_run import SHARED, processor  # noqa: E402

import tunewright  # noqa: E402
from tunewright.core.run import Run  # noqa: E402
from tunewright.core.values import Message  # noqa: E402
from tunewright.export.merge import merged  # noqa: E402
from tunewright.model.load import Loaded  # noqa: E402
from tunewright.text.encode import encode_prompt  # noqa: E402

QUESTIONS = SHARED / "gsm8k" / "grade_school_math" / "data" / "test.jsonl"
MODEL = "starter:smollm2-135m-instruct"
START_SECONDS, ANSWER_SECONDS = 180, 600
TIE = 1e-3
"""Two tokens whose logits differ by less are a tie: float32 sums in another order may turn it."""


@dataclass(frozen=True, slots=True)
class Server:
    name: str
    command: tuple[str, ...]
    model: str
    """As its clients name it."""
    is_ours: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    n_tokens: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Measured:
    server: str
    n_clients: int
    tokens_per_second: float
    tokens_per_processor_second: float
    p50_seconds: float
    p95_seconds: float
    n_failed: int
    answers: dict[int, Answer]


def questions(n: int) -> list[str]:
    lines = QUESTIONS.read_text(encoding="utf-8").splitlines()
    return [str(json.loads(line)["question"]) for line in lines[:n]]


def trained_run(folder: Path) -> Run:
    rows = [{"prompt": f"How heavy is tent {i}?", "completion": f"Tent {i} weighs {i} kg."} for i in range(40)]
    (folder / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    plan = [f"model.name={MODEL}", "model.dtype=float32", "train.method=lora", "train.learning_rate=1e-4"]
    plan += ["train.max_steps=1", "train.batch_size=2"]
    return tunewright.run(folder / "pairs.jsonl", overrides=plan, runs_dir=folder / "runs", until="train")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Started:
    url: str
    process: psutil.Process

    def processor_seconds(self) -> float:
        """Of it and those that it started."""
        times = [one.cpu_times() for one in (self.process, *self.process.children(recursive=True))]
        return float(sum(one.user + one.system for one in times))


@contextmanager
def started(server: Server, port: int) -> Iterator[Started]:
    """Once it answers."""
    words = [word.format(port=port) for word in server.command]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + START_SECONDS
        while not is_up(url):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{server.name} does not start: {' '.join(words)}")
            time.sleep(0.2)
        yield Started(url, psutil.Process(process.pid))
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as reply:
            return bool(reply.status == 200)
    except urllib.error.HTTPError as error:
        return error.code in (404, 405)
    except OSError:
        return False


def asked(url: str, model: str, text: str, *, max_tokens: int) -> Answer:
    body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": max_tokens, "temperature": 0}
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/v1/chat/completions", json.dumps(body).encode(), headers)
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as reply:
        found: Any = json.loads(reply.read())
    seconds = time.perf_counter() - began
    return Answer(found["choices"][0]["message"]["content"], found["usage"]["completion_tokens"], seconds)


def measured(server: Server, at: Started, texts: Sequence[str], *, n_clients: int, max_tokens: int) -> Measured:
    """Each client asks the next question as soon as it has its answer."""
    found: dict[int, Answer] = {}
    failed: list[int] = []
    numbers = iter(range(len(texts)))
    lock = threading.Lock()

    def client() -> None:
        while True:
            with lock:
                i = next(numbers, None)
            if i is None:
                return
            try:
                found[i] = asked(at.url, server.model, texts[i], max_tokens=max_tokens)
            except (OSError, KeyError, ValueError):
                failed.append(i)

    asked(at.url, server.model, "Hello", max_tokens=2)  # whatever it does at its first request
    threads = [threading.Thread(target=client) for _ in range(n_clients)]
    began, worked = time.perf_counter(), at.processor_seconds()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, worked = time.perf_counter() - began, at.processor_seconds() - worked
    n_tokens = sum(answer.n_tokens for answer in found.values())
    waits = sorted(answer.seconds for answer in found.values())
    return Measured(
        server.name,
        n_clients,
        n_tokens / seconds,
        n_tokens / worked,
        statistics.median(waits),
        waits[min(len(waits) - 1, int(0.95 * len(waits)))],
        len(failed),
        found,
    )


def differing(loaded: Loaded, texts: Sequence[str], one: Measured, alone: Measured) -> tuple[int, int]:
    """(answers that differ by a tie, answers that differ otherwise) from what the same request gets alone."""
    ties, others = 0, 0
    for i, answer in one.answers.items():
        if answer.text == alone.answers[i].text:
            continue
        gap = smallest_gap(loaded, texts[i], answer.text, alone.answers[i].text)
        ties, others = (ties + 1, others) if gap < TIE else (ties, others + 1)
    return ties, others


def smallest_gap(loaded: Loaded, text: str, a: str, b: str) -> float:
    """Between the two likeliest tokens, where the answers part."""
    prompt = encode_prompt((Message("user", text),), tokenizer=loaded.tokenizer).ids
    ids_a, ids_b = (tuple(loaded.tokenizer(one, add_special_tokens=False)["input_ids"]) for one in (a, b))
    n = next((i for i, (x, y) in enumerate(zip(ids_a, ids_b, strict=False)) if x != y), min(len(ids_a), len(ids_b)))
    with torch.inference_mode():
        logits_V = loaded.model(input_ids=torch.tensor([[*prompt, *ids_a[:n]]])).logits[0, -1]
    first, second = logits_V.topk(2).values.tolist()
    return float(first - second)


def servers(run: Run, folder: Path) -> list[Server]:
    here = str(Path(sys.executable).parent / "tunewright")
    threads = [f"run.threads={n}"] if (n := os.environ.get("OMP_NUM_THREADS")) else []
    ours = (here, "serve", str(run.folder), *threads, "--quiet", "--queue", "4000", "--port", "{port}")
    peer = str(Path(sys.executable).parent / "transformers")
    theirs = (peer, "serve", str(folder), "--device", "cpu", "--dtype", "float32", "--port", "{port}")
    found = [
        Server("tunewright", ours, "tuned", is_ours=True),
        Server("transformers serve", theirs, str(folder)),
        Server("transformers serve, continuous batching", (*theirs, "--continuous-batching"), str(folder)),
    ]
    gguf = next(run.stage("export").glob("gguf-*/*.gguf"), None)
    if find_spec("llama_cpp") and gguf:
        command = (sys.executable, "-m", "llama_cpp.server", "--model", str(gguf), "--port", "{port}")
        found.append(Server(f"llama-cpp-python ({gguf.parent.name})", command, "tuned"))
    return found


def compared(
    n_clients: Sequence[int], n_requests: int, max_tokens: int, *, only_ours: bool, tell: Callable[[str], None]
) -> list[str]:
    lines = [
        "| server | clients | tokens/s | tokens/processor s | p50 s | p95 s | failed | other than alone |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as name:
        run = trained_run(Path(name))
        loaded = merged(tunewright.load(run).loaded)
        folder = Path(name) / "merged"
        loaded.model.save_pretrained(folder)  # type: ignore[operator]
        loaded.tokenizer.save_pretrained(folder)
        texts = questions(n_requests)
        for server in servers(run, folder)[: 1 if only_ours else None]:
            try:
                with started(server, port := free_port()) as at:
                    tell(f"{server.name} at {port}")
                    alone: Measured | None = None
                    for n in n_clients:
                        one = measured(server, at, texts, n_clients=n, max_tokens=max_tokens)
                        alone = alone or one
                        told = "-"
                        if server.is_ours and n > 1:
                            ties, others = differing(loaded, texts, one, alone)
                            told = f"{others} ({ties} ties)"
                        rates = (f"{one.tokens_per_second:.1f}", f"{one.tokens_per_processor_second:.1f}")
                        cells = (*rates, f"{one.p50_seconds:.2f}", f"{one.p95_seconds:.2f}")
                        lines.append(f"| {server.name} | {n} | {' | '.join(cells)} | {one.n_failed} | {told} |")
                        tell(lines[-1])
            except (RuntimeError, OSError) as error:
                lines.append(f"| {server.name} | not run: {error} | | | | | | |")
                tell(lines[-1])
    return lines


def main(words: Sequence[str]) -> None:
    n_clients = [int(n) for n in (words[0] if words else "1,8,32").split(",")]
    n_requests = int(words[1]) if len(words) > 1 else 64
    max_tokens = int(words[2]) if len(words) > 2 else 48
    only_ours = words[3:] == ["ours"]
    lines = compared(n_clients, n_requests, max_tokens, only_ours=only_ours, tell=lambda text: print(text, flush=True))
    if only_ours:
        return
    what = f"{n_requests} requests, at most {max_tokens} tokens each, float32, greedy"
    where = f"{processor()}, Python {platform.python_version()}"
    head = f"# Serving\n\n`python benchmarks/serve/run.py`. SmolLM2-135M, {what}.\n{where}.\n"
    (HERE / "results.md").write_text("\n".join([head, *lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
