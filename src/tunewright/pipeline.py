"""The order of the stages: the only file that knows it.

In: a LoadedPlan. Out: Outcome: the run's folder, the verdict, the metrics. Read, clean and split the data; pick the
model; decide what is open; publish the data; train; evaluate; explain; export; report. A finished stage is not run
again. Without `tuned` nothing is trained. What needs torch is imported late: a run with nothing to do takes a second.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tunewright.asked import (
    evaluation_files,
    from_anywhere,
    model_files,
    outside_files,
    refuse_unusable_general,
    refuse_unusable_model,
    whole_plan,
    with_data,
)
from tunewright.contradictions import refuse_untrained
from tunewright.core.errors import RunError
from tunewright.core.events import NoteEvent, StageEvent, Tracker, jsonl_tracker, null_tracker, tee
from tunewright.core.files import digest, file_digest, is_whole_safetensors, write_text
from tunewright.core.machine import this_machine
from tunewright.core.plan import Plan
from tunewright.core.planfile import LoadedPlan, plan_yaml
from tunewright.core.run import (
    TIME_FORMAT,
    Run,
    create_run,
    is_done,
    kept_name,
    locked,
    mark_outdated,
    mark_refused,
    stage_work,
    update_manifest,
    versions,
)
from tunewright.core.section import is_auto
from tunewright.core.systems import scratch_words, trains
from tunewright.decided import Decided, choices_as_dicts, read_decided, subject_of, write_decided
from tunewright.evaluate.remote.key import refuse_missing_keys
from tunewright.evaluate.side_effects.general import general_digest
from tunewright.explain.cost import LABEL_ERRORS
from tunewright.fingerprint import FILES_OF, asked_fingerprint, data_digests, stage_fingerprint
from tunewright.outcome import Outcome, outcome_of
from tunewright.raced import race_of, write_curve, write_race
from tunewright.required import refuse_missed, requirements_of
from tunewright.resolve import Resolved, refuse_unsupported
from tunewright.scored import count_use, test_set_uses
from tunewright.train_on import retrained, train_on, trained_again

STAGES = ("prepare", "select", "train", "evaluate", "explain", "export", "report")
BESIDE = ("explain", "export")
"""Stages that only the report reads: one that fails leaves everything as it is."""


def run_plan(loaded: LoadedPlan, *, runs_dir: Path, tell: Tracker = null_tracker, until: str = "report") -> Outcome:
    """Every stage up to `until`, finished ones skipped.

    Raises TunewrightError; whatever was finished before stays. RequirementsMissed comes last, when all is written.
    """
    refuse_unsupported(loaded.plan)
    if until == "train":
        refuse_untrained(loaded.plan)
    loaded = whole_plan(loaded, tell=tell)
    data = data_digests(with_data(loaded), folder=loaded.folder)
    run = create_run(runs_dir, name=loaded.default_name if is_auto(loaded.plan.run.name) else loaded.plan.run.name)
    with locked(run), jsonl_tracker(run.folder / "events.jsonl") as write:
        everyone = tee(tell, write)
        ran: list[str] = []
        decided = _decided(run, loaded, data=data, tell=everyone, ran=ran)
        is_whole, plan = until == "report", decided.plan
        is_measured = is_whole or until == "evaluate" or (until == "export" and bool(plan.evaluate.require))
        if until not in ("prepare", "select") and trains(plan):
            _train(run, decided, tell=everyone, ran=ran, is_measured=is_measured)
        if is_measured:
            _evaluate(run, decided, tell=everyone, ran=ran)
        is_good = not is_measured or all(one.is_met for one in requirements_of(run, plan))
        if until == "explain" or (is_whole and plan.explain.methods):
            explain_model(run, decided, tell=everyone, ran=ran)
        if is_good and (until == "export" or (is_whole and plan.export.targets)):
            export_model(run, decided, tell=everyone, ran=ran)
        if is_whole:
            make_report(run, tell=everyone, ran=ran)
        if not is_good:
            refuse_missed(run, requirements_of(run, plan))
    return outcome_of(run, plan, was_finished=not ran)


def decide(loaded: LoadedPlan, *, tell: Tracker = null_tracker) -> Resolved:
    """What a run would do, and why; reads the data, writes nothing (but a starter model it needs is fetched)."""
    refuse_unsupported(loaded.plan)
    loaded = whole_plan(loaded, tell=tell)
    data_digests(with_data(loaded), folder=loaded.folder)
    draft = importlib.import_module("tunewright.prepare.stage").sound_draft(
        loaded.plan, folder=loaded.folder, tell=tell
    )
    refuse_unusable_model(loaded)
    refuse_unusable_general(loaded)
    resolved: Resolved = importlib.import_module("tunewright.deciding").decisions(loaded, draft, tell=tell).resolved
    return resolved


def _decided(run: Run, loaded: LoadedPlan, *, data: dict[str, str], tell: Tracker, ran: list[str]) -> Decided:
    """Prepared data, the chosen model, the resolved plan: from last time when nothing was changed, else anew."""
    general = general_digest(loaded.plan.evaluate.general)
    asked = asked_fingerprint(loaded.plan, data={**data, "general": general}, model_files=model_files(loaded))
    manifest = run.manifest()
    records = manifest.get("stages", {})
    known = [
        is_done(run, stage, fingerprint=str(records.get(stage, {}).get("fingerprint")), files=FILES_OF[stage])
        for stage in ("prepare", "select")
    ]
    if manifest.get("asked_fingerprint") == asked and all(known) and (run.folder / "resolved.yaml").is_file():
        try:
            decided = read_decided(run)
        except RunError as error:
            tell(NoteEvent(f"{error.what}: it is decided again", level="warning"))
        else:
            for stage in ("prepare", "select"):
                tell(StageEvent(stage, "skipped", "finished before"))
            return decided
    update_manifest(
        run,
        name=run.name,
        folder=str(loaded.folder.resolve()),
        started=time.strftime(TIME_FORMAT),
        machine=asdict(this_machine()),
        versions=versions(),
        seed=loaded.plan.run.seed,
        data_digests=data,
        asked_fingerprint="",
    )
    decided = _decide_anew(run, loaded, data=data, tell=tell, ran=ran)
    update_manifest(run, asked_fingerprint=asked)
    return decided


def _decide_anew(run: Run, loaded: LoadedPlan, *, data: dict[str, str], tell: Tracker, ran: list[str]) -> Decided:
    preparing = importlib.import_module("tunewright.prepare.stage")
    drafts = importlib.import_module("tunewright.prepare.draft")
    tell(StageEvent("prepare", "started"))
    write_text(run.folder / "plan.yaml", plan_yaml(from_anywhere(loaded, name=run.name)))
    before = digest(data)
    try:
        draft = preparing.sound_draft(loaded.plan, folder=loaded.folder, tell=tell)
    except preparing.Refused as error:
        with _refused(run, fingerprint=before, why=error.draft.refusal or error.what, tell=tell) as work:
            drafts.write_draft(error.draft, work, counted=None)
        raise
    refuse_unusable_model(loaded)
    refuse_unusable_general(loaded)
    deciding = importlib.import_module("tunewright.deciding")  # tokenizers and model arithmetic wait for torch
    raced = race_of(run, loaded, draft, tell=tell)
    decisions = deciding.decisions(loaded, draft, tell=tell, given=raced.choices)
    deciding.say_counted(decisions, tell=tell)
    plan = decisions.resolved.plan
    prepared = stage_fingerprint("prepare", plan=plan, before=before, facts=decisions.card.fingerprint)
    if unlearnable := decisions.counted.refusal:
        with _refused(run, fingerprint=prepared, why=unlearnable.what, tell=tell) as work:
            deciding.write_prepared(decisions, draft, work=work)
        raise unlearnable
    with _stage(run, "prepare", fingerprint=prepared, tell=_without_start(tell), ran=ran) as work:
        if work:
            deciding.write_prepared(decisions, draft, work=work)
    selected = stage_fingerprint("select", plan=plan, before=prepared, facts=raced.facts(decisions.card))
    with _stage(run, "select", fingerprint=selected, tell=tell, ran=ran) as work:
        if work:
            deciding.write_selected(decisions, work=work)
            write_race(raced, work=work)
    memory = decisions.resolved.memory
    decided = Decided(plan, decisions.card, decisions.facts, memory.total, memory.by_term())
    write_decided(run, decided, choices=choices_as_dicts(decisions.resolved.choices), notes=loaded.notes)
    return decided


def _train(run: Run, decided: Decided, *, tell: Tracker, ran: list[str], is_measured: bool) -> None:
    before = run.manifest()["stages"]["prepare"]["fingerprint"]
    facts = {"model": decided.card.fingerprint, "best by": decided.plan.evaluate.primary_metric}
    fingerprint = stage_fingerprint("train", plan=decided.plan, before=before, facts=facts)
    with _stage(run, "train", fingerprint=fingerprint, tell=tell, ran=ran, is_resumable=True) as work:
        if not work:
            return
        if is_measured:
            refuse_missing_keys(decided.plan)
        evaluation = importlib.import_module("tunewright.evaluate.stage")
        evaluation.preview(decided.plan, facts=decided.facts, prepared=run.stage("prepare"), tell=tell)
        train_on(run.stage("prepare"), decided, fingerprint=fingerprint, work=work, tell=tell)
        write_curve(run, decided, work=work, tell=tell)


def _evaluate(run: Run, decided: Decided, *, tell: Tracker, ran: list[str]) -> None:
    is_long = bool(scratch_words(decided.plan)) or decided.plan.evaluate.seeds > 1
    with _model_stage(run, "evaluate", decided, tell=tell, ran=ran, is_resumable=is_long) as work:
        if not work:
            return
        again = partial(trained_again, prepared=run.stage("prepare"), decided=decided)
        evaluation = importlib.import_module("tunewright.evaluate.stage")
        inputs = evaluation.EvaluateInputs(
            plan=decided.plan,
            subject=subject_of(run, decided),
            facts=decided.facts,
            prepared=run.stage("prepare"),
            test_set_uses=test_set_uses(run) + 1,
            train=again if trains(decided.plan) else None,
        )
        evaluation.evaluate(inputs, work=work, tell=tell)
        count_use(run)


def explain_model(run: Run, decided: Decided, *, tell: Tracker, ran: list[str]) -> None:
    is_long = LABEL_ERRORS in decided.plan.explain.methods
    with _model_stage(run, "explain", decided, tell=tell, ran=ran, is_resumable=is_long) as work:
        if work:
            explaining = importlib.import_module("tunewright.explain.stage")
            retrain = partial(retrained, decided=decided) if trains(decided.plan) else None
            inputs = explaining.ExplainInputs(decided.plan, subject_of(run, decided), run.stage("prepare"), retrain)
            explaining.explain(inputs, work=work, tell=tell)


def export_model(run: Run, decided: Decided, *, tell: Tracker, ran: list[str]) -> None:
    with _model_stage(run, "export", decided, tell=tell, ran=ran) as work:
        if work:
            exporting = importlib.import_module("tunewright.export.stage")
            compare = importlib.import_module("tunewright.evaluate.statistics.compare").compare
            card = partial(importlib.import_module("tunewright.report.stage").card_beside_model, run.folder)
            subject = subject_of(run, decided)
            inputs = exporting.ExportInputs(decided.plan, subject, run.stage("prepare"), compare, card)
            exporting.export(inputs, work=work, tell=tell)


def _model_stage(
    run: Run, stage: str, decided: Decided, *, tell: Tracker, ran: list[str], is_resumable: bool = False
) -> AbstractContextManager[Path | None]:
    """The folder of a stage that works on the measured model: it is made anew when that model is another one."""
    facts = (evaluation_files if stage == "evaluate" else outside_files)(decided.plan)
    fingerprint = stage_fingerprint(stage, plan=decided.plan, before=_model_fingerprint(run, decided), facts=facts)
    return _stage(run, stage, fingerprint=fingerprint, tell=tell, ran=ran, is_resumable=is_resumable)


def _model_fingerprint(run: Run, decided: Decided) -> str:
    """Of the stage that the measured model comes from: training, or the choice of the model when nothing is trained."""
    return str(run.manifest()["stages"]["train" if trains(decided.plan) else "select"]["fingerprint"])


def make_report(run: Run, *, tell: Tracker, ran: list[str], is_asked: bool = False) -> None:
    """The page is a file, not a folder: made when it is asked for, or when anything before it is newer than it."""
    stages = run.manifest()["stages"]
    facts = {name: stages[name]["fingerprint"] for name in stages if name != "report"}
    resolved = run.folder / "resolved.yaml"
    facts["resolved.yaml"] = file_digest(resolved) if resolved.is_file() else ""
    fingerprint = stage_fingerprint("report", plan=Plan(), before="", facts=facts)
    record = stages.get("report", {})
    is_made = record.get("status") == "done" and record.get("fingerprint") == fingerprint
    if is_made and not is_asked and (run.folder / "report.html").is_file():
        tell(StageEvent("report", "skipped", "finished before"))
        return
    tell(StageEvent("report", "started"))
    ran.append("report")
    started = time.time()
    importlib.import_module("tunewright.report.stage").write_report(run.folder)
    done = {"status": "done", "fingerprint": fingerprint, "seconds": round(time.time() - started, 3)}
    update_manifest(run, stages={**run.manifest()["stages"], "report": done})
    tell(StageEvent("report", "done"))


@contextmanager
def _stage(
    run: Run, stage: str, *, fingerprint: str, tell: Tracker, ran: list[str], is_resumable: bool = False
) -> Iterator[Path | None]:
    """The folder to work in; None when the stage is finished with these inputs."""
    if is_done(run, stage, fingerprint=fingerprint, files=FILES_OF[stage]) and _has_model(run, stage):
        tell(StageEvent(stage, "skipped", "finished before"))
        yield None
        return
    tell(StageEvent(stage, "started"))
    if kept := kept_name(run, stage, fingerprint=fingerprint):
        tell(NoteEvent(f"what it depends on was changed; the result of before is kept as {kept}"))
    ran.append(stage)
    if stage not in BESIDE:
        mark_outdated(run, ("report",) if stage == "evaluate" else STAGES[STAGES.index(stage) + 1 :])
    with stage_work(run, stage, fingerprint=fingerprint, is_resumable=is_resumable) as work:
        yield work
    if stage in BESIDE:
        mark_outdated(run, ("report",))
    tell(StageEvent(stage, "done"))


@contextmanager
def _refused(run: Run, *, fingerprint: str, why: str, tell: Tracker) -> Iterator[Path]:
    """The folder for the evidence of data that must not be trained on."""
    with stage_work(run, "prepare", fingerprint=fingerprint) as work:
        yield work
    mark_refused(run, "prepare", fingerprint=fingerprint, why=why)
    tell(StageEvent("prepare", "refused", "its findings are published; the run stops here"))


def _has_model(run: Run, stage: str) -> bool:
    weights = [path for kind in ("model", "adapter") for path in run.stage(stage).glob(f"{kind}/*.safetensors")]
    return stage != "train" or (bool(weights) and all(is_whole_safetensors(path) for path in weights))


def _without_start(tell: Tracker) -> Tracker:
    """Reading the data already said that prepare has started."""
    return lambda event: None if isinstance(event, StageEvent) and event.status == "started" else tell(event)
