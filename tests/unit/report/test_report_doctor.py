"""The data part of the page: lights, cards, the pictures of languages and tokens."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.report.run_folder import write_run
from tunewright.prepare.cards import _KINDS as KINDS
from tunewright.report.data import data_of
from tunewright.report.doctor import Doctor, doctor_of
from tunewright.report.read import read_run
from tunewright.report.stage import write_report


def finding(check: str, severity: str = "warning", **more: Any) -> dict[str, Any]:
    return {"check": check, "severity": severity, "message": "3 rows", "suggestion": "x=1", "row_ids": [], **more}


def doctor(findings: list[dict[str, Any]], cards: list[dict[str, Any]] | None = None, **checks: str) -> Doctor:
    made = doctor_of(
        findings, {name: {"status": said, "why": f"no {name}"} for name, said in checks.items()}, cards or []
    )
    assert made is not None
    return made


def test_a_light_is_act_for_a_warning_look_for_a_note_and_never_ok_for_a_check_that_did_not_look() -> None:
    made = doctor(
        [finding("a", "warning", action="fix"), finding("b", "info"), finding("b", "error")],
        a="found",
        b="found",
        c="ok",
        d="not run",
        e="?",
    )
    lights = {light.check: light.status for light in made.lights}
    assert lights == {"a": "look", "b": "act", "c": "ok", "d": "not run", "e": "not run"}
    assert [light.check for light in made.lights] == ["b", "a", "c", "d", "e"]
    assert dict(made.counts) == {"act": 1, "look": 1, "ok": 1, "not run": 2}
    assert [card.check for card in made.cards] == ["b", "a"]
    assert made.summary == "Something to do: b."


def test_a_finding_of_a_check_without_a_status_has_a_card_too() -> None:
    made = doctor([finding("stranger")], c="ok")
    assert [(card.check, card.status) for card in made.cards] == [("stranger", "act")]


def test_a_check_of_another_task_stands_apart_from_one_that_could_not_look() -> None:
    checks = {
        "cut_off": {"status": "not run", "why": "it does not concern the task classify"},
        "names": {"status": "not run", "why": "they have no form"},
    }
    made = doctor_of([], checks, [])
    assert made is not None
    assert [light.check for light in made.unconcerned] == ["cut_off"]
    assert [light.check for light in made.not_run] == ["names"]
    assert doctor_of([], {}, []) is None


def test_a_card_shows_the_worst_finding_first_and_counts_what_it_leaves_out() -> None:
    row = {"row_id": "train:2", "text": {"pieces": [{"text": "hi", "is_marked": True}], "more": 0}}
    group = {"kind": "near", "value": 0.9, "rows": [row, row], "n_rows": 2}
    ids = [f"train:{i}" for i in range(100_000)]
    cards = [{"check": "a", "groups": [group], "n_groups": 7, "changes": [], "n_changes": 0}]
    (card,) = doctor([finding("a", "info", message="second"), finding("a", row_ids=ids)], cards, a="found").cards
    assert [said.message for said in card.sentences] == ["3 rows", "Second"]
    assert (card.more, card.marks) == ("6 more pairs", "what both rows share")
    assert card.groups[0].title == "90 % the same"
    assert card.sentences[0].rows.endswith("train:7 and 99,992 more")


def test_messages_are_masked_and_bounded() -> None:
    (card,) = doctor([finding("a", message=f"label ann@example.org {'w' * 10_000}")], a="found").cards
    assert card.sentences[0].message.startswith("Label [email] www")
    assert len(card.sentences[0].message) == 600


@pytest.fixture
def shown(tmp_path: Path) -> str:
    html = write_report(write_run(tmp_path / "tickets")).read_text(encoding="utf-8")
    return html[html.index('<section id="data">') : html.index('<section id="classes">')]


def test_page_has_a_light_for_each_check_and_each_link_leads_to_its_card(shown: str) -> None:
    assert re.findall(r'href="#(check-\w+)"', shown) == re.findall(r'id="(check-\w+)"', shown)
    assert len(re.findall(r'<li class="light', shown)) == 4 + 4  # the four counts, then imbalance and three checks
    assert "personal data</strong>: needs the extra pii" in shown


def test_page_shows_pairs_marks_changes_languages_and_tokens(shown: str) -> None:
    assert shown.count("<mark>where is my money</mark>") == 2
    assert "<del>Hello, <mark>cafÃ©</mark> please</del>" in shown
    assert "<ins>Hello, <mark>café</mark> please</ins>" in shown
    assert "English" in shown
    assert "96.0 %" in shown
    assert '<span class="token trained"> too</span>' in shown
    assert "21 more pairs, 2 more mended cells" in shown


def test_page_stays_small_when_every_check_has_found_100_000_rows_and_there_are_10_000_labels(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "tickets", labels=tuple(f"label {i}" for i in range(320)), n_test=320)
    facts = json.loads((folder / "prepare/facts.json").read_text(encoding="utf-8"))
    facts["rows_per_label"] = {f"label {i}": 3 for i in range(10_000)}
    (folder / "prepare/facts.json").write_text(json.dumps(facts), encoding="utf-8")
    row_ids = [f"train:{i}" for i in range(100_000)]
    findings = [finding(f"check_{i}", row_ids=row_ids, message="m" * 5_000) for i in range(30)]
    (folder / "prepare/findings.json").write_text(json.dumps({"findings": findings, "checks": {}}), encoding="utf-8")
    data = data_of(read_run(folder))
    assert data is not None
    assert data.n_labels == "10,000"
    page = write_report(folder)
    assert "20 stronger ones are in metrics.json" in page.read_text(encoding="utf-8")
    assert page.stat().st_size < 500_000


def test_a_card_of_many_findings_shows_the_first_and_counts_the_others() -> None:
    (card,) = doctor([finding("a") for _ in range(20)], a="found").cards
    assert (len(card.sentences), card.more) == (12, "8 more findings")


def test_page_says_how_many_rows_wait_for_a_decision(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "tickets")
    lines = ["row_id,text,label,suggestion,reason,decision", 'train:2,"a\n,b",x,y,why,', "train:3,c,x,y,why,keep"]
    (folder / "prepare/review.csv").write_text("\n".join(lines), encoding="utf-8")
    assert "1 suspicious row waits for a person" in write_report(folder).read_text(encoding="utf-8")
    (folder / "prepare/review.csv").write_text("\n".join(lines[::2]), encoding="utf-8")
    assert "for a person" not in write_report(folder).read_text(encoding="utf-8")


def test_a_rule_in_brackets_is_said_once_in_a_card() -> None:
    rule = "nearly the same (at least 0.8 of their 5-letter pieces are equal)"
    said = [f"{n} (1.4 %) are {rule}, as train:{n}" for n in (3, 2)]
    (card,) = doctor([finding("a", message=message) for message in said], a="found").cards
    assert [s.message for s in card.sentences] == [said[0], "2 (1.4 %) are nearly the same, as train:2"]


@pytest.mark.parametrize("kind", [*KINDS, "cluster"])
def test_every_kind_of_evidence_has_words_of_its_own(kind: str) -> None:
    group = {"kind": kind, "value": 0.9, "rows": [], "n_rows": 2}
    cards = [{"check": "a", "groups": [group], "n_groups": 1, "changes": [], "n_changes": 0}]
    (card,) = doctor([finding("a")], cards, a="found").cards
    assert "the same" in card.groups[0].title or "of the second row" in card.groups[0].title
