"""A program that knows nothing of tunewright and answers questions about an exported folder.

In: the file of the reader that it works with, pickled questions on stdin, of which "load" says what the others are
about. Out: one pickled answer each on stdout. Its own file because tunewright cannot be imported in it: that it answers
is the proof.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
import sys
import warnings
from contextlib import nullcontext
from typing import Any


def main() -> None:
    """Answer until stdin ends. What libraries print goes to stderr: stdout carries answers only."""
    sys.modules["tunewright"] = None  # type: ignore[assignment]  # whoever imports it from here on fails
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    reader = _module(sys.argv[1])
    alone: Any = None
    while True:
        try:
            what, given = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        answer = None
        if what == "load":
            alone = None  # one model at a time
            alone = reader.load(**given)
        else:
            with _inference():
                answer = reader.ANSWERS[what](alone, **given)
        pickle.dump(answer, answers)
        answers.flush()


def _module(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("reader", path)
    assert spec
    assert spec.loader
    module = sys.modules["reader"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _inference() -> Any:
    """Without gradients, where the reader uses torch at all."""
    torch = sys.modules.get("torch")
    return torch.inference_mode() if torch else nullcontext()


if __name__ == "__main__":
    main()
