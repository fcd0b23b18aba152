"""The README says what is true: its commands exist, its plan loads, its tree names real files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tunewright.core.planfile import plan_from

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Fenced blocks of README.md in that language; "" for those without one."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [text for word, text in fenced if word == language]


def test_readme_plan_loads_when_copied() -> None:
    [text] = blocks("yaml")
    loaded = plan_from(yaml.safe_load(text), folder=Path(), name="readme")
    assert loaded.plan.train.learning_rate == 2e-4
    assert loaded.plan.data.group_column == "customer"


def test_readme_make_commands_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {line.split()[1] for block in blocks("console") for line in block.splitlines() if line.startswith("make ")}
    assert named == {"demo", "test"}
    assert named <= targets


def test_ci_calls_the_readme_test_command() -> None:
    assert re.search(r"^make check test$", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)


def test_readme_tree_names_every_part_of_the_package() -> None:
    tree = next(block for block in blocks("") if "src/tunewright/" in block)
    package = ROOT / "src/tunewright"
    parts = {f"{p.name}/" for p in package.iterdir() if (p / "__init__.py").is_file()}
    parts |= {p.name for p in package.glob("*.py") if not p.name.startswith("__")}
    named = {line.split()[0] for line in tree.splitlines() if line.startswith("  ")}
    assert named == parts


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_readme_link_points_to_a_file(link: str) -> None:
    assert (ROOT / link).exists()


def test_readme_glossary_has_ten_words() -> None:
    table = README.partition("## Ten words")[2]
    assert len(re.findall(r"^\| (?!word|---)", table, re.MULTILINE)) == 10
