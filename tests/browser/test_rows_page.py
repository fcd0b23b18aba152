"""rows.html in a real browser: search and kinds choose rows, data does not run, a phone shows it."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.browser.chromium import printed
from tests.unit.report.run_folder import write_run
from tunewright.report.rows import ROWS
from tunewright.report.stage import write_report

pytestmark = pytest.mark.browser

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">" + "w" * 900
DRIVER = """<!doctype html><meta charset="utf-8"><title>waiting</title><body style="margin:0"><pre id="told"></pre>
<iframe style="width:390px;height:900px;border:0" onload="
  const page = this.contentDocument, told = {{}}, n = () => page.querySelectorAll('#rows tr').length;
  const kinds = () => [...new Set([...page.querySelectorAll('#rows th small:first-of-type')].map(e => e.textContent))];
  const search = text => {{ const box = page.getElementById('search'); box.value = text;
                            box.dispatchEvent(new Event('input')); }};
  told.first = n(); page.getElementById('more').click(); told.more = n();
  page.querySelector('[data-kind=broken]').click(); told.kinds = kinds(); told.broken = n();
  page.querySelector('[data-kind=&quot;&quot;]').click(); search('  TEST:7  '); told.found = n();
  told.said = page.getElementById('found').textContent;
  search('no such row'); told.nothing = n();
  told.width = page.documentElement.scrollWidth; told.title = page.title; told.images = page.images.length;
  document.getElementById('told').textContent = JSON.stringify(told);" src="{page}"></iframe>"""


def test_search_and_kinds_choose_rows_and_data_does_not_run(chromium: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "tickets", text=HOSTILE)
    write_report(folder)
    frame = tmp_path / "driver.html"
    frame.write_text(DRIVER.format(page=(folder / ROWS).as_uri()), encoding="utf-8")

    dom = printed(chromium, frame, tmp_path, "--dump-dom")

    [text] = re.findall(r'<pre id="told">(.*?)</pre>', dom, re.DOTALL)
    told: dict[str, Any] = json.loads(html.unescape(text))
    assert (told["first"], told["more"]) == (100, 200)
    assert told["kinds"] == ["broken"]
    assert told["broken"] > 0
    ids = [f"test:{i + 2}" for i in range(360)]
    assert told["found"] == sum("test:7" in one for one in ids)
    assert told["said"] == f"{told['found']} rows"
    assert told["nothing"] == told["images"] == 0
    assert (told["title"], told["width"]) == ("Every test row · tickets", 390)
