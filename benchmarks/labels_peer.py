"""lm-evaluation-harness's HF model on given tokens: run by benchmarks/labels.py with another environment's python.

In: a model folder and a JSON file of [prompt ids, label ids] pairs. Out: one JSON line: log-probabilities, seconds.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

from lm_eval.models.huggingface import HFLM  # type: ignore[import-not-found]

BATCH_SIZE = 4
"""Its logits are of every position: 77 labels in the question make 370 MB of them."""


def main() -> None:
    model = HFLM(pretrained=sys.argv[1], device="cpu", dtype="float32", batch_size=BATCH_SIZE)
    pairs = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    requests = [(("", ""), prompt, label) for prompt, label in pairs]
    model._loglikelihood_tokens(requests[:2], disable_tqdm=True)  # the first pass pays for what stays
    started = time.process_time()
    found = model._loglikelihood_tokens(requests, disable_tqdm=True)
    seconds = time.process_time() - started
    print(json.dumps({"log_p": [log_p for log_p, _ in found], "seconds": seconds, "version": version("lm_eval")}))


if __name__ == "__main__":
    main()
