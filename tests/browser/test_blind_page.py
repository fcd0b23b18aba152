"""The blind page in a real browser: keys vote, votes are kept and read again, nothing tells whose answer is whose."""

from __future__ import annotations

import html
import json
import re
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.browser.chromium import printed
from tests.unit.report.run_folder import write_run
from tunewright.core.run import Run
from tunewright.verbs.blind import read_keys, write_page
from tunewright.verbs.votes import count_votes

pytestmark = pytest.mark.browser

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> مرحبا 😀"

DRIVER = """<!doctype html><meta charset="utf-8"><title>waiting</title><body style="margin:0"><pre id="told"></pre>
<iframe id="page" style="width:{width}px;height:900px;border:0" onload="
  const page = this.contentDocument, at = id => page.getElementById(id);
  const press = key => page.body.dispatchEvent(new KeyboardEvent('keydown', {{key, bubbles: true, cancelable: true}}));
  const told = {{}};
  {act}
  told.votes = JSON.parse(at('text').value);
  told.count = at('count').textContent;
  told.width = page.documentElement.scrollWidth;
  told.title = page.title;
  document.getElementById('told').textContent = JSON.stringify(told);" src="{page}"></iframe>"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(write_run(tmp_path_factory.mktemp("runs") / "replies", task="generate"))


@pytest.fixture(scope="module")
def page(run: Run) -> Path:
    return Path(write_page(run, "base").page)


def driven(chromium: str, page: Path, folder: Path, act: str, *, width: int = 1200) -> dict[str, Any]:
    """What the page said after the act; votes that were kept in the folder's profile are there again."""
    frame = folder / "driver.html"
    frame.write_text(DRIVER.format(page=page.as_uri(), act=act, width=width), encoding="utf-8")
    dom = printed(chromium, frame, folder, "--dump-dom")
    [told] = re.findall(r'<pre id="told">(.*?)</pre>', dom, re.DOTALL)
    return dict(json.loads(html.unescape(told)))


def test_keys_vote_and_back_takes_a_vote_again(chromium: str, page: Path, tmp_path: Path) -> None:
    act = "press('ArrowLeft'); press('ArrowRight'); press('t'); press('s'); press('b'); press('2'); press('x');"

    told = driven(chromium, page, tmp_path, act)

    assert [one["vote"] for one in told["votes"]["votes"]] == ["left", "right", "tie", "right"]
    assert told["count"] == "4 of 60, prompt 5"


def test_buttons_vote_and_the_last_prompt_leads_to_the_end(chromium: str, page: Path, tmp_path: Path) -> None:
    act = """for (let i = 0; i < 60; i++) page.querySelector('[data-vote=tie]').click();
    told.isDone = !at('end').hidden && at('vote').hidden;"""

    told = driven(chromium, page, tmp_path, act)

    assert told["isDone"]
    assert (told["count"], len(told["votes"]["votes"])) == ("60 of 60", 60)


def test_votes_are_kept_when_the_page_is_opened_again(chromium: str, page: Path, tmp_path: Path) -> None:
    name = "at('rater').value = 'Ann'; at('rater').dispatchEvent(new Event('input'));"
    first = driven(chromium, page, tmp_path, f"press('ArrowLeft'); press('s'); {name}")
    # localStorage is written to disk by the browser's end; a second browser with the same profile reads it
    again = driven(chromium, page, tmp_path, "press('ArrowRight');")

    assert again["votes"]["ballot"] == first["votes"]["ballot"]
    assert again["votes"]["rater"] == "Ann"
    assert [one["vote"] for one in again["votes"]["votes"]] == ["left", "skip", "right"]


def test_votes_that_the_page_makes_are_read_and_mean_the_systems_on_their_sides(
    chromium: str, page: Path, run: Run, tmp_path: Path
) -> None:
    """Somebody who always prefers the answer that begins with thanks: only the tuned model writes so."""
    act = """const isLeft = () => at('left').textContent.startsWith('Thank');
    for (let i = 0; i < 20; i++) press(isLeft() ? 'ArrowLeft' : 'ArrowRight');"""
    told = driven(chromium, page, tmp_path, act)
    votes = tmp_path / "votes.json"
    votes.write_text(json.dumps(told["votes"]), encoding="utf-8")

    found = count_votes(run, [votes]).counted.preference

    assert (found.wins, found.losses, found.verdict) == (20, 0, "better")
    sides = {one["vote"] for one in told["votes"]["votes"]}
    assert sides == {"left", "right"}, "the same side each time would be no blind page"


def test_page_names_no_system_and_no_row(page: Path, run: Run) -> None:
    text = page.read_text(encoding="utf-8")
    [block] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text)
    data = json.loads(block)
    [key] = read_keys(run)

    assert set(data["pairs"][0]) == {"pair", "turns", "left", "right"}
    assert not re.search(r"tuned|base|test:\d", block)
    lefts = [pair.left == "tuned" for pair in key.pairs]
    assert sum(lefts) == 30
    assert [pair["pair"] for pair in data["pairs"]] == [pair.pair for pair in key.pairs]


def test_data_does_not_run_and_the_page_fits_a_phone(chromium: str, tmp_path: Path) -> None:
    run = Run(write_run(tmp_path / "hostile", task="generate", text=HOSTILE + "w" * 3000))
    path = run.folder / "evaluate/predictions.parquet"
    lines = pq.read_table(path).to_pylist()
    for line in lines:
        line["answer"] += line["system"] if line["answer"] else ""  # else no two answers differ
    pq.write_table(pa.Table.from_pylist(lines), path)

    told = driven(
        chromium, Path(write_page(run, "base").page), tmp_path, "told.left = at('left').textContent;", width=390
    )

    assert told["left"].startswith(HOSTILE)
    assert told["title"] == "Which answer is better? · hostile"
    assert told["width"] == 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_paints_in_both_colour_schemes(chromium: str, page: Path, tmp_path: Path, scheme: str) -> None:
    picture = tmp_path / f"{scheme}.png"
    setting = f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"

    printed(chromium, page, tmp_path, f"--screenshot={picture}", "--window-size=1200,900", setting)

    assert struct.unpack(">II", picture.read_bytes()[16:24]) == (1200, 900)
    assert picture.stat().st_size > 20_000
