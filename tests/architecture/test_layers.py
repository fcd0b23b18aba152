"""Layers: arrows point down, stages are strangers, and what must be fast imports nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import FILES, ROOT, name_of, nodes_of, offences, text_of

LAYERS = (
    {"core"},
    {"text"},
    {"model", "tables"},
    {"select", "prepare", "train", "evaluate", "explain", "export", "serve", "report"},
    {"required"},
    {"contradictions", "fitting"},
    {"resolve", "fingerprint", "asked", "scored", "decided", "picking"},
    {"deciding", "train_on", "outcome"},
    {"racing"},
    {"raced"},
    {"pipeline"},
    {"verbs"},
    {"cli"},
)
"""From the ground up; parts of one layer do not know each other."""
ABOVE = {"__init__", "__main__"}
"""The front doors: they may name anything."""
LEVEL = {part: i for i, layer in enumerate(LAYERS) for part in layer}

LAZY = {"__init__.py", "__main__.py", "pipeline.py", "raced.py"}
"""Files that import when called, and why: a run with nothing to do must not wait seconds for torch."""


def _own_part(path: Path) -> str:
    return name_of(path).split("/")[0].removesuffix(".py")


def _part(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def _imports(path: Path) -> list[tuple[str, int]]:
    """(tunewright module, line) of every import, `from tunewright import x` as tunewright.x."""
    found = []
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "tunewright":
            found += [(f"tunewright.{alias.name}", node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.append((node.module or "", node.lineno))
    return [(module, line) for module, line in found if module.split(".")[0] == "tunewright"]


def test_every_part_stands_in_a_layer() -> None:
    parts = {_own_part(path) for path in FILES}

    assert parts - ABOVE == set(LEVEL)


def test_imports_point_down_and_stages_are_strangers() -> None:
    assert not offences(_upward, [path for path in FILES if _own_part(path) not in ABOVE])


def _upward(path: Path) -> Iterator[str]:
    mine = _own_part(path)
    for module, line in _imports(path):
        if _part(module) != mine and LEVEL.get(_part(module), -1) >= LEVEL.get(mine, -1):
            yield f"line {line}: {module}"


@pytest.mark.parametrize("module", ["tunewright", "tunewright.core", "tunewright.fingerprint", "tunewright.pipeline"])
def test_light_modules_import_nothing_heavy(module: str) -> None:
    names = [module]
    if module == "tunewright.core":
        names = [f"tunewright.core.{path.stem}" for path in (ROOT / "core").glob("[a-z]*.py")]
    heavy = "{'torch', 'transformers', 'peft', 'accelerate', 'pyarrow', 'sklearn', 'scipy'}"
    code = f"import sys, {', '.join(names)}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_imports_stand_at_the_top_or_give_their_reason() -> None:
    """cli verbs and LAZY files import when called; elsewhere a comment beside the import says why."""
    asked = [path for path in FILES if name_of(path) not in LAZY and not name_of(path).startswith("cli/")]
    assert not offences(_unreasoned, asked)


def _unreasoned(path: Path) -> Iterator[str]:
    lines = text_of(path).splitlines()
    functions = [node for node in nodes_of(path) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    inner = {
        node.lineno: ast.unparse(node)
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    for number, words in inner.items():
        if "#" not in lines[number - 1] + lines[number - 2]:
            yield f"line {number}: {words}"
