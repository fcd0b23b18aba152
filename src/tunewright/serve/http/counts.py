"""What the server has done so far, as Prometheus reads it.

In: each request's end. Out: text. Its own file because it holds no word of any request: paths are those that we offer.
Source: Prometheus text exposition format 0.0.4.
"""

from __future__ import annotations

from collections import Counter

BUCKETS_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Counts:
    """It grows; one event loop writes it."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.buckets: Counter[float] = Counter()
        self.seconds = 0.0
        self.prompt_tokens = 0
        self.written_tokens = 0

    def request(self, path: str, status: int, seconds: float) -> None:
        self.requests[path, status] += 1
        self.seconds += seconds
        self.buckets.update(bucket for bucket in BUCKETS_SECONDS if seconds <= bucket)

    def tokens(self, *, prompt: int, written: int) -> None:
        self.prompt_tokens += prompt
        self.written_tokens += written

    @property
    def n_requests(self) -> int:
        return sum(self.requests.values())

    def text(self, *, n_waiting: int, n_writing: int) -> str:
        """n_waiting, n_writing: now."""
        by_path = [
            f'tunewright_requests_total{{path="{path}",status="{status}"}} {n}'
            for (path, status), n in sorted(self.requests.items())
        ]
        within = [
            f'tunewright_request_seconds_bucket{{le="{bucket}"}} {self.buckets[bucket]}' for bucket in BUCKETS_SECONDS
        ]
        n = self.n_requests
        whole = [
            f'tunewright_request_seconds_bucket{{le="+Inf"}} {n}',
            f"tunewright_request_seconds_sum {self.seconds}",
        ]
        blocks = [
            _block("requests_total", "counter", "Requests by path and status.", by_path),
            _block(
                "request_seconds",
                "histogram",
                "From a request's first byte to the end of its answer.",
                [*within, *whole],
            ),
            _one("prompt_tokens_total", "counter", "Tokens read.", self.prompt_tokens),
            _one("written_tokens_total", "counter", "Tokens written.", self.written_tokens),
            _one("waiting", "gauge", "Requests in the queue.", n_waiting),
            _one("writing", "gauge", "Answers that are being written.", n_writing),
        ]
        return "\n".join(blocks) + "\n"


def _one(name: str, kind: str, words: str, value: int) -> str:
    return _block(name, kind, words, [f"tunewright_{name} {value}"])


def _block(name: str, kind: str, words: str, lines: list[str]) -> str:
    return "\n".join([f"# HELP tunewright_{name} {words}", f"# TYPE tunewright_{name} {kind}", *lines])
