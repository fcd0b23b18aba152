"""The chat page in a real browser: both models answer side by side while it is written, keys do everything.

A small server between browser and ours adds the page that drives it, and holds that page's load event until the act is
over: only then Chromium paints.
"""

from __future__ import annotations

import http.client
import http.server
import json
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.answering import classify_run
from tests.browser.chromium import FLAGS
from tests.serving import Served, serving
from tunewright.core.run import Run
from tunewright.verbs.load import Session, load

pytestmark = pytest.mark.browser

LIMIT_SECONDS = 60

DRIVER = """<!doctype html><meta charset="utf-8"><title>driver</title><body style="margin:0">
<iframe id="page" src="/" style="width:{width}px;height:900px;border:0"></iframe><img src="/held" hidden><script>
const frame = document.getElementById('page');
frame.onload = async () => {{
  const page = frame.contentDocument, at = id => page.getElementById(id), told = {{}};
  const until = async found => {{ while (!found()) await new Promise(done => setTimeout(done, 10)) }};
  const press = (key, more) => page.activeElement.dispatchEvent(
    new KeyboardEvent('keydown', {{ key, bubbles: true, cancelable: true, ...more }}));
  const finished = n => until(() => page.querySelectorAll('[data-done]').length === n);
  const texts = name => [...page.querySelectorAll(name)].map(one => one.textContent);
  try {{
    await until(() => at('about').textContent.startsWith('tuned') || !at('ask').hidden);
    {act}
  }} catch (error) {{ told.error = String(error) }}
  told.width = page.documentElement.scrollWidth;
  told.title = page.title;
  await fetch('/told', {{ method: 'POST', body: JSON.stringify(told) }});
}};
</script>"""


@dataclass
class Between:
    """What the browser asked for, and what the driver told."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    is_told: threading.Event = field(default_factory=threading.Event)


@contextmanager
def between(served: Served, driver: str) -> Iterator[Between]:
    found = Between()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.paths.append(self.path)
            if self.path == "/driver":
                self._send(200, driver.encode(), "text/html")
            elif self.path == "/held":
                found.is_told.wait(LIMIT_SECONDS)
                self._send(204, b"", "image/png")
            else:
                self._pass(None)

        def do_POST(self) -> None:
            found.paths.append(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/told":
                found.told.update(json.loads(body))
                self._send(204, b"", "text/plain")
                found.is_told.set()
            else:
                self._pass(body)

        def _pass(self, body: bytes | None) -> None:
            """On to the server, and back as it comes."""
            names = ("Content-Type", "Authorization")
            headers = {name: self.headers[name] for name in names if name in self.headers}
            connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=LIMIT_SECONDS)
            connection.request(self.command, self.path, body, headers)
            reply = connection.getresponse()
            self.send_response(reply.status)
            for name in ("Content-Type", "Content-Security-Policy"):
                if value := reply.headers.get(name):
                    self.send_header(name, value)
            self.end_headers()
            while piece := reply.read1():
                self.wfile.write(piece)

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.is_told.set()
        server.shutdown()
        server.server_close()


def driven(
    chromium: str, served: Served, folder: Path, act: str, *, width: int = 1200, flags: tuple[str, ...] = ()
) -> tuple[dict[str, Any], Path]:
    """What the page said after the act, and its picture."""
    picture = folder / "page.png"
    with between(served, DRIVER.format(act=act, width=width)) as found:
        command = [chromium, *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900", *flags]
        command += [f"--screenshot={picture}", f"{found.url}/driver"]
        subprocess.run(command, capture_output=True, timeout=2 * LIMIT_SECONDS, check=True)
        assert "error" not in found.told, found.told
        own = {"/", "/driver", "/held", "/told", "/favicon.ico"}
        assert {path for path in found.paths if not path.startswith("/v1/")} <= own
        return found.told, picture


@pytest.fixture(scope="module")
def run(talking_run: Run) -> Run:
    return talking_run


@pytest.fixture(scope="module")
def session(run: Run) -> Session:
    return load(run)


@pytest.fixture(scope="module")
def served(run: Run) -> Iterator[Served]:
    with serving(run, has_page=True) as found:
        yield found


def test_enter_asks_both_models_and_each_remembers_its_own_answers(
    chromium: str, served: Served, session: Session, tmp_path: Path
) -> None:
    act = """told.focus = page.activeElement.id;
    at('text').value = 'How far is 3?'; press('Enter'); await finished(1);
    press('ArrowUp'); told.again = at('text').value;
    at('text').value = 'and 4?'; press('Enter'); await finished(2);
    told.tuned = texts('.tuned p'); told.base = texts('.base p'); told.heads = texts('h2');
    told.said = texts('.said');"""

    told, picture = driven(chromium, served, tmp_path, act)

    for system in ("tuned", "base"):
        first = session.chat("How far is 3?", system=system)  # type: ignore[arg-type]
        second = session.chat("and 4?", history=first.messages, system=system)  # type: ignore[arg-type]
        assert told[system] == [first.answer, second.answer]
    assert told["tuned"] != told["base"]
    assert told["heads"] == ["tuned", "before tuning"] * 2
    assert told["said"] == ["How far is 3?", "and 4?"]
    assert (told["focus"], told["again"]) == ("text", "How far is 3?")
    assert told["title"] == "g · tunewright"
    assert struct.unpack(">II", picture.read_bytes()[16:24]) == (1200, 900)


def test_escape_stops_shift_enter_does_not_send_and_start_over_forgets(chromium: str, run: Run, tmp_path: Path) -> None:
    act = """at('text').value = 'one'; press('Enter', {shiftKey: true}); told.sent = texts('article').length;
    press('Enter'); press('Escape'); await finished(1); told.notes = texts('.answer .note');
    at('new').click(); told.left = texts('article').length;
    at('text').value = 'two'; at('send').click(); await finished(1); told.said = texts('.said');"""
    with serving(run, "evaluate.max_new_tokens=400", has_page=True) as server:
        told, _ = driven(chromium, server, tmp_path, act)

    assert (told["sent"], told["left"], told["said"]) == (0, 0, ["two"])
    assert told["notes"] == ["stopped", "stopped"]


def test_token_is_asked_for_and_sent(chromium: str, run: Run, tmp_path: Path) -> None:
    act = """told.asks = !at('ask').hidden;
    at('token').value = 'open-sesame'; at('token').dispatchEvent(new Event('change'));
    await until(() => at('ask').hidden);
    at('text').value = 'hi'; press('Enter'); await finished(1); told.tuned = texts('.tuned p');"""
    with serving(run, token="open-sesame", has_page=True) as server:
        told, _ = driven(chromium, server, tmp_path, act.replace("press('Enter')", "at('send').click()"))

    assert told["asks"]
    assert told["tuned"] == [load(run).chat("hi").answer]


def test_labels_are_shown_with_their_probabilities_and_the_page_fits_a_phone(
    chromium: str, tiny_encoder: Path, tmp_path: Path
) -> None:
    run = classify_run(tmp_path, tiny_encoder)
    [found] = load(run).predict(["money back <b>please</b>"])
    act = """at('text').value = 'money back <b>please</b>'; press('Enter'); await finished(1);
    told.bars = texts('.tuned .bar'); told.base = texts('.base p'); told.bold = page.querySelectorAll('b').length;"""
    with serving(run, has_page=True) as server:
        told, picture = driven(chromium, server, tmp_path, act, width=390)

    assert told["bars"][0] == f"{found.answer}{found.probability:.3f}"
    assert len(told["bars"]) == 3
    assert told["base"][0] in load(run).loaded.labels
    assert told["bold"] == 0
    assert told["width"] == 390
    assert picture.stat().st_size > 5_000
