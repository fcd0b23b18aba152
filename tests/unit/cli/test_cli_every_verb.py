"""Every verb, as its own example types it: with --json one object on stdout and words on stderr; quiet with --quiet."""

from __future__ import annotations

import io
import json
import os
import shlex
import shutil
import signal
import socket
import threading
import time
import urllib.request
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.data import write_labelled
from tests.starters import starter_folder
from tunewright.cli.answers import ANSWERS
from tunewright.cli.main import main
from tunewright.cli.usage import usage, usage_text, verb_command
from tunewright.cli.verbs import VERBS, options_of
from tunewright.verbs.example import example_folder

TAKES_A_MODEL = ("run", "check", "prepare", "select", "train", "evaluate", "show", "selftest")
"""Verbs whose example names data alone: the tests add a tiny model, and an epoch is enough."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Path:
    """A folder in which every example works: tickets.csv, new.csv, plan.yaml, the runs tickets and tickets-lora."""
    folder = tmp_path_factory.mktemp("every verb")
    write_labelled(folder / "tickets.csv")
    (folder / "new.csv").write_text("text\nmoney back please\nmy parcel\n", encoding="utf-8")
    data = "data: {train: tickets.csv, label_column: label}\nprepare: {test_fraction: 0.3}\n"
    systems = "evaluate: {systems: [tuned, majority]}\nexplain: {rows: 3}\n"
    plan = f"model: {tiny_encoder}\n{data}{systems}train: {{epochs: 1, batch_size: 16}}\n"
    (folder / "plan.yaml").write_text(plan, encoding="utf-8")
    for name, more in (("tickets", []), ("tickets-lora", ["train.method=lora"])):
        words = ["run", "plan.yaml", f"run.name={name}", "explain.methods=[]", *more, "--quiet"]
        with chdir(folder):
            assert main(words) == 0
    return folder


def example(verb: str, *, model: Path) -> list[str]:
    """The words after `tunewright`."""
    words = shlex.split(VERBS[verb].example)[1:]
    if verb == "trace":
        words = ["trace", "tickets", words[-1]]
    return [*words, f"model.name={model}", "train.epochs=1"] if verb in TAKES_A_MODEL else words


@pytest.fixture
def here(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the place, so that no verb sees what another left."""
    shutil.copytree(place, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("sys.stdin", io.StringIO("money back\n"))
    return tmp_path / "here"


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(words) if words[0] != "serve" or "--nonsense" in words else served(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def served(words: list[str]) -> int:
    """The same of a server that gets Ctrl-C as soon as it is ready."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]

    def stop_when_ready() -> None:
        for _ in range(3_000):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=1):
                os.kill(os.getpid(), signal.SIGINT)
                return
            time.sleep(0.02)

    watching = threading.Thread(target=stop_when_ready)
    watching.start()
    code = main([*words, "--port", str(port)])
    watching.join()
    return code


DEMO_MARKS = (pytest.mark.starter, pytest.mark.timeout(900))
"""It trains a real model."""
EVERY_VERB = pytest.mark.parametrize(
    "verb", [pytest.param(verb, marks=DEMO_MARKS if verb == "demo" else ()) for verb in VERBS]
)


def shortened_example(folder: Path) -> Path:
    """The shipped example whole, to be trained for eight steps instead of some hundred."""
    shutil.copytree(example_folder("support"), folder)
    with (folder / "plan.yaml").open("a", encoding="utf-8") as file:
        file.write("train: {max_steps: 8}\nexplain: {rows: 2}\n")
    return folder


@EVERY_VERB
def test_verb_tells_programs_one_object_with_the_keys_that_its_page_names(
    verb: str, here: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if verb == "demo":
        starter_folder("minilm-l6")
        place = shortened_example(here / "support")
        monkeypatch.setattr("tunewright.cli.demo.example_folder", lambda _: place)
    if verb == "init":
        (here / "plan.yaml").unlink()  # it would not be overwritten
    code, out, err = told([*example(verb, model=tiny_encoder), "--json"], capsys)

    assert code == 0, err
    found: Any = json.loads(out)
    named = ANSWERS[verb] if verb != "models" else found
    assert set(found) == set(named)
    if "run" in named and verb != "models":
        assert (Path(found["run"]) / "run.json").is_file(), "the run's folder, whatever the verb"
    assert "Traceback" not in err


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("demo", "chat")])
def test_verb_says_no_notes_when_it_is_told_to_be_quiet(
    verb: str, here: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if verb == "init":
        (here / "plan.yaml").unlink()
    code, out, err = told([*example(verb, model=tiny_encoder), "--quiet"], capsys)

    assert code == 0, err
    assert out.strip()
    assert all(line.startswith("warning:") for line in err.splitlines())


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("demo",)])
def test_verb_tells_programs_what_went_wrong_and_people_what_to_do(
    verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = told([verb, "--json", "--nonsense"], capsys)

    facts = json.loads(out)
    assert code == facts["exit_code"] == 2
    assert facts["fix"]
    assert f"try: {facts['fix']}" in err


@pytest.mark.parametrize("verb", VERBS)
def test_verb_usage_names_the_options_that_it_has(verb: str) -> None:
    params = [p for p in verb_command(verb).params if p.param_type_name == "option"]
    own = [set(p.opts) for p in params if p.name not in ("json", "quiet", "runs_dir")]
    named = set(options_of(VERBS[verb].usage))
    assert len(own) == len(named)
    assert all(opts & named for opts in own)


@pytest.mark.parametrize("verb", VERBS)
def test_verb_page_fits_a_terminal_of_80_columns(verb: str) -> None:
    text = usage_text(usage(verb, verb_command(verb)))
    assert max(map(len, text.splitlines())) <= 80
