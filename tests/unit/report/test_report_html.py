"""The page: whole, harmless and honest, whatever the run folder holds."""

from __future__ import annotations

import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.unit.report.run_folder import write_run
from tunewright.core.errors import RunError
from tunewright.report.examples import drawn, examples_of
from tunewright.report.read import read_run
from tunewright.report.stage import write_report

VOID = {"meta", "br", "hr", "img", "input", "link"}
HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">'\"&amp;</style></title>"
    "\x00\x07\x1b\x85\u202eevil\u202c مرحبا بالعالم {{ 7*7 }} {% raw %} " + "long text " * 1000
)


class Reader(HTMLParser):
    """Every tag must be closed by its own name; collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


def page(folder: Path) -> tuple[str, Reader]:
    html = write_report(folder).read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return html, reader


@pytest.fixture(scope="module")
def classified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("runs") / "tickets")


@pytest.mark.parametrize("task", ["classify", "generate"])
def test_page_is_well_formed_and_its_links_have_targets(tmp_path: Path, task: str) -> None:
    _, reader = page(write_run(tmp_path / "run", task=task))

    ids = reader.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in reader.values("href")} <= set(ids)
    assert ("lang", "en") in reader.attributes
    assert reader.tags.count("h1") == 1


def test_page_loads_nothing(classified: Path) -> None:
    html, reader = page(classified)

    assert reader.values("src") == []
    assert all(link.startswith("#") for link in reader.values("href"))
    assert "script" not in reader.tags
    assert "@import" not in html
    assert "url(" not in html


def test_page_shows_verdict_systems_and_reasons(classified: Path) -> None:
    _, reader = page(classified)

    for words in ("answers 93.1", "Keyword model", "prompting with examples is not in this version", "keeps 99.5 %"):
        assert words in reader.text


def test_tables_have_captions_or_named_columns(classified: Path) -> None:
    html, reader = page(classified)

    assert reader.tags.count("table") == html.count("<thead>")
    assert '<th scope="col"' in html
    assert '<th scope="row"' in html


def test_page_of_77_classes_is_small(tmp_path: Path) -> None:
    labels = tuple(f"a_rather_long_intent_name_{i}" for i in range(77))

    html, _ = page(write_run(tmp_path / "banking", labels=labels, n_test=3080))

    assert len(html.encode()) < 1_500_000
    assert "Confusion matrix of 77 classes" in html


@pytest.mark.parametrize("task", ["classify", "generate"])
def test_data_cannot_act_when_it_holds_markup(tmp_path: Path, task: str) -> None:
    labels = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a|b")
    folder = write_run(tmp_path / "<b>run", task=task, labels=labels, text=HOSTILE, n_test=60)

    html, reader = page(folder)

    assert "script" not in reader.tags
    assert "img" not in reader.tags
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    assert "{{ 7*7 }}" in reader.text
    assert "more characters in predictions.parquet" in reader.text
    assert not [c for c in html if (ord(c) < 0x20 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0]


def test_page_is_written_when_text_holds_a_lone_surrogate(classified: Path, tmp_path: Path) -> None:
    folder = _copy(classified, tmp_path)
    _change(folder / "evaluate" / "metrics.json", verdict={"status": "better", "sentence": "half \ud800 a pair"})

    _, reader = page(folder)

    assert "half \N{REPLACEMENT CHARACTER} a pair" in reader.text


@pytest.mark.parametrize("missing", ["prepare", "select", "train", "evaluate", "run.json", "resolved.yaml"])
def test_page_is_written_when_a_part_is_missing(classified: Path, tmp_path: Path, missing: str) -> None:
    folder = _copy(classified, tmp_path)
    _remove(folder / missing)

    _, reader = page(folder)

    assert "not run" in reader.text or missing == "resolved.yaml"


def test_page_says_not_run_everywhere_when_the_folder_is_empty(tmp_path: Path) -> None:
    _, reader = page(tmp_path)

    for words in ("No verdict yet", "Evaluation: not run", "Training: not run", "Preparation: not run"):
        assert words in reader.text


def test_page_is_written_when_every_value_is_null(classified: Path, tmp_path: Path) -> None:
    folder = _copy(classified, tmp_path)
    for path in [*folder.rglob("*.json"), folder / "train" / "steps.jsonl"]:
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(json.dumps(_nulled(json.loads(line))) for line in lines), encoding="utf-8")

    _, reader = page(folder)

    assert "not measured" in reader.text


def test_old_results_are_not_shown_when_training_was_interrupted_after_them(classified: Path, tmp_path: Path) -> None:
    folder = _copy(classified, tmp_path)
    stages = json.loads((folder / "run.json").read_text(encoding="utf-8"))["stages"]
    _change(folder / "run.json", stages={**stages, "train": {"status": "interrupted", "seconds": 5.0}})
    (folder / "train" / "summary.json").unlink()

    _, reader = page(folder)

    assert "The stage train is interrupted" in reader.text
    assert "Evaluation: not run" in reader.text
    assert "Training has not finished" in reader.text
    assert "93.1" not in reader.text


def test_refusal_is_said_with_its_reason(classified: Path, tmp_path: Path) -> None:
    folder = _copy(classified, tmp_path)
    _change(folder / "run.json", stages={"prepare": {"status": "refused", "seconds": 0.0, "why": "12 rows leak"}})

    _, reader = page(folder)

    assert "12 rows leak" in reader.text


def test_torn_last_step_is_left_out(classified: Path, tmp_path: Path) -> None:
    folder = _copy(classified, tmp_path)
    with (folder / "train" / "steps.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"event": "StepEv')

    assert len(read_run(folder).steps) == 290


@pytest.mark.parametrize("name", ["evaluate/metrics.json", "evaluate/predictions.parquet", "resolved.yaml"])
def test_read_run_names_the_file_when_it_is_damaged(classified: Path, tmp_path: Path, name: str) -> None:
    folder = _copy(classified, tmp_path)
    (folder / name).write_text("{[", encoding="utf-8")

    with pytest.raises(RunError, match=Path(name).name):
        write_report(folder)


def test_read_run_refuses_when_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        read_run(tmp_path / "nowhere")


def test_unexplained_rows_are_said_when_the_ledger_does_not_add_up(classified: Path, tmp_path: Path) -> None:
    folder = _copy(classified, tmp_path)
    _change(folder / "prepare" / "ledger.json", rows_read=2550)

    _, reader = page(folder)

    assert "+2 rows are unexplained" in reader.text


def test_status_has_its_own_word_when_the_model_is_worse(classified: Path, tmp_path: Path) -> None:
    folder = _copy(classified, tmp_path)
    _change(
        folder / "evaluate" / "metrics.json", verdict={"status": "worse", "sentence": "It is worse.", "details": []}
    )

    html, reader = page(folder)

    assert "Worse than a rival" in reader.text
    assert 'class="verdict worse"' in html


def test_examples_are_of_the_kind_their_title_says(classified: Path) -> None:
    run = read_run(classified)
    right = {(line["row_id"], line["system"]) for line in run.answers if line["is_correct"]}

    fixed, broken, still = examples_of(run)

    assert all((e.row_id, "tuned") in right and (e.row_id, "base") not in right for e in fixed.examples)
    assert all((e.row_id, "tuned") not in right and (e.row_id, "base") in right for e in broken.examples)
    assert all((e.row_id, "tuned") not in right and (e.row_id, "base") not in right for e in still.examples)
    assert len(fixed.examples) == 5
    rows = {line["row_id"] for line in run.answers}
    n_fixed = sum((row, "tuned") in right and (row, "base") not in right for row in rows)
    n_broken = sum((row, "tuned") not in right and (row, "base") in right for row in rows)
    assert fixed.how.startswith(f"5 of {n_fixed} rows")
    assert f"of {n_broken} rows" in broken.how


def test_drawn_rows_do_not_depend_on_their_order() -> None:
    rows = [{"tuned": {"row_id": f"test:{i}"}} for i in range(50)]

    assert drawn(rows, seed=3) == drawn(rows[::-1], seed=3)
    assert drawn(rows, seed=3) != drawn(rows, seed=4)


def test_generated_examples_show_the_worst_beside_the_best(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "replies", task="generate"))

    titles = [group.title for group in examples_of(run)]

    assert titles == ["Drawn by chance", "Largest improvement", "Largest worsening, or smallest improvement"]


def test_report_is_the_same_when_it_is_made_again(classified: Path) -> None:
    first, _ = page(classified)

    assert page(classified)[0] == first


def _copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def _change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **values}), encoding="utf-8")


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def _nulled(value: Any) -> Any:
    """The same shape with every number and word gone, but stage states kept."""
    if isinstance(value, dict):
        return {key: item if key in ("status", "event") else _nulled(item) for key, item in value.items()}
    return [_nulled(item) for item in value] if isinstance(value, list) else None
