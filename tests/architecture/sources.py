"""Our own source files, parsed once."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2] / "src" / "tunewright"
FILES = tuple(sorted(ROOT.rglob("*.py")))


def name_of(path: Path) -> str:
    """text/encode.py, as messages name it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(text_of(path), filename=str(path))


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    """Every node of the file's tree."""
    return tuple(ast.walk(tree_of(path)))


def offences(rule: Callable[[Path], Iterable[str]], files: Iterable[Path] = FILES) -> list[str]:
    """What a rule finds in each file: one rule is one test, because a test for each file and rule took longer to start
    than to run.
    """
    return [f"{name_of(path)}: {found}" for path in files for found in rule(path)]
