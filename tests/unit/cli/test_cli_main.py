"""The command line before any verb works: help, wrong words, errors, streams, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tunewright.cli.main import main, typed_again, verb_first
from tunewright.cli.verbs import GROUPS, VERBS, help_text

HEAVY = ("torch", "transformers", "numpy", "pyarrow", "sklearn", "rich", "typer")


def heavy_modules_after(words: list[str], folder: Path) -> list[str]:
    code = (
        "import sys; from tunewright.cli.main import main\n"
        f"code = main({words!r})\n"
        f"print('\\n' + ' '.join(m for m in {HEAVY!r} if m in sys.modules)); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize("words", [[], ["--help"], ["--version"]])
def test_main_loads_nothing_heavy_when_it_only_helps(words: list[str], tmp_path: Path) -> None:
    assert heavy_modules_after(words, tmp_path) == []


@pytest.mark.parametrize("words", [["runs"], ["run", "--help"], ["models", "list"]])
def test_main_loads_no_model_library_when_none_is_needed(words: list[str], tmp_path: Path) -> None:
    assert not {"torch", "transformers", "sklearn"} & set(heavy_modules_after(words, tmp_path))


def test_main_prints_the_help_when_nothing_is_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    captured = capsys.readouterr()
    assert captured.out == help_text() + "\n"
    assert captured.err == ""


def test_help_names_every_verb_in_its_group_when_printed() -> None:
    text = help_text()
    places = [text.index(f"\n{group}\n") for group in GROUPS]
    assert places == sorted(places)
    for name, verb in VERBS.items():
        start = text.index(f"\n{verb.group}\n")
        assert f"\n  {name} " in text[start : text.index("\n\n", start)]
    assert "Example:  tunewright run" in text


def test_main_says_its_version_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "tunewright 0.1.0\n"


@pytest.mark.parametrize("verb", list(VERBS))
def test_verb_explains_itself_with_an_example_when_asked(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert VERBS[verb].example in text
    for option in ("--json", "--quiet", "--runs-dir"):
        assert option in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rnu", "t.csv", "train.epochs=2"], "try: tunewright run t.csv train.epochs=2"),
        (["modles"], "did you mean models?"),
        (["xyzzy"], "the verbs are demo, run"),
        (["tickets.csv", "train.epochs=2"], "try: tunewright run tickets.csv train.epochs=2"),
        (["--frob"], "no option --frob"),
        (["run", "--jsn", "t.csv"], "did you mean --json?"),
        (["run", "--zzz", "t.csv"], "its options are"),
        (["run"], "missing argument"),
        (["run", "t.csv", "--runs-dir"], "requires an argument"),
        (["models", "inof"], "did you mean info?"),
        (["models", "add"], "needs a name"),
        (["trace", "a", "b", "c"], "not 3 words"),
        (["runs", "extra"], "unexpected"),
    ],
)
def test_main_ends_with_2_and_what_to_do_when_words_are_wrong(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("command line: ")
    assert said in captured.err
    assert "  try: " in captured.err


def test_options_mean_the_same_when_they_stand_on_either_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    place = str(tmp_path / "here")
    for words in (
        ["runs", "--json", "--runs-dir", place],
        ["--json", "runs", f"--runs-dir={place}"],
        ["--runs-dir", place, "--json", "runs"],
        ["--quiet", "runs", "--json", "--runs-dir", place],
    ):
        assert main(words) == 0
        told.append(json.loads(capsys.readouterr().out))
    assert all(one == {"runs_dir": place, "runs": []} for one in told)


def test_verb_first_keeps_everything_when_options_lead() -> None:
    words = ["-q", "--runs-dir", "x", "run", "a.csv", "train.epochs=1"]
    assert verb_first(words) == ["run", "-q", "--runs-dir", "x", "a.csv", "train.epochs=1"]
    assert verb_first(["--json"]) == ["--json"]


def test_main_puts_the_facts_on_stdout_and_the_words_on_stderr_when_json_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "nothing", "--json", "--runs-dir", str(tmp_path)]) == 9
    captured = capsys.readouterr()
    facts = json.loads(captured.out)
    assert (facts["error"], facts["exit_code"]) == ("RunError", 9)
    assert facts["what"] in captured.err


def test_main_writes_plainly_when_the_terminal_has_only_ascii(tmp_path: Path) -> None:
    (tmp_path / "pläne – alt.csv").touch()
    done = subprocess.run(
        [sys.executable, "-m", "tunewright", "pläne – alt.csv", "--json"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "pl?ne - alt.csv is a file" in done.stderr.decode("ascii")
    assert json.loads(done.stdout.decode("ascii"))["what"] == "pläne – alt.csv is a file, not a verb"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_main_ends_with_9_when_the_result_cannot_be_written() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tunewright", "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 9
    assert done.stderr.startswith("stdout: the result cannot be written")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break differently on Windows")
def test_main_is_silent_when_nobody_reads_its_result() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "tunewright", "--help"], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def hear_interrupts() -> None:
    """A shell's background job ignores SIGINT and so would every child of it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a named pipe")
def test_main_ends_with_130_and_the_command_when_it_is_interrupted(tmp_path: Path) -> None:
    """The plan is a named pipe: opening it here returns when the command has opened it, and it then waits for words."""
    plan = tmp_path / "my plan.yaml"
    os.mkfifo(plan)
    process = subprocess.Popen(
        [sys.executable, "-m", "tunewright", "run", str(plan), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )
    with plan.open("w"):
        time.sleep(0.3)  # a signal between the command's open and its read could only be noticed after the read
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            pytest.fail(f"still running 30 s after SIGINT; it said: {process.communicate()}")
    assert process.returncode == 130
    assert "the same command goes on where it stopped" in err
    assert f"tunewright run '{plan}' --json" in err
    assert "Traceback" not in err
    assert json.loads(out)["error"] == "Interrupted"


def test_typed_again_quotes_words_when_they_need_it() -> None:
    assert typed_again(["run", "a b.csv"]).count("a b.csv") == 1
    assert typed_again(["run", "a b.csv"]) != "tunewright run a b.csv"


def test_main_lets_unexpected_errors_through_when_they_happen() -> None:
    """Words that are no words can only come from a bug: it must not be dressed up as the user's mistake."""
    with pytest.raises(AttributeError):
        main([0])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        (("run", "--epochs", "3", "x.csv"), "train.epochs=VALUE"),
        (("models", "inf", "minilm-l6"), "tunewright models info minilm-l6"),
        (("completion", "tcsh"), "tunewright completion bash"),
        (("show", "x.csv", "--jsn"), "tunewright show --help"),
    ],
)
def test_a_mistyped_word_ends_in_what_was_meant(
    words: tuple[str, ...], fix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(list(words)) == 2
    assert capsys.readouterr().err.rstrip().endswith(f"try: {fix}")
