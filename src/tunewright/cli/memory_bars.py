"""Memory by term as bars on a terminal, against what may be used.

In: bytes by term and the limit. Out: lines. Its own file because a term's share is seen, and not read from ten numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tunewright.cli.words import size

BAR_COLUMNS = 36
"""Of the limit, or of the whole where that is more."""
SMALLEST_SHARE = 0.01
"""Terms below this share of the whole are told together."""


def bar_lines(terms: Mapping[str, int], *, limit_bytes: int) -> Iterator[str]:
    """The largest term first; the last line is the whole against the limit.

    >>> print("\\n".join(bar_lines({"weights": 300, "logits": 600}, limit_bytes=1800)))
    logits          1 kB  ############
    weights         0 kB  ######
    all             1 kB  ##################                  |
    """
    total = sum(terms.values())
    most = max(total, limit_bytes, 1)
    small = {name: n for name, n in terms.items() if 0 < n < SMALLEST_SHARE * total}
    shown = {name: n for name, n in terms.items() if n >= SMALLEST_SHARE * total and n}
    for name, n in sorted(shown.items(), key=lambda pair: -pair[1]):
        yield _line(name, n, most=most)
    if small:
        yield _line("the rest", sum(small.values()), most=most)
    at = round(BAR_COLUMNS * limit_bytes / most)
    yield _with_limit(_line("all", total, most=most), at=at)


def _line(name: str, n_bytes: int, *, most: int) -> str:
    return f"{name:<12}{size(n_bytes):>8}  {'#' * max(1, round(BAR_COLUMNS * n_bytes / most))}"


def _with_limit(line: str, *, at: int) -> str:
    """An upright stroke where the limit is; over the bar when it goes beyond."""
    start = len("all".ljust(12)) + 10
    bar = line[start:].ljust(at + 1)
    return line[:start] + bar[:at] + "|" + bar[at + 1 :]
