"""docs/verbs and the schema are what the code says today; docs/README.md leads to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.write_verb_pages import DOCS, pages
from tests.pipeline.data import write_labelled
from tunewright.cli.answers import ANSWERS, EXITS
from tunewright.cli.verbs import VERBS

PAGES = pages()


@pytest.mark.parametrize("path", PAGES)
def test_page_is_what_the_code_says(path: str) -> None:
    assert (DOCS / path).read_text(encoding="utf-8") == PAGES[path], "write it anew: make docs"


def test_pages_have_no_leftover_of_a_verb_that_is_gone() -> None:
    assert {path.name for path in (DOCS / "verbs").iterdir()} == {*(f"{name}.md" for name in VERBS), "README.md"}


def test_answers_and_exits_are_of_the_verbs() -> None:
    assert ANSWERS.keys() == VERBS.keys()
    assert EXITS.keys() <= VERBS.keys()


@pytest.mark.parametrize("page", ["README.md", *(path for path in PAGES if path.endswith(".md"))])
def test_links_of_a_page_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert ((DOCS / page).parent / link).exists(), link


def test_index_names_every_folder_of_the_docs() -> None:
    named = set(re.findall(r"\]\(([^)#/]+)", (DOCS / "README.md").read_text(encoding="utf-8")))
    there = {path.name for path in Path(DOCS).iterdir() if path.is_dir() or path.suffix == ".md"} - {"README.md"}
    assert there <= named


def test_python_of_the_index_runs_as_it_stands(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tiny model takes the place of the chosen one; nothing else differs."""
    [code] = re.findall(r"^```python\n(.*?)^```$", (DOCS / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.M)
    write_labelled(tmp_path / "tickets.csv", n_endings=12)
    monkeypatch.chdir(tmp_path)
    exec(code.replace('"train.epochs=2"', f'"train.epochs=2", "model.name={tiny_encoder}", "test_fraction=0.25"'), {})
    assert capsys.readouterr().out.split("\n")[0] in ("better", "worse", "not distinguishable")
    assert (tmp_path / "runs/tickets/export/export.json").is_file()
