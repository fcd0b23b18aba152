"""`chat` as it is typed: lines in, answers out; commands; a terminal that can stop an answer."""

from __future__ import annotations

import io
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.answering import classify_run, generate_run
from tunewright.cli.main import main
from tunewright.verbs.load import load


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """The folder of the runs c (labels) and g (answers)."""
    folder = tmp_path_factory.mktemp("chat")
    classify_run(folder, tiny_encoder)
    generate_run(folder)
    return folder / "runs"


@pytest.fixture
def say(runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Types lines and gives back (stdout, stderr)."""

    def typed(run: str, *lines: str, words: tuple[str, ...] = ()) -> tuple[str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        capsys.readouterr()
        assert main(["chat", run, "--runs-dir", str(runs), *words]) == 0
        told = capsys.readouterr()
        return told.out, told.err

    return typed


def test_chat_writes_one_answer_a_line_when_lines_come_from_a_pipe(say: Any, runs: Path) -> None:
    out, _ = say("g", "say 3")
    assert out == load("g", runs_dir=runs).chat("say 3").answer + "\n"


def test_chat_tells_programs_every_turn_when_json_is_asked(say: Any, runs: Path) -> None:
    out, err = say("g", "say 3", "", "say 4", words=("--json",))
    found = json.loads(out)
    session = load("g", runs_dir=runs)
    first = session.chat("say 3")
    second = session.chat("say 4", history=first.messages)
    assert (found["run"], found["task"]) == (str(runs / "g"), "generate")
    assert [(turn["said"], turn["answer"]) for turn in found["turns"]] == [
        ("say 3", first.answer),
        ("say 4", second.answer),
    ]
    assert first.answer in err, "people read along on stderr"


def test_chat_forgets_when_it_is_reset(say: Any) -> None:
    found = json.loads(say("g", "say 3", "/reset", "say 3", words=("--json", "--quiet"))[0])
    assert found["turns"][0]["answer"] == found["turns"][1]["answer"]


def test_chat_lets_the_base_answer_the_last_question_and_the_next_ones_until_it_is_switched_off(
    say: Any, runs: Path
) -> None:
    found = json.loads(say("g", "say 3", "/base", "say 4", "/base", "say 5", words=("--json", "-q"))[0])
    session = load("g", runs_dir=runs)
    first = session.chat("say 3")
    assert found["turns"][0]["base"] == session.chat("say 3", system="base").answer
    assert found["turns"][1]["base"] == session.chat("say 4", history=first.messages, system="base").answer
    assert found["turns"][1]["answer"] == session.chat("say 4", history=first.messages).answer, "the base left no trace"
    assert "base" not in found["turns"][2]


def test_chat_gives_label_and_probabilities_when_the_run_classifies(say: Any, runs: Path) -> None:
    out, _ = say("c", "money back please", "/base")
    (found,) = load("c", runs_dir=runs).predict(["money back please"])
    tuned, base = out.splitlines()
    assert tuned.startswith(f"{found.answer} .")
    assert len(tuned.split("   ")) == 3
    assert base.removeprefix("base: ") in ("refund", "delivery", "login")


def test_chat_ends_at_quit_and_knows_its_commands(say: Any) -> None:
    out, err = say("c", "/nosuch", "/help", "/quit", "money back please")
    assert "there is no /nosuch" in err
    assert "/reset" in out
    assert "refund" not in out


def test_chat_says_what_it_forgets_when_the_context_is_full(say: Any) -> None:
    _, err = say("g", *[f"say {i} {'x' * 150}" for i in range(4)], words=("--quiet",))
    assert "the context of 512 tokens is full: the oldest 2 messages are forgotten" in err


def test_chat_takes_the_cap_from_the_command(say: Any) -> None:
    _, err = say("g", "say 3", words=("evaluate.max_new_tokens=3",))
    assert "evaluate.max_new_tokens=6" in err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_chat_stops_an_answer_at_ctrl_c_and_ends_at_ctrl_d_when_a_person_types(runs: Path) -> None:
    """An answer of 400 tokens takes the tiny model seconds: time enough to stop it."""
    import pty

    terminal, theirs = pty.openpty()
    words = [sys.executable, "-m", "tunewright", "chat", "g", "--runs-dir", str(runs), "evaluate.max_new_tokens=400"]
    process = subprocess.Popen(
        words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, preexec_fn=_take_terminal
    )
    os.close(theirs)
    _read_until(terminal, "you> ")
    shown = ""
    for _ in range(5):  # on a busy machine an answer may be whole before the key arrives: then it is asked again
        os.write(terminal, b"say 3\n")
        _read_until(terminal, "say 3\r\n")
        _read_until(terminal, "")  # something of the answer
        os.write(terminal, b"\x03")
        shown = _read_until(terminal, "you> ")
        if "stopped" in shown:
            break
    assert "stopped" in shown
    os.write(terminal, b"\x04")
    assert process.wait(timeout=60) == 0
    os.close(terminal)


def _take_terminal() -> None:
    """Ctrl-C reaches a process whose terminal it is."""
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _read_until(terminal: int, text: str) -> str:
    """What the terminal shows up to `text`; with an empty text, the next that comes."""
    shown, deadline = "", time.monotonic() + 120
    while not shown or text not in shown:
        assert time.monotonic() < deadline, f"{text!r} did not come: {shown!r}"
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 4096).decode("utf-8", errors="replace")
    return shown
