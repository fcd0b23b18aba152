"""Trackers: every number once, also over a stop; a tool that is missing is told before, one that fails never harms."""

from __future__ import annotations

import importlib.metadata
import json
import math
import sys
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.pipeline.data import write_labelled
from tunewright.contradictions import refuse_unsupported
from tunewright.core.errors import MissingExtra, PlanError
from tunewright.core.events import Event, NoteEvent, StepEvent, ValidationEvent
from tunewright.core.files import json_text
from tunewright.core.plan import Plan
from tunewright.core.planfile import plan_from
from tunewright.fingerprint import stage_fingerprint
from tunewright.pipeline import run_plan
from tunewright.train.trackers import listening as listening_file
from tunewright.train.trackers import table
from tunewright.train.trackers.listening import listening
from tunewright.train.trackers.tracking import Tool, Tracked, numbers_of

Told = list[tuple[int, str, float]]
"""(step, name, value), as a tool took them."""


@dataclass
class Memory:
    """A tool without a package: remembers what it is told, over all the times it is opened."""

    told: Told = field(default_factory=list)
    opened: list[Tracked] = field(default_factory=list)
    closed: list[bool] = field(default_factory=list)
    fails_at: int = 0
    """Step at which its disk is full; 0: never."""
    run_id: str = "run-7"
    place: str = "in memory"

    def open(self, tracked: Tracked) -> Memory:
        self.opened.append(tracked)
        return self

    def log(self, numbers: Mapping[str, float], *, step: int) -> None:
        if step == self.fails_at:
            raise OSError(28, "No space left on device")
        self.told += [(step, name, value) for name, value in numbers.items()]

    def close(self, *, is_done: bool) -> None:
        self.closed.append(is_done)

    def losses(self) -> list[tuple[int, str]]:
        return [(step, name) for step, name, _ in self.told if name.endswith("/loss")]


def plan_with(*words: str) -> Plan:
    return Plan.model_validate({"train": {"trackers": words, "learning_rate": 1e-3}, "run": {"name": "try"}})


def step(n: int) -> StepEvent:
    return StepEvent(n, 9, n / 3, 1.0 / n, n_targets=4, n_tokens=50, learning_rate=1e-3, grad_norm=0.5, seconds=0.1)


def validation(n: int) -> ValidationEvent:
    return ValidationEvent(n, 0.5, 8, 0.75, True)


def write_log(path: Path, events: list[StepEvent | ValidationEvent]) -> None:
    lines = [json_text({"event": type(event).__name__, **asdict(event)}, indent=None) for event in events]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def told(plan: Plan, folder: Path, *, before: list[Any], now: list[Any]) -> list[Event]:
    """Everything that people heard while `now` happened, after `before` was logged."""
    heard: list[Event] = []
    write_log(folder / "steps.jsonl", before)
    with listening(plan, work=folder, log=folder / "steps.jsonl", tell=heard.append) as tell:
        for event in now:
            tell(event)
    return heard


def warnings_in(heard: list[Event]) -> list[str]:
    return [event.text for event in heard if isinstance(event, NoteEvent) and event.level == "warning"]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    tool = Memory()
    monkeypatch.setitem(table.TOOLS, "memory", Tool("json", "", tool.open))
    return tool


def test_numbers_of_a_step_are_its_loss_rate_norm_and_speed() -> None:
    assert numbers_of(step(2)) == {
        "train/loss": 0.5,
        "train/learning_rate": 1e-3,
        "train/grad_norm": 0.5,
        "train/tokens_per_second": 500.0,
        "train/epoch": 2 / 3,
    }


def test_numbers_of_a_validation_without_a_score_are_its_loss_alone() -> None:
    assert numbers_of(ValidationEvent(3, 0.5, 8, math.nan, True)) == {"validation/loss": 0.5}


def test_listening_tells_the_tool_every_event_the_plan_and_the_end(memory: Memory, tmp_path: Path) -> None:
    heard = told(plan_with("memory"), tmp_path, before=[], now=[step(1), step(2), validation(2)])

    assert memory.losses() == [(1, "train/loss"), (2, "train/loss"), (2, "validation/loss")]
    assert memory.opened[0].parameters["train.learning_rate"] == 1e-3
    assert memory.opened[0].folder == tmp_path / "trackers/memory"
    assert memory.closed == [True]
    assert heard[0] == NoteEvent("memory follows the training: in memory")
    assert heard[1:] == [step(1), step(2), validation(2)]


def test_listening_tells_nothing_twice_when_steps_are_done_again_after_a_kill(memory: Memory, tmp_path: Path) -> None:
    told(plan_with("memory"), tmp_path, before=[], now=[step(1), step(2), validation(2), step(3), step(4)])

    told(plan_with("memory"), tmp_path, before=[step(1), step(2), validation(2)], now=[step(3), step(4), step(5)])

    assert memory.losses() == [
        *((n, "train/loss") for n in (1, 2)),
        (2, "validation/loss"),
        *((n, "train/loss") for n in (3, 4, 5)),
    ]
    assert [tracked.run_id for tracked in memory.opened] == ["", "run-7"]


def test_a_tool_that_the_plan_names_later_is_told_what_happened_before(memory: Memory, tmp_path: Path) -> None:
    told(plan_with("memory"), tmp_path, before=[step(1), step(2)], now=[step(3)])

    assert [n for n, _ in memory.losses()] == [1, 2, 3]


def test_listening_says_that_the_training_may_go_on_when_it_is_stopped(memory: Memory, tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        listening(plan_with("memory"), work=tmp_path, log=tmp_path / "x", tell=print),
    ):
        raise KeyboardInterrupt

    assert memory.closed == [False]


def test_a_tool_that_fails_is_told_once_and_left_out_and_the_others_go_on(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Memory(fails_at=2)
    monkeypatch.setitem(table.TOOLS, "broken", Tool("json", "", broken.open))
    events = [step(n) for n in range(1, 6)]

    heard = told(plan_with("broken", "memory"), tmp_path, before=[], now=events)

    (warning,) = warnings_in(heard)
    assert "broken failed (OSError" in warning
    assert "No space left on device" in warning
    assert [n for n, _ in broken.losses()] == [1]
    assert [n for n, _ in memory.losses()] == [1, 2, 3, 4, 5]
    assert [event for event in heard if isinstance(event, StepEvent)] == events


def test_a_tool_that_cannot_be_opened_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(tracked: Tracked) -> Memory:
        raise ConnectionError("no server at http://localhost:1")

    monkeypatch.setitem(table.TOOLS, "far", Tool("json", "", refuse))

    heard = told(plan_with("far"), tmp_path, before=[], now=[step(1)])

    (warning,) = warnings_in(heard)
    assert "no server at http://localhost:1" in warning


def test_a_tool_that_hangs_does_not_hold_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forever = threading.Event()

    def hang(tracked: Tracked) -> Memory:
        forever.wait(30)
        return Memory()

    monkeypatch.setitem(table.TOOLS, "slow", Tool("json", "", hang))
    monkeypatch.setattr(listening_file, "OPEN_SECONDS", 0.05)
    monkeypatch.setattr(listening_file, "CLOSE_SECONDS", 0.05)

    heard = told(plan_with("slow"), tmp_path, before=[], now=[step(1)])

    forever.set()
    assert step(1) in heard
    (warning,) = warnings_in(heard)
    assert "slow has not taken everything" in warning


@pytest.mark.parametrize("word", table.TOOLS)
@pytest.mark.parametrize("spec", [None, ModuleSpec("folder", None)], ids=["missing", "a folder of that name"])
def test_a_tool_that_is_not_installed_is_refused_with_the_install_line(
    word: str, spec: ModuleSpec | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "find_spec", lambda package: spec)

    with pytest.raises(MissingExtra) as caught:
        refuse_unsupported(plan_with(word))

    assert caught.value.exit_code == 8
    assert caught.value.fix == f'pip install "tunewright[{word}]"'


def test_every_tool_and_all_of_them_have_an_extra() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]

    assert sorted(extras["track"]) == sorted(package for tool in table.TOOLS.values() for package in extras[tool.extra])


def test_an_unknown_tracker_is_refused_with_the_nearest() -> None:
    with pytest.raises(PlanError) as caught:
        refuse_unsupported(plan_with("tensorbord"))

    assert caught.value.where == "train.trackers"
    assert caught.value.why == "did you mean tensorboard?"


def test_an_installed_package_brings_a_tracker(monkeypatch: pytest.MonkeyPatch) -> None:
    point = importlib.metadata.EntryPoint("mine", f"{__name__}:Tool", "tunewright.trackers")
    tool = Tool("mine", "", Memory().open)
    monkeypatch.setattr(importlib.metadata.EntryPoint, "load", lambda self: tool)
    monkeypatch.setattr(
        "tunewright.core.registry.entry_points", lambda *, group: [point] if group == "tunewright.trackers" else []
    )

    refuse_unsupported(plan_with("mine"))

    assert table.tools_of(plan_with("mine")) == {"mine": tool}


@pytest.mark.parametrize(
    ("given", "trackers"), [("wandb", ("wandb",)), (["wandb", "mlflow"], ("wandb", "mlflow")), ("none", ()), (None, ())]
)
def test_report_to_is_read_as_other_tools_write_it(given: Any, trackers: tuple[str, ...]) -> None:
    loaded = plan_from({"report_to": given}, folder=Path(), name="try")

    assert loaded.plan.train.trackers == trackers
    assert loaded.notes == ("report_to is read as train.trackers",)


def test_trackers_are_no_part_of_what_is_trained() -> None:
    prints = [stage_fingerprint("train", plan=plan_with(*words), before="") for words in ((), ("wandb",))]

    assert prints[0] == prints[1]


def test_a_run_tells_its_tracker_every_line_of_steps(memory: Memory, tiny_encoder: Path, tmp_path: Path) -> None:
    write_labelled(tmp_path / "rows.csv", n_endings=4)
    raw = {"model": str(tiny_encoder), "data": "rows.csv", "train": {"max_steps": 3, "trackers": ["memory"]}}

    run_plan(plan_from(raw, folder=tmp_path, name="try"), runs_dir=tmp_path / "runs", until="train")

    lines = (tmp_path / "runs/try/train/steps.jsonl").read_text(encoding="utf-8").splitlines()
    assert [n for n, _ in memory.losses()] == [json.loads(line)["step"] for line in lines]
    assert memory.opened[0].parameters["model.name"] == str(tiny_encoder)


def test_tensorboard_reads_every_number_once_also_after_a_stop(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    told(plan_with("tensorboard"), tmp_path, before=[], now=[step(1), step(2), validation(2), step(3)])
    told(plan_with("tensorboard"), tmp_path, before=[step(1), step(2), validation(2)], now=[step(3), step(4)])

    drawn = EventAccumulator(str(tmp_path / "trackers/tensorboard"))
    drawn.Reload()
    assert [(s.step, s.value) for s in drawn.Scalars("train/loss")] == [(n, pytest.approx(1 / n)) for n in (1, 2, 3, 4)]
    assert [(s.step, s.value) for s in drawn.Scalars("validation/accuracy")] == [(2, 0.75)]
    (plan,) = drawn.Tensors("plan/text_summary")
    assert b"| train.learning_rate | 0.001 |" in plan.tensor_proto.string_val[0]


def stand_in(monkeypatch: pytest.MonkeyPatch, **modules: Any) -> None:
    """Packages that are not installed here, as far as our files call them."""
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name.replace("__", "."), module)


class TestWeightsAndBiases:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[dict[str, Any]]:
        """What wandb.init was asked for."""
        asked: list[dict[str, Any]] = []

        def init(**words: Any) -> Any:
            asked.append(words)
            is_offline = words["mode"] == "offline"
            return SimpleNamespace(
                id="w1", offline=is_offline, url="https://w", dir="/x/files", log=print, finish=print
            )

        stand_in(monkeypatch, wandb=SimpleNamespace(init=init, Settings=lambda **words: words))
        for name in ("WANDB_MODE", "WANDB_API_KEY", "WANDB_BASE_URL", "WANDB_ERROR_REPORTING"):
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        return asked

    def test_it_is_offline_unless_a_person_has_set_it_up(self, asked: list[dict[str, Any]], tmp_path: Path) -> None:
        tracking = table.TOOLS["wandb"].open(Tracked("try", tmp_path / "w", {"a": 1}))

        assert asked[0]["mode"] == "offline"
        assert asked[0]["dir"] == str(tmp_path / "w")
        assert asked[0]["config"] == {"a": 1}
        assert tracking.place == "offline; to send it: wandb sync /x"

    @pytest.mark.parametrize("name", ["WANDB_MODE", "WANDB_API_KEY", "netrc"])
    def test_it_does_as_a_person_has_set_it_up(
        self, name: str, asked: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if name == "netrc":
            (tmp_path / "netrc").write_text("machine api.wandb.ai login user password key\n", encoding="utf-8")
        else:
            monkeypatch.setenv(name, "online")

        tracking = table.TOOLS["wandb"].open(Tracked("try", tmp_path / "w", {}, run_id="w1"))

        assert asked[0]["mode"] is None
        assert (asked[0]["id"], asked[0]["resume"]) == ("w1", "allow")
        assert tracking.place == "https://w"


class TestMLflow:
    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
        """What the client was asked for, in order."""
        calls: list[tuple[str, Any]] = []

        class Client:
            def __init__(self, tracking_uri: str) -> None:
                calls.append(("uri", tracking_uri))

            def __getattr__(self, name: str) -> Any:
                def call(*given: Any, **named: Any) -> Any:
                    calls.append((name, (*given, *named.values())))
                    made = SimpleNamespace(info=SimpleNamespace(run_id="m1"))
                    return {"create_run": made, "create_experiment": "e1"}.get(name)

                return call

        entities = SimpleNamespace(Param=lambda *given: given, Metric=lambda *given: given)
        stand_in(monkeypatch, mlflow=SimpleNamespace(MlflowClient=Client), mlflow__entities=entities)
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_DISABLE_TELEMETRY"):
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)
        return calls

    def test_it_writes_into_the_run_folder_and_tells_nobody(self, calls: list[tuple[str, Any]], tmp_path: Path) -> None:
        import os

        tracking = table.TOOLS["mlflow"].open(Tracked("try", tmp_path, {f"p{i}": "x" * 7000 for i in range(150)}))
        tracking.log({"train/loss": 0.5}, step=3)
        tracking.close(is_done=True)

        assert calls[0] == ("uri", f"sqlite:///{tmp_path.resolve() / 'mlflow.db'}")
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
        batches = [given for name, given in calls if name == "log_batch"]
        assert [len(batch[1]) for batch in batches] == [100, 50, 1], "the server takes 100 parameters at once"
        assert all(len(value) == 6000 for _, value in batches[0][1])
        name, value, _, at = batches[2][1][0]
        assert (name, value, at) == ("train/loss", 0.5, 3)
        assert calls[-1] == ("set_terminated", ("m1", "FINISHED"))

    def test_it_goes_on_with_its_run_on_the_server_that_a_person_has_set_up(
        self, calls: list[tuple[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example")

        tracking = table.TOOLS["mlflow"].open(Tracked("try", tmp_path, {}, run_id="m0"))

        assert calls == [("uri", "http://mlflow.example"), ("update_run", ("m0", "RUNNING"))]
        assert tracking.place == "http://mlflow.example"


def test_trackio_writes_into_the_run_folder_and_keeps_its_words_from_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, Any]] = []

    def init(**words: Any) -> Any:
        sys.stdout.write("* Trackio project initialized\n")
        asked.append(words)
        return SimpleNamespace(name=words["name"], finish=lambda: sys.stdout.write("* done\n"))

    for name in ("TRACKIO_DIR", "TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    stand_in(
        monkeypatch,
        trackio=SimpleNamespace(init=init),
        trackio__utils=SimpleNamespace(TRACKIO_DIR=tmp_path / "kept"),
    )

    tracking = table.TOOLS["trackio"].open(Tracked("try", tmp_path, {"a": 1}, run_id="try-1"))
    tracking.close(is_done=True)

    assert (asked[0]["name"], asked[0]["resume"], asked[0]["config"]) == ("try-1", "allow", {"a": 1})
    assert tracking.place == f"TRACKIO_DIR={tmp_path / 'kept'} trackio show --project tunewright"
    assert capsys.readouterr().out == ""
