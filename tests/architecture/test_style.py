"""Style: the rules of the house that a machine can check."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
from pathlib import Path

import pytest

from tests.architecture.sources import FILES, ROOT, name_of, tree_of

MAX_LINES = 320
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 8
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "base", "manager", "handler"}
SPEAKS = (
    "cli/",
    "model/starter.py",
    "__main__.py",
    "evaluate/remote/key.py",
    *(f"train/trackers/{t}.py" for t in ("mlflow", "wandb", "trackio")),
)
"""Who may print and read the environment: the command line, the starter models' cache folder, the keys of
addresses, and the tools whose own variables say where a person wants their data."""

every_file = pytest.mark.parametrize("path", FILES, ids=name_of)


def _functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree_of(path)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


@every_file
def test_files_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@every_file
def test_files_are_named_after_what_they_make(path: Path) -> None:
    assert not {path.stem.strip("_"), path.parent.name} & VAGUE


@every_file
def test_modules_say_what_goes_in_what_comes_out_and_why_they_are(path: Path) -> None:
    text = ast.get_docstring(tree_of(path))

    assert text
    if path.name not in ("__init__.py", "__main__.py"):
        assert len(text.splitlines()) >= 3
        assert re.search(r"\bIn:", text), "says what goes in"
        assert re.search(r"\bOut:", text), "says what comes out"


@pytest.mark.parametrize("path", [p for p in FILES if p.name == "__init__.py" and p.parent != ROOT], ids=name_of)
def test_packages_are_one_docstring_and_nothing_else(path: Path) -> None:
    assert len(tree_of(path).body) == 1
    assert len(path.read_text(encoding="utf-8").splitlines()) == 1


@every_file
def test_code_says_nothing_of_what_is_still_to_do(path: Path) -> None:
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b", path.read_text(encoding="utf-8"))


@every_file
def test_only_the_command_line_prints_and_reads_the_environment(path: Path) -> None:
    if name_of(path).startswith(SPEAKS):
        return
    found = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input"):
            found.append(f"line {node.lineno}: {node.func.id}")
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "putenv"):
            found.append(f"line {node.lineno}: os.{node.attr}")
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            found += [f"line {node.lineno}: logging" for name in names if name.split(".")[0] == "logging"]

    assert not found


@every_file
def test_nothing_is_imported_by_star(path: Path) -> None:
    stars = [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]

    assert not stars


@every_file
def test_functions_are_short_and_take_few_parameters(path: Path) -> None:
    found = []
    for function in _functions(path):
        n_lines = (function.end_lineno or 0) - function.lineno + 1
        arguments = function.args
        n_parameters = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)
        if n_lines > MAX_FUNCTION_LINES:
            found.append(f"{function.name} has {n_lines} lines")
        if n_parameters > MAX_PARAMETERS:
            found.append(f"{function.name} has {n_parameters} parameters")

    assert not found


@every_file
def test_errors_are_never_swallowed_whole(path: Path) -> None:
    """No bare except, and no except whose whole answer is pass."""
    handlers = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ExceptHandler)]
    bare = [node.lineno for node in handlers if node.type is None]
    silent = [node.lineno for node in handlers if all(isinstance(inner, ast.Pass) for inner in node.body)]

    assert not bare + silent


@every_file
def test_dataclasses_are_frozen_and_slotted_or_say_why(path: Path) -> None:
    """A screen has state: what the command line shows is not frozen."""
    if name_of(path).startswith("cli/"):
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    loose = []
    for node in ast.walk(tree_of(path)):
        decorators = node.decorator_list if isinstance(node, ast.ClassDef) else []
        for decorator in (d for d in decorators if "dataclass" in ast.unparse(d)):
            text = ast.unparse(decorator)
            is_tight = "frozen=True" in text and "slots=True" in text
            if not is_tight and "#" not in lines[decorator.lineno - 1]:
                loose.append(f"line {decorator.lineno}: {text}")

    assert not loose


@pytest.mark.parametrize("path", [p for p in FILES if ">>>" in p.read_text(encoding="utf-8")], ids=name_of)
def test_examples_in_docstrings_hold(path: Path) -> None:
    module = importlib.import_module(f"tunewright.{name_of(path).removesuffix('.py').replace('/', '.')}")

    result = doctest.testmod(module)

    assert result.attempted
    assert not result.failed
