"""Run folder: stages appear whole or not at all, one writer at a time, nothing finished is lost."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tunewright.core.errors import RunError
from tunewright.core.run import (
    Run,
    create_run,
    find_run,
    is_done,
    list_runs,
    locked,
    mark_refused,
    stage_work,
    update_manifest,
    versions,
)

FIRST, SECOND = "a" * 32, "b" * 32


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return create_run(tmp_path / "runs", name="mine")


def _finish(run: Run, stage: str, *, fingerprint: str, text: str = "x", is_resumable: bool = False) -> None:
    with stage_work(run, stage, fingerprint=fingerprint, is_resumable=is_resumable) as work:
        (work / "result.txt").write_text(text)


def _stop(run: Run, stage: str, error: BaseException, *, fingerprint: str = FIRST, is_resumable: bool = False) -> None:
    with stage_work(run, stage, fingerprint=fingerprint, is_resumable=is_resumable) as work:
        (work / "half.txt").write_text("half")
        raise error


def _status(run: Run, stage: str) -> str:
    return str(run.manifest()["stages"][stage]["status"])


def _visible(run: Run) -> set[str]:
    return {p.name for p in run.folder.iterdir() if not p.name.startswith(".")}


def test_stage_work_publishes_the_folder_only_at_the_end(run: Run) -> None:
    with stage_work(run, "prepare", fingerprint=FIRST) as work:
        (work / "result.txt").write_text("x")
        assert not run.stage("prepare").exists()
        assert _status(run, "prepare") == "running"
        assert not is_done(run, "prepare", fingerprint=FIRST)

    assert (run.stage("prepare") / "result.txt").read_text() == "x"
    assert is_done(run, "prepare", fingerprint=FIRST)
    assert _visible(run) == {"run.json", "prepare"}


@pytest.mark.parametrize(("error", "status"), [(ValueError("mine"), "failed"), (KeyboardInterrupt(), "interrupted")])
def test_stage_work_leaves_no_half_folder_when_the_block_ends_badly(
    run: Run, error: BaseException, status: str
) -> None:
    with pytest.raises(type(error)):
        _stop(run, "prepare", error)

    assert _visible(run) == {"run.json"}
    assert not list(run.folder.glob(".*.partial")), "what was refused is not left where somebody may take it"
    assert _status(run, "prepare") == status
    assert not is_done(run, "prepare", fingerprint=FIRST)

    _finish(run, "prepare", fingerprint=FIRST)
    assert [p.name for p in run.stage("prepare").iterdir()] == ["result.txt"]


def test_stage_work_starts_anew_after_a_kill_in_the_middle(run: Run) -> None:
    code = (
        "import os, sys; from pathlib import Path; from tunewright.core.run import Run, stage_work\n"
        "with stage_work(Run(Path(sys.argv[1])), 'prepare', fingerprint='a' * 32) as work:\n"
        "    (work / 'half.txt').write_text('x'); os._exit(9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(run.folder)], check=False)

    assert killed.returncode == 9
    assert not run.stage("prepare").exists()
    _finish(run, "prepare", fingerprint=FIRST)
    assert [p.name for p in run.stage("prepare").iterdir()] == ["result.txt"]
    assert _visible(run) == {"run.json", "prepare"}


def test_stage_work_keeps_a_finished_stage_when_the_inputs_change(run: Run) -> None:
    _finish(run, "prepare", fingerprint=FIRST, text="old")
    _finish(run, "prepare", fingerprint=SECOND, text="new")

    assert (run.folder / "prepare.aaaaaaaa" / "result.txt").read_text() == "old"
    assert (run.stage("prepare") / "result.txt").read_text() == "new"
    assert not is_done(run, "prepare", fingerprint=FIRST)
    assert is_done(run, "prepare", fingerprint=SECOND)


def test_stage_work_keeps_a_folder_that_no_record_tells_of_when_run_json_was_removed(run: Run) -> None:
    with stage_work(run, "train", fingerprint="a" * 32, is_resumable=True) as work:
        (work / "result").write_text("hours")
    (run.folder / "run.json").unlink()
    with stage_work(run, "train", fingerprint="a" * 32, is_resumable=True):
        pass
    assert (run.folder / "train.old/result").read_text() == "hours"


def test_stage_work_keeps_the_old_stage_when_the_new_one_fails(run: Run) -> None:
    _finish(run, "prepare", fingerprint=FIRST, text="old")
    with pytest.raises(ValueError, match="mine"):
        _stop(run, "prepare", ValueError("mine"), fingerprint=SECOND)

    assert (run.folder / "prepare.aaaaaaaa" / "result.txt").read_text() == "old"


def test_stage_work_finds_its_files_again_when_it_is_resumable(run: Run) -> None:
    with pytest.raises(KeyboardInterrupt):
        _stop(run, "train", KeyboardInterrupt(), is_resumable=True)
    seconds = run.manifest()["stages"]["train"]["seconds"]

    with stage_work(run, "train", fingerprint=FIRST, is_resumable=True) as work:
        assert (work / "half.txt").read_text() == "half"

    assert is_done(run, "train", fingerprint=FIRST)
    assert run.manifest()["stages"]["train"]["seconds"] >= seconds


def test_stage_work_keeps_a_stopped_training_when_the_inputs_change_and_goes_on_when_they_are_back(run: Run) -> None:
    with pytest.raises(KeyboardInterrupt):
        _stop(run, "train", KeyboardInterrupt(), is_resumable=True)
    half_done = {path.name for path in run.stage("train").iterdir()}
    assert half_done

    with stage_work(run, "train", fingerprint=SECOND, is_resumable=True) as work:
        assert list(work.iterdir()) == []
    assert _visible(run) == {"run.json", "train", "train.aaaaaaaa"}

    with stage_work(run, "train", fingerprint=FIRST, is_resumable=True) as work:
        assert {path.name for path in work.iterdir()} == half_done


def test_stage_work_keeps_a_finished_resumable_stage_when_the_inputs_change(run: Run) -> None:
    _finish(run, "train", fingerprint=FIRST, text="old", is_resumable=True)
    _finish(run, "train", fingerprint=SECOND, text="new", is_resumable=True)

    assert (run.folder / "train.aaaaaaaa" / "result.txt").read_text() == "old"


def test_stage_work_says_disk_full_when_a_library_says_it_in_its_own_words(run: Run) -> None:
    with pytest.raises(RunError, match="the disk is full"), stage_work(run, "export", fingerprint="f"):
        raise ValueError("I/O error: No space left on device (os error 28)")
    assert run.manifest()["stages"]["export"]["status"] == "failed"


def test_stage_work_says_disk_full(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.replace

    def full(source: os.PathLike[str], target: os.PathLike[str]) -> None:
        if Path(target) == run.stage("prepare"):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", full)

    with pytest.raises(RunError, match="the disk is full"):
        _finish(run, "prepare", fingerprint=FIRST)
    assert not is_done(run, "prepare", fingerprint=FIRST)


def test_stage_work_tells_the_failure_even_when_it_cannot_be_noted(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_source: object, _target: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def fail() -> None:
        with stage_work(run, "prepare", fingerprint=FIRST):
            monkeypatch.setattr(os, "replace", full)
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()


def test_is_done_asks_for_the_folder_too(run: Run) -> None:
    _finish(run, "prepare", fingerprint=FIRST)
    (run.stage("prepare") / "result.txt").unlink()
    run.stage("prepare").rmdir()

    assert not is_done(run, "prepare", fingerprint=FIRST)


def test_is_done_is_false_for_a_stage_that_never_ran(run: Run) -> None:
    assert not is_done(run, "prepare", fingerprint=FIRST)


def test_mark_refused_keeps_the_evidence_and_is_not_done(run: Run) -> None:
    _finish(run, "prepare", fingerprint=FIRST)
    mark_refused(run, "prepare", fingerprint=FIRST, why="leakage")

    assert run.manifest()["stages"]["prepare"]["why"] == "leakage"
    assert (run.stage("prepare") / "result.txt").is_file()
    assert not is_done(run, "prepare", fingerprint=FIRST)
    _finish(run, "prepare", fingerprint=SECOND)
    assert _visible(run) == {"run.json", "prepare"}


def test_update_manifest_merges_facts_and_keeps_stages(run: Run) -> None:
    _finish(run, "prepare", fingerprint=FIRST)
    update_manifest(run, seed=3, name="x")
    update_manifest(run, name="y")
    _finish(run, "train", fingerprint=FIRST)

    manifest = run.manifest()
    assert (manifest["seed"], manifest["name"], set(manifest["stages"])) == (3, "y", {"prepare", "train"})


@pytest.mark.parametrize("text", ["{", "[1]", "null", "3"])
def test_manifest_that_cannot_be_read_is_an_error_with_a_way_out(run: Run, text: str) -> None:
    (run.folder / "run.json").write_text(text)

    with pytest.raises(RunError, match=r"run\.json cannot be read") as caught:
        run.manifest()
    assert f"rm {run.folder / 'run.json'}" in caught.value.fix


def test_locked_refuses_a_second_process_at_once_and_frees_itself(run: Run) -> None:
    code = (
        "import sys; from pathlib import Path; from tunewright.core.errors import RunError\n"
        "from tunewright.core.run import Run, locked\n"
        "try:\n    with locked(Run(Path(sys.argv[1]))): print('mine')\n"
        "except RunError as error: print(error.exit_code, error.what, error.fix)"
    )

    def other() -> str:
        done = subprocess.run([sys.executable, "-c", code, str(run.folder)], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    with locked(run):
        refused = other()
    assert refused.startswith("9 another tunewright works in this run")
    assert "run.name=" in refused
    assert other() == "mine"


def test_locked_removes_what_a_writer_killed_half_way_left(run: Run) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path; from tunewright.core.files import write_atomically\n"
        "with write_atomically(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    run.stage("train").mkdir()
    for name in ("run.json", "train/summary.json"):
        subprocess.run([sys.executable, "-c", code, str(run.folder / name)], check=False)
    (run.folder / ".export.partial" / "merged").mkdir(parents=True)
    (run.folder / "README.md").write_text("whole")
    assert len(list(run.folder.rglob(".*"))) == 3
    with locked(run):
        assert {p.name for p in run.folder.rglob("*")} == {".lock", "README.md", "train"}


def test_locked_frees_the_run_when_the_block_fails_or_its_process_is_killed(run: Run) -> None:
    with pytest.raises(ValueError, match="mine"), locked(run):
        raise ValueError("mine")
    code = (
        "import os, sys; from pathlib import Path; from tunewright.core.run import Run, locked\n"
        "with locked(Run(Path(sys.argv[1]))): os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(run.folder)], check=False)

    with locked(run):
        pass


def test_locked_refuses_the_same_process_too(run: Run) -> None:
    with locked(run), pytest.raises(RunError), locked(run):
        pass


def test_create_run_says_when_the_place_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RunError):
        create_run(tmp_path / "file", name="mine")


def test_find_run_takes_a_name_a_path_or_the_newest(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "middle", "old")):
        update_manifest(create_run(tmp_path, name=name), name=name)
        os.utime(tmp_path / name / "run.json", (1e9 - age, 1e9 - age))
    (tmp_path / "no run").mkdir()

    assert [run.name for run in list_runs(tmp_path)] == ["new", "middle", "old"]
    assert find_run(None, runs_dir=tmp_path).name == "new"
    assert find_run("old", runs_dir=tmp_path).name == "old"
    assert find_run(str(tmp_path / "middle"), runs_dir=tmp_path / "elsewhere").name == "middle"
    with pytest.raises(RunError, match="there is no run no run"):
        find_run("no run", runs_dir=tmp_path)


def test_the_newest_run_is_the_one_that_was_started_last_not_the_one_copied_last(tmp_path: Path) -> None:
    for hour, name in ((9, "copied now"), (11, "newest"), (10, "older")):
        update_manifest(create_run(tmp_path, name=name), started=f"2026-05-04T{hour:02}:00:00+0000")
    os.utime(tmp_path / "copied now/run.json", (2e9, 2e9))

    assert [run.name for run in list_runs(tmp_path)] == ["newest", "older", "copied now"]


def test_find_run_prefers_a_run_with_a_model_to_a_newer_one_without(tmp_path: Path) -> None:
    trained = {"train": {"status": "done"}}
    update_manifest(create_run(tmp_path, name="old"), started="2026-05-04T09:00:00+0000", stages=trained)
    stopped = {"train": {"status": "interrupted"}}
    update_manifest(create_run(tmp_path, name="new"), started="2026-05-04T10:00:00+0000", stages=stopped)

    assert find_run(None, runs_dir=tmp_path).name == "old"
    assert find_run("new", runs_dir=tmp_path).name == "new"


def test_find_run_says_how_to_start_when_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run yet"):
        find_run(None, runs_dir=tmp_path / "missing")


def test_run_json_is_plain_json_for_other_programs(run: Run) -> None:
    _finish(run, "prepare", fingerprint=FIRST)

    record = json.loads((run.folder / "run.json").read_text())["stages"]["prepare"]
    assert set(record) == {"status", "fingerprint", "seconds"}


def test_versions_name_what_computed_this_without_importing_it() -> None:
    code = "import sys; from tunewright.core.run import versions; versions(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

    assert {"python", "tunewright", "torch", "transformers"} <= set(versions())
