"""Our own source files, parsed once."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2] / "src" / "tunewright"
FILES = tuple(sorted(ROOT.rglob("*.py")))


def name_of(path: Path) -> str:
    """text/encode.py, as messages name it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
