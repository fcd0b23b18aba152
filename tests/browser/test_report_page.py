"""The page in a real browser: it draws, it stays inside a phone, and data cannot run."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import pytest

from tests.browser.chromium import printed
from tests.unit.report.run_folder import write_run
from tunewright.report.stage import write_report

pytestmark = pytest.mark.browser

HOSTILE = (
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
    "\u202eمرحبا بالعالم 😀\u200d👩 " + "w" * 3000
)
PHONE = """<!doctype html><title>waiting</title><body style="margin:0">
<iframe src="{page}" style="width:390px;height:800px;border:0" onload="
  const root = this.contentDocument.documentElement;
  this.contentDocument.querySelectorAll('details').forEach(d => d.open = true);
  document.title = root.scrollWidth + ' of ' + root.clientWidth;"></iframe>"""
"""A window narrower than 500 pixels cannot be had in headless mode: a frame of a phone's width can."""


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = ("<img src=x onerror=\"document.title='owned'\">", "w" * 300, "ordinary")
    return write_report(write_run(tmp_path_factory.mktemp("runs") / "tickets", labels=labels, text=HOSTILE, n_test=90))


def test_page_draws_and_data_does_not_run(chromium: str, hostile_page: Path, tmp_path: Path) -> None:
    dom = printed(chromium, hostile_page, tmp_path, "--dump-dom")

    assert re.search(r"<title>(.*?)</title>", dom)[1] == "tickets · Better"  # type: ignore[index]
    assert "<img" not in dom
    assert "<script" not in dom
    assert dom.count("<circle") > 10


CARDS = """<!doctype html><title>waiting</title><body style="margin:0">
<iframe src="{page}" style="width:1200px;height:900px;border:0" onload="
  const page = this.contentDocument, seen = e => e && e.checkVisibility() && e.getBoundingClientRect().height > 8;
  const links = [...page.querySelectorAll('.lights a')];
  const rest = page.querySelector('details.rest'), inside = rest.querySelector('li');
  const wasHidden = !seen(inside);
  rest.querySelector('summary').click();
  document.title = [
    links.length, links.every(a => seen(page.querySelector(a.getAttribute('href')))),
    seen(page.querySelector('.check .row-text mark')), seen(page.querySelector('.diff del')),
    seen(page.querySelector('.token.trained')), wasHidden, seen(inside), page.scripts.length].join(' ');"></iframe>"""


def test_lights_lead_to_cards_marks_are_drawn_and_what_found_nothing_opens(
    chromium: str, hostile_page: Path, tmp_path: Path
) -> None:
    frame = tmp_path / "cards.html"
    frame.write_text(CARDS.format(page=hostile_page.as_uri()), encoding="utf-8")

    dom = printed(chromium, frame, tmp_path, "--dump-dom")

    assert "<title>2 true true true true true true 0</title>" in dom


@pytest.mark.parametrize("task", ["classify", "generate"])
def test_page_does_not_scroll_sideways_on_a_phone(chromium: str, hostile_page: Path, tmp_path: Path, task: str) -> None:
    page = (
        hostile_page if task == "classify" else write_report(write_run(tmp_path / "replies", task=task, text=HOSTILE))
    )
    frame = tmp_path / "phone.html"
    frame.write_text(PHONE.format(page=page.as_uri()), encoding="utf-8")

    dom = printed(chromium, frame, tmp_path, "--dump-dom")

    assert "<title>390 of 390</title>" in dom


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_paints_in_both_colour_schemes(chromium: str, hostile_page: Path, tmp_path: Path, scheme: str) -> None:
    picture = tmp_path / f"{scheme}.png"
    setting = f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"

    printed(chromium, hostile_page, tmp_path, f"--screenshot={picture}", "--window-size=1200,900", setting)

    header = picture.read_bytes()[:24]
    assert struct.unpack(">II", header[16:24]) == (1200, 900)  # PNG, IHDR: width and height
    assert picture.stat().st_size > 20_000
