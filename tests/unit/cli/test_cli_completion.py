"""Completion in real shells: what Tab offers, and that no Python starts for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tunewright.cli.completion import INSTALL, shell_script
from tunewright.cli.main import main
from tunewright.cli.verbs import VERBS

CASES = [
    ("tunewright comp", {"compare", "completion"}),
    ("tunewright run tickets.csv train.me", {"train.method="}),
    ("tunewright run tickets.csv run.device=", {"run.device=cpu", "run.device=cuda", "run.device=mps"}),
    ("tunewright run tickets.csv train.method=l", {"train.method=lora"}),
    ("tunewright run tickets.csv model=starter:mini", {"model=starter:minilm-l6"}),
    ("tunewright report ", {"tickets", "my run"}),
    ("tunewright --runs-dir other report ", {"elsewhere"}),
    ("tunewright compare tickets my", {"my run"}),
    ("tunewright models a", {"add"}),
    ("tunewright models info s", {"smollm2-135m-instruct"}),
    ("tunewright explain ti", {"tickets", "tickets.csv"}),
    ("tunewright show --s", {"--schema"}),
    ("tunewright runs --j", {"--json"}),
    ("tunewright help perp", {"perplexity"}),
]
"""(what is typed, whole words that are offered)."""
FILES = ["tunewright run ti", "tunewright predict tickets ti", "tunewright run x data.train=ti"]
"""Places where only files fit."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for run in ("runs/tickets", "runs/my run", "other/elsewhere"):
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "run.json").write_text("{}", encoding="utf-8")
    (tmp_path / "runs/no run").mkdir()
    (tmp_path / "tickets.csv").touch()
    for shell in INSTALL:
        (tmp_path / f"tunewright.{shell}").write_text(shell_script(shell), encoding="utf-8")
    return tmp_path


def told(words: list[str], folder: Path) -> list[str]:
    """Lines of the shell's answer. PATH leads to no Python and to no tunewright."""
    if not shutil.which(words[0]):
        pytest.skip(f"needs {words[0]}")
    environment = {**os.environ, "PATH": "/usr/bin:/bin"}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()


def bash_offers(line: str, folder: Path) -> set[str]:
    """What the whole word would become: bash cuts at = and :, so the beginning is put back; quotes are taken off."""
    script = (
        'source tunewright.bash; COMP_LINE="$1"; COMP_POINT=${#COMP_LINE}; _tunewright;'
        'for one in "${COMPREPLY[@]}"; do eval "printf \'%s\\n\' $one"; done'
    )
    word = line.rpartition(" ")[2]
    cut = word[: max(word.rfind("="), word.rfind(":")) + 1]
    return {cut + found for found in told(["bash", "-c", script, "bash", line], folder)}


@pytest.mark.parametrize(("line", "offered"), CASES)
def test_bash_offers_what_fits(line: str, offered: set[str], folder: Path) -> None:
    assert bash_offers(line, folder) == offered


@pytest.mark.parametrize("line", FILES)
def test_bash_leaves_files_to_itself(line: str, folder: Path) -> None:
    assert bash_offers(line, folder) == set()


def test_bash_offers_every_verb_first(folder: Path) -> None:
    assert bash_offers("tunewright ", folder) == set(VERBS)


def test_bash_runs_no_command_that_stands_in_a_runs_name(folder: Path) -> None:
    (folder / "runs/$(touch hacked)").mkdir()
    (folder / "runs/$(touch hacked)/run.json").touch()
    assert "$(touch hacked)" in bash_offers("tunewright report ", folder)
    assert not (folder / "hacked").exists()


@pytest.mark.parametrize(("line", "offered"), CASES)
def test_zsh_offers_what_fits(line: str, offered: set[str], folder: Path) -> None:
    script = 'compdef() { :; }; source ./tunewright.zsh; word=$1; shift; _tunewright_candidates "$word" "$@"'
    *before, word = line.split(" ")[1:]
    found = told(["zsh", "-f", "-c", script, "zsh", word, *before], folder)
    assert {one for one in found if one.startswith(word)} == offered


@pytest.mark.parametrize(("line", "offered"), CASES)
def test_fish_offers_what_fits(line: str, offered: set[str], folder: Path) -> None:
    found = told(["fish", "--no-config", "-c", "source tunewright.fish; complete -C $argv[1]", line], folder)
    assert {one.partition("\t")[0] for one in found} == offered


@pytest.mark.parametrize("line", FILES)
def test_fish_offers_files_where_only_files_fit(line: str, folder: Path) -> None:
    found = told(["fish", "--no-config", "-c", "source tunewright.fish; complete -C $argv[1]", line], folder)
    assert {one.partition("\t")[0].rpartition("=")[2] for one in found} == {"tickets.csv"}


@pytest.mark.parametrize("shell", INSTALL)
def test_script_is_whole_in_its_own_language(shell: str, folder: Path) -> None:
    assert told([shell, "-n", f"tunewright.{shell}"], folder) == []
    assert "@" not in shell_script(shell).replace('"$@"', "").replace("[@]", "").replace("(@", "")


def test_completion_names_the_nearest_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "fsh"]) == 2
    assert "try: tunewright completion fish" in capsys.readouterr().err
