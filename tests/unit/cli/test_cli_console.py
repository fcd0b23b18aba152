"""Streams: what goes where, in which characters and colours."""

from __future__ import annotations

import io
import json
import os
import sys
import warnings

import pytest

from tunewright.cli.console import Console, json_line, make_streams_safe, open_console, print_to
from tunewright.cli.main import QUIET_LIBRARIES, quieten_libraries
from tunewright.core.errors import RunError


class Terminal(io.StringIO):
    """A stream that says somebody watches."""

    def isatty(self) -> bool:
        return True


class Gone(io.StringIO):
    """A stream whose reader has left."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_stdout_holds_one_object_when_json_is_asked_and_libraries_print(capsys: pytest.CaptureFixture[str]) -> None:
    with open_console(wants_json=True, is_quiet=False) as console:
        sys.stdout.write("a library talks\n")
        console.result("words")
        console.note("note")
        console.answer({"a": 1, "b": float("nan")})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"a": 1, "b": None}
    assert captured.err == "a library talks\nwords\nnote\n"


def test_results_stand_on_stdout_and_notes_on_stderr_when_people_ask(capsys: pytest.CaptureFixture[str]) -> None:
    with open_console(wants_json=False, is_quiet=False) as console:
        console.result("words")
        console.note("note")
        console.answer({"a": 1})
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("words\n", "note\n")


def test_only_results_are_left_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with open_console(wants_json=False, is_quiet=True) as console:
        console.result("words")
        console.note("note")
    with open_console(wants_json=True, is_quiet=True) as console:
        console.result("words")
        console.answer({})
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("words\n{}\n", "")


def test_notes_never_end_the_work_when_their_reader_is_gone() -> None:
    gone = Gone()
    console = Console(io.StringIO(), gone, io.StringIO(), wants_json=False, is_quiet=False)
    console.note("nobody reads this")
    with pytest.raises(BrokenPipeError):
        print_to(gone, "but a result must arrive")
    with pytest.raises(RunError, match="No space left"):
        print_to(Full(), "a result")


def test_colours_stay_on_terminals_and_off_when_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain, coloured, uncoloured, dumb = io.StringIO(), Terminal(), Terminal(), Terminal()
    print_to(plain, "text", style="red")
    print_to(coloured, "text [not markup]", style="red")
    monkeypatch.setenv("NO_COLOR", "1")
    print_to(uncoloured, "text", style="red")
    monkeypatch.setenv("TERM", "dumb")
    print_to(dumb, "text", style="red")
    assert plain.getvalue() == uncoloured.getvalue() == dumb.getvalue() == "text\n"
    assert coloured.getvalue() == "\x1b[31mtext [not markup]\x1b[0m\n"


def test_every_character_prints_plainly_when_the_stream_is_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    make_streams_safe()
    print_to(stream, "a – b × c … “é”", style="bold")
    assert raw.getvalue() == b'a - b x c ... "?"\n'


def test_utf8_stream_survives_a_lone_surrogate_when_a_file_name_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    make_streams_safe()
    print_to(stream, "caf\udce9 – é")
    assert raw.getvalue().decode() == "caf? – é\n"


@pytest.mark.parametrize("encoding", ["ascii", "utf-8", "cp1252"])
def test_json_loses_nothing_when_the_encoding_is_poor(encoding: str) -> None:
    value = {"text": "é – 中 \udce9"}
    line = json_line(value, encoding=encoding)
    assert json.loads(line.encode(encoding).decode(encoding)) == value


def test_libraries_are_quiet_but_the_user_wins_when_variables_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in QUIET_LIBRARIES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TRANSFORMERS_VERBOSITY", "debug")
    with warnings.catch_warnings(record=True) as caught:
        quieten_libraries()
        warnings.warn("a library warns", FutureWarning, stacklevel=1)
    assert os.environ["TRANSFORMERS_VERBOSITY"] == "debug"
    assert os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == "1"
    assert not caught or sys.warnoptions
