"""One piece of work in a process of its own: our checks, or the search for near copies by one tool.

In: the name of the work and a CSV with the columns text and label. Out: one line of JSON: seconds, peak_bytes, found.
Its own file because it runs under another Python than ours where a tool does not live beside it.
"""

from __future__ import annotations

import csv
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict


class Found(TypedDict, total=False):
    """What was counted."""

    near: int
    rows_read: int
    n_checks: int
    seconds: float


@contextmanager
def timed(found: Found) -> Iterator[None]:
    """Wall time of the work alone: imports and reading for the peers stand before it."""
    started = time.perf_counter()
    yield
    found["seconds"] = time.perf_counter() - started


def all_checks(path: Path) -> Found:
    """Reading, every default check, splitting, writing the prepare folder."""
    from tunewright.core.plan import Plan
    from tunewright.prepare.draft import write_draft
    from tunewright.prepare.stage import draft

    found: Found = {}
    with timed(found):
        made = draft(Plan.model_validate({"data": {"train": path.name}}), folder=path.parent, tell=lambda event: None)
        write_draft(made, path.parent, counted=None)
    found["rows_read"] = made.rows_read
    found["n_checks"] = sum(check["status"] != "not run" for check in made.checks.values())
    return found


def ours(path: Path) -> Found:
    """Pairs of Jaccard .8 or more, each counted exactly."""
    from tunewright.prepare.similar import similar_pairs

    texts, found = different_texts(path), Found()
    with timed(found):
        pairs = similar_pairs(texts)
    found["near"] = len({pair.right for pair in pairs})
    return found


def datasketch(path: Path) -> Found:
    """126 permutations, 18 bands of 7 over 5 letters, as ours; a pair is what its index proposes."""
    from datasketch import MinHash, MinHashLSH

    texts, found, near = different_texts(path), Found(), 0
    with timed(found):
        index = MinHashLSH(threshold=0.8, num_perm=126, params=(18, 7))
        pieces = ([text[i : i + 5].encode() for i in range(len(text) - 4)] for text in texts)
        for i, sketch in enumerate(MinHash.generator(pieces, num_perm=126)):
            near += bool(index.query(sketch))
            index.insert(i, sketch)
    found["near"] = near
    return found


def datatrove(path: Path) -> Found:
    """Its four steps with its defaults, two workers."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter
    from loguru import logger

    logger.remove()
    texts, found, config = different_texts(path), Found(), MinhashConfig()
    places = {name: str(path.parent / name) for name in ("source", "signatures", "buckets", "remove", "out", "logs")}
    Path(places["source"]).mkdir()
    for part in range(2):
        lines = [json.dumps({"text": text, "id": str(i)}) for i, text in enumerate(texts) if i % 2 == part]
        (Path(places["source"]) / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    read = JsonlReader(places["source"])
    steps = [
        (2, [read, MinhashDedupSignature(places["signatures"], config=config)]),
        (config.num_buckets, [MinhashDedupBuckets(places["signatures"], places["buckets"], config=config)]),
        (1, [MinhashDedupCluster(places["buckets"], places["remove"], config=config)]),
        (2, [read, MinhashDedupFilter(places["remove"]), JsonlWriter(places["out"], compression=None)]),
    ]
    with timed(found):
        for i, (tasks, pipeline) in enumerate(steps):
            LocalPipelineExecutor(pipeline, tasks=tasks, workers=2, logging_dir=f"{places['logs']}/{i}").run()
    n_left = sum(len(p.read_text(encoding="utf-8").splitlines()) for p in Path(places["out"]).iterdir())
    found["near"] = len(texts) - n_left
    return found


def different_texts(path: Path) -> list[str]:
    """Without equal ones: every tool finds those in a moment."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(dict.fromkeys(row["text"] for row in csv.DictReader(file)))


WORKS: dict[str, Callable[[Path], Found]] = {f.__name__: f for f in (all_checks, ours, datasketch, datatrove)}


def main() -> None:
    found = WORKS[sys.argv[1]](Path(sys.argv[2]))
    kilo = 1 if sys.platform == "darwin" else 1024
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) * kilo
    print(json.dumps({"seconds": found.pop("seconds"), "peak_bytes": peak, "found": found}))


if __name__ == "__main__":
    main()
