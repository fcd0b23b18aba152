"""tunewright: a file of examples becomes a fine-tuned language model that is proven, explained and ready to ship.

Each name here is loaded when it is first asked for, so that `import tunewright` and the command line's help answer at
once. Arrows point down, and stages never import each other:

    cli > verbs > pipeline > deciding > resolve > { select | prepare | train | evaluate | explain | export | serve |
    report } > { model | tables } > text > core

A stage alone is `run(plan, until="train")`: its own name is the room of its code (tunewright.train).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunewright.core.plan import Plan as Plan
    from tunewright.pipeline import run as run
    from tunewright.verbs.compare import compare as compare
    from tunewright.verbs.trace import trace as trace

__version__ = "0.1.0"

_HOME = {
    "Plan": "tunewright.core.plan",
    "run": "tunewright.pipeline",
    "compare": "tunewright.verbs.compare",
    "trace": "tunewright.verbs.trace",
}
"""Where each public name lives."""

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return vars(importlib.import_module(_HOME[name]))[name]
    raise AttributeError(f"module 'tunewright' has no attribute {name!r}")
