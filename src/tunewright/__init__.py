"""tunewright: a file of examples becomes a fine-tuned language model that is proven, explained and ready to ship.

Arrows point down, and stages never import each other:

    cli > { pipeline, resolve } > { select | prepare | train | evaluate | report } > model > text > core
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tunewright.core.plan import Plan

if TYPE_CHECKING:
    from tunewright.pipeline import run as run

__version__ = "0.1.0"
__all__ = ["Plan", "__version__", "run"]


def __getattr__(name: str) -> Any:
    """`run` pulls in every stage: loaded when asked for, so that `import tunewright` stays fast."""
    if name == "run":
        from tunewright.pipeline import run

        return run
    raise AttributeError(f"module 'tunewright' has no attribute {name!r}")
