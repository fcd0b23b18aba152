"""Style: the rules of the house that a machine can check."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.sources import FILES, ROOT, name_of, nodes_of, offences, text_of, tree_of

MAX_LINES = 320
MAX_FUNCTION_LINES = 60
MAX_PARAMETERS = 8
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "base", "manager", "handler"}
SPEAKS = (
    "cli/",
    "model/starter.py",
    "__main__.py",
    "evaluate/remote/key.py",
    "export/onnx/write.py",
    *(f"train/trackers/{t}.py" for t in ("mlflow", "wandb", "trackio")),
)
"""Who may print, log and read the environment: the command line, the starter models' cache folder, the keys of
addresses, the tools whose own variables say where a person wants their data, and what keeps an exporter quiet."""

TYPED = ("cli/serve.py",)
"""A verb's options are its function's parameters, as typer reads them: a server has an address, a guard and limits."""

_Functions = ast.FunctionDef | ast.AsyncFunctionDef


def test_files_are_short() -> None:
    assert not offences(_long)


def _long(path: Path) -> Iterator[str]:
    if (n_lines := len(text_of(path).splitlines())) > MAX_LINES:
        yield f"{n_lines} lines, {MAX_LINES} at most"


def test_files_are_named_after_what_they_make() -> None:
    assert not offences(lambda path: sorted({path.stem.strip("_"), path.parent.name} & VAGUE))


def test_modules_say_what_goes_in_what_comes_out_and_why_they_are() -> None:
    assert not offences(_unsaid)


def _unsaid(path: Path) -> Iterator[str]:
    text = ast.get_docstring(tree_of(path))
    if not text:
        yield "no docstring"
    elif path.name not in ("__init__.py", "__main__.py"):
        if len(text.splitlines()) < 3:
            yield "a docstring of fewer than three lines"
        yield from (f"no {word}" for word in ("In:", "Out:") if not re.search(rf"\b{word}", text))


def test_packages_are_one_docstring_and_nothing_else() -> None:
    assert not offences(_more, [path for path in FILES if path.name == "__init__.py" and path.parent != ROOT])


def _more(path: Path) -> Iterator[str]:
    if len(tree_of(path).body) != 1:
        yield "more than a docstring"
    if len(text_of(path).splitlines()) != 1:
        yield "more than a line"


def test_code_says_nothing_of_what_is_still_to_do() -> None:
    assert not offences(lambda path: re.findall(r"\b(?:TODO|FIXME|XXX|HACK)\b.*", text_of(path)))


def test_only_the_command_line_prints_and_reads_the_environment() -> None:
    assert not offences(_outspoken, [path for path in FILES if not name_of(path).startswith(SPEAKS)])


def _outspoken(path: Path) -> Iterator[str]:
    for node in nodes_of(path):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input"):
            yield f"line {node.lineno}: {node.func.id}"
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "putenv"):
            yield f"line {node.lineno}: os.{node.attr}"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            yield from (f"line {node.lineno}: logging" for name in names if name.split(".")[0] == "logging")


def test_nothing_is_imported_by_star() -> None:
    assert not offences(_stars)


def _stars(path: Path) -> Iterator[str]:
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield f"line {node.lineno}: {ast.unparse(node)}"


def test_functions_are_short_and_take_few_parameters() -> None:
    assert not offences(_large)


def _large(path: Path) -> Iterator[str]:
    for function in nodes_of(path):
        if not isinstance(function, _Functions):
            continue
        n_lines = (function.end_lineno or 0) - function.lineno + 1
        arguments = function.args
        n_parameters = len(arguments.posonlyargs) + len(arguments.args) + len(arguments.kwonlyargs)
        if n_lines > MAX_FUNCTION_LINES:
            yield f"{function.name} has {n_lines} lines"
        if n_parameters > MAX_PARAMETERS and name_of(path) not in TYPED:
            yield f"{function.name} has {n_parameters} parameters"


def test_errors_are_never_swallowed_whole() -> None:
    """No bare except, and no except whose whole answer is pass."""
    assert not offences(_swallowing)


def _swallowing(path: Path) -> Iterator[str]:
    for node in nodes_of(path):
        if not isinstance(node, ast.ExceptHandler):
            continue
        if node.type is None:
            yield f"line {node.lineno}: a bare except"
        if all(isinstance(inner, ast.Pass) for inner in node.body):
            yield f"line {node.lineno}: except and pass"


def test_dataclasses_are_frozen_and_slotted_or_say_why() -> None:
    """A screen has state: what the command line shows is not frozen."""
    assert not offences(_loose, [path for path in FILES if not name_of(path).startswith("cli/")])


def _loose(path: Path) -> Iterator[str]:
    lines = text_of(path).splitlines()
    for node in nodes_of(path):
        decorators = node.decorator_list if isinstance(node, ast.ClassDef) else []
        for decorator in (d for d in decorators if "dataclass" in ast.unparse(d)):
            text = ast.unparse(decorator)
            is_tight = "frozen=True" in text and "slots=True" in text
            if not is_tight and "#" not in lines[decorator.lineno - 1]:
                yield f"line {decorator.lineno}: {text}"


@pytest.mark.parametrize("path", [p for p in FILES if ">>>" in text_of(p)], ids=name_of)
def test_examples_in_docstrings_hold(path: Path) -> None:
    module = importlib.import_module(f"tunewright.{name_of(path).removesuffix('.py').replace('/', '.')}")

    result = doctest.testmod(module)

    assert result.attempted
    assert not result.failed
