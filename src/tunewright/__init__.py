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
    from tunewright.verbs.api import check as check
    from tunewright.verbs.api import compare as compare
    from tunewright.verbs.api import init as init
    from tunewright.verbs.api import predict as predict
    from tunewright.verbs.api import reproduce as reproduce
    from tunewright.verbs.api import run as run
    from tunewright.verbs.api import runs as runs
    from tunewright.verbs.api import selftest as selftest
    from tunewright.verbs.api import show as show
    from tunewright.verbs.api import trace as trace
    from tunewright.verbs.api import why as why
    from tunewright.verbs.load import load as load

__version__ = "0.1.0"

_HOME = {
    "Plan": "tunewright.core.plan",
    **dict.fromkeys(
        ("run", "check", "init", "show", "predict", "why", "compare", "trace", "selftest", "reproduce", "runs"),
        "tunewright.verbs.api",
    ),
    "load": "tunewright.verbs.load",
}
"""Where each public name lives."""

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return vars(importlib.import_module(_HOME[name]))[name]
    raise AttributeError(f"module 'tunewright' has no attribute {name!r}")
