"""Errors: every one that we raise says what to do next."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.sources import nodes_of, offences
from tunewright.core import errors
from tunewright.core.errors import TunewrightError

KINDS = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, TunewrightError)
}
SAY_IT_THEMSELVES = {name for name, kind in KINDS.items() if "fix" not in inspect.signature(kind.__init__).parameters}
"""Their fix does not depend on where they are raised."""


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def test_errors_that_take_no_fix_have_one() -> None:
    assert sorted(SAY_IT_THEMSELVES) == ["MissingExtra", "NonFiniteLoss"]
    assert errors.NonFiniteLoss(step=1, row_ids=("train:1",)).fix
    assert errors.MissingExtra("faiss", extra="vectors", needed_for="searching").fix.startswith("pip install")


def test_every_error_says_what_to_do_next() -> None:
    assert not offences(_silent)


def _silent(path: Path) -> Iterator[str]:
    for node in nodes_of(path):
        if not (isinstance(node, ast.Call) and _called(node) in KINDS.keys() - SAY_IT_THEMSELVES):
            continue
        fixes = [keyword.value for keyword in node.keywords if keyword.arg == "fix"]
        if not any(not isinstance(fix, ast.Constant) or fix.value for fix in fixes):
            yield f"line {node.lineno}: {ast.unparse(node)[:80]}"
