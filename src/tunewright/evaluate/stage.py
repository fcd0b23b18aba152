"""The evaluate stage: every system on the same test rows, measured, compared, and said in one sentence.

In: the resolved plan, the subject, the prepare folder. Out: predictions.parquet and metrics.json.
Its own file because it is the one that touches files.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tunewright.core.errors import EvalError
from tunewright.core.evaluate_plan import API
from tunewright.core.events import PreviewEvent, Tracker, null_tracker
from tunewright.core.files import write_json
from tunewright.core.plan import Plan
from tunewright.core.systems import TUNED
from tunewright.core.tasks import has_head
from tunewright.core.values import SPLITS, Comparison, DataFacts, Metric, Prediction, Row, Subject
from tunewright.evaluate.again import Train, trainer_of
from tunewright.evaluate.confidence.believed import calibration_of
from tunewright.evaluate.contest import Contest, Results
from tunewright.evaluate.cost import costs
from tunewright.evaluate.judge.judging import judge_record, refuse_silent_judge
from tunewright.evaluate.kept_answers import FOLDER
from tunewright.evaluate.leaked import WithoutLeaked, kept, leaked, read_evidence
from tunewright.evaluate.measures.definition import definition_of
from tunewright.evaluate.measures.scorer import own_scores
from tunewright.evaluate.metrics import confusion, metrics, of_these_rows, per_class, per_label
from tunewright.evaluate.model_answers import measured
from tunewright.evaluate.provenance import provenance
from tunewright.evaluate.remote.answers import api_record
from tunewright.evaluate.rivals.keywords import keyword_predictions
from tunewright.evaluate.rivals.scratch_words import scratch_claims
from tunewright.evaluate.score import is_answered
from tunewright.evaluate.secondary import secondary
from tunewright.evaluate.seeds import Seeds, of_rows, over_trainings, seeds_record, trained_with_seeds
from tunewright.evaluate.side_effects.before_after import before_and_after
from tunewright.evaluate.slices import Slice, slices
from tunewright.evaluate.statistics.between import Corrected
from tunewright.evaluate.statistics.compare import compare
from tunewright.evaluate.statistics.over_seeds import compare_over_seeds
from tunewright.evaluate.systems import run_systems
from tunewright.evaluate.verdict import and_without_leaked, status_of, verdict
from tunewright.evaluate.write import write_predictions
from tunewright.text.render import prompt_of
from tunewright.text.rows import read_rows

Answers = Mapping[str, tuple[Prediction, ...]]
"""By system."""


@dataclass(frozen=True, slots=True)
class EvaluateInputs:
    """What the stage is given."""

    plan: Plan
    """Resolved."""
    subject: Subject
    facts: DataFacts
    prepared: Path
    test_set_uses: int
    """How often this test set has been scored from this runs folder, this time included."""
    train: Train | None = None
    """The training verb, for systems that are trained here; None where the plan trains nothing."""


def evaluate(inputs: EvaluateInputs, *, work: Path, tell: Tracker = null_tracker) -> dict[str, Any]:
    """Write the stage's files into `work` and return metrics.json as values.

    Raises EvalError when there is no test row, or the plan leaves the subject out.
    """
    contest = _contest(inputs, work, tell)
    if not contest.test:
        raise EvalError("there is no test row", where=str(inputs.prepared), fix="prepare.test_fraction=0.2")
    refuse_silent_judge(contest)
    results = run_systems(contest)
    results = replace(results, predictions={name: _whole(of, contest) for name, of in results.predictions.items()})
    flat = [p for answers in results.predictions.values() for p in answers]
    texts = {row.row_id: shown_text(row) for row in contest.test}
    write_predictions(work / "predictions.parquet", flat, texts, task=inputs.plan.task)
    found = _metrics_json(inputs, contest, results)
    write_json(work / "metrics.json", found)
    return found


def preview(plan: Plan, *, facts: DataFacts, prepared: Path, tell: Tracker) -> None:
    """The keyword model's score on the test rows, told before training starts: the number to beat.

    Raises EvalError when the task has no such primary metric: better known now than after the training.
    """
    name = definition_of(plan.evaluate.primary_metric, task=plan.task).name
    if not has_head(plan.task) or "tfidf" not in plan.evaluate.systems:
        return
    started = time.perf_counter()
    rows = {split: read_rows(prepared, split) for split in SPLITS}
    answers = keyword_predictions(rows, task=plan.task, labels=facts.labels, seed=plan.run.seed)
    metric = metrics(answers, task=plan.task, labels=facts.labels, seed=plan.run.seed, wanted=(name,))[name]
    tell(PreviewEvent("tfidf", name, metric.value, metric.ci95, metric.n, time.perf_counter() - started))


def _whole(answers: Sequence[Prediction], contest: Contest) -> tuple[Prediction, ...]:
    """Each answer with its row's group and what the plan's own metric gives it; whichever training it comes from."""
    rows = {row.row_id: row for row in contest.test}
    found = tuple(replace(p, group=rows[p.row_id].group or "") for p in answers)
    if contest.plan.evaluate.scorer is None:
        return found
    prompts = {name: "\n".join(turn.content for turn in prompt_of(row.messages)) for name, row in rows.items()}
    return own_scores(found, scorer=contest.plan.evaluate.scorer, prompts=prompts, tell=contest.tell)


def shown_text(row: Row) -> str:
    """What a person sees of a row beside an answer: its text, or the last turn before the answer."""
    prompt = prompt_of(row.messages)
    return row.text or (prompt[-1].content if prompt else "")


def _contest(inputs: EvaluateInputs, work: Path, tell: Tracker) -> Contest:
    train, validation, test = (read_rows(inputs.prepared, split) for split in ("train", "validation", "test"))
    return Contest(
        plan=inputs.plan,
        subject=inputs.subject,
        facts=inputs.facts,
        train=train,
        validation=validation,
        test=test,
        tell=tell,
        trainer=trainer_of(inputs.train, subject=inputs.subject, folder=work, tell=tell),
        kept=inputs.prepared.parent / FOLDER,
    )


def _metrics_json(inputs: EvaluateInputs, contest: Contest, results: Results) -> dict[str, Any]:
    plan, labels, subject = inputs.plan, inputs.facts.labels, inputs.subject.name
    own = results.predictions[subject]
    seeds = trained_with_seeds(
        contest,
        own,
        answer=lambda one: _whole(measured(replace(contest, subject=one, kept=None), TUNED).predictions, contest),
    )
    by_system, comparisons = _measured(inputs, results.predictions), _compared(inputs, results.predictions, seeds)
    without = _without_leaked(inputs, contest, results, seeds)
    primary = plan.evaluate.primary_metric
    trainings = seeds_record(seeds, contest=contest, measured=by_system[subject])
    sentence = verdict(
        comparisons,
        primary_metric=primary,
        metrics_by_system=by_system if trainings is None else by_system | {subject: {primary: trainings["primary"]}},
        not_run=results.not_run,
        rows=len(contest.test),
        test_set_uses=inputs.test_set_uses,
        subject=subject,
        provenance=provenance(plan, subject=inputs.subject),
    )
    with_them = by_system[subject][primary]
    sentence = and_without_leaked(sentence, without, metric=primary, subject=subject, with_them=with_them)
    sentence = over_trainings(sentence, trainings, metric=primary)
    claims = scratch_claims(comparisons, metrics_by_system=by_system, trainer=contest.trainer)
    judge = judge_record(contest, results.predictions)
    sentence = replace(sentence, details=(*sentence.details, *claims, *(judge["sentences"] if judge else ())))
    answers = results.predictions[subject]
    is_classify, is_generate = plan.task == "classify", plan.task == "generate"
    reports = {"classify": per_class, "multilabel": per_label}
    n_written = sum(is_answered(prediction) for prediction in answers)
    return {
        "task": plan.task,
        "primary_metric": primary,
        "split": "test",
        "rows": len(contest.test),
        "subject": subject,
        "labels": labels,
        "systems": {system: {name: asdict(m) for name, m in of.items()} for system, of in by_system.items()},
        "comparisons": [asdict(comparison) for comparison in comparisons],
        "secondary": [asdict(one) for one in _secondary(inputs, results, seeds, names=tuple(by_system[subject]))],
        "verdict": asdict(sentence),
        "without_leaked": [asdict(some) for some in without],
        "not_run": results.not_run,
        "confusion": confusion(answers, labels)._asdict() if is_classify else None,
        "calibration": _calibration(contest, answers) if is_classify else None,
        "per_class": reports[plan.task](answers, labels) if plan.task in reports else None,
        "seeds": trainings,
        "cost": costs(results.seconds, trainer=contest.trainer, apis=_api_records(contest, results)),
        "judge": judge,
        "slices": [asdict(one) for one in _slices(contest, results)],
        "generation": {"rows": n_written, "max_new_tokens": plan.evaluate.max_new_tokens} if is_generate else None,
        "test_set_uses": inputs.test_set_uses,
        **before_and_after(contest),
    }


def _api_records(contest: Contest, results: Results) -> dict[str, dict[str, Any]]:
    return {name: api_record(contest, name) for name in results.predictions if name.startswith(API)}


def _slices(contest: Contest, results: Results) -> tuple[Slice, ...]:
    """The subject beside the model it was made from, or the plan's first rival where there is none."""
    plan, subject = contest.plan, contest.subject.name
    rival = next(
        (name for name in ("base", *results.predictions) if name in results.predictions and name != subject), ""
    )
    return slices(
        contest.test,
        results.predictions[subject],
        results.predictions.get(rival),
        metric=plan.evaluate.primary_metric,
        task=plan.task,
        labels=contest.facts.labels,
        seed=plan.run.seed,
    )


def _calibration(contest: Contest, answers: Sequence[Prediction]) -> dict[str, Any] | None:
    """The subject answers validation too: what is chosen about its confidence is chosen there."""
    is_asked = bool(contest.validation) and any(p.probabilities for p in answers)
    held_out = replace(contest, test=contest.validation)
    validation = measured(held_out, contest.subject.name).predictions if is_asked else ()
    return calibration_of(answers, validation, labels=contest.facts.labels, seed=contest.plan.run.seed)


def _measured(inputs: EvaluateInputs, predictions: Answers) -> dict[str, dict[str, Metric]]:
    """Every metric that is wanted and that these rows have, of every system."""
    plan = inputs.plan
    asked = tuple(dict.fromkeys((*plan.evaluate.metrics, plan.evaluate.primary_metric)))
    found = {
        system: metrics(answers, task=plan.task, labels=inputs.facts.labels, seed=plan.run.seed, wanted=asked)
        for system, answers in predictions.items()
    }
    names = {plan.evaluate.primary_metric, *of_these_rows(asked, list(found.values()))}
    return {system: {name: of[name] for name in asked if name in names} for system, of in found.items()}


def _compared(
    inputs: EvaluateInputs, predictions: Answers, seeds: Seeds | None, *, metric: str = ""
) -> tuple[Comparison, ...]:
    """The subject, or all trainings of its plan, against every other system; on the primary metric if none is named."""
    plan, subject, labels = inputs.plan, inputs.subject.name, inputs.facts.labels
    metric, task = metric or plan.evaluate.primary_metric, plan.task
    rivals = [answers for system, answers in predictions.items() if system != subject]
    if seeds:
        return tuple(
            compare_over_seeds(seeds.answers, rival, metric=metric, task=task, labels=labels) for rival in rivals
        )
    own, seed = predictions[subject], plan.run.seed
    return tuple(compare(own, rival, metric=metric, task=task, labels=labels, seed=seed) for rival in rivals)


def _secondary(
    inputs: EvaluateInputs, results: Results, seeds: Seeds | None, *, names: Sequence[str]
) -> tuple[Corrected, ...]:
    """The other metrics beside the one that decides."""
    return secondary(
        names,
        compared=lambda metric: _compared(inputs, results.predictions, seeds, metric=metric),
        primary_metric=inputs.plan.evaluate.primary_metric,
    )


def _without_leaked(
    inputs: EvaluateInputs, contest: Contest, results: Results, seeds: Seeds | None
) -> tuple[WithoutLeaked, ...]:
    """Everything once more on the test rows that nothing learned from resembles; empty when none leaked."""
    learned = {row.row_id for row in (*contest.train, *contest.validation)}
    found = leaked(read_evidence(inputs.prepared), learned=learned, tested={row.row_id for row in contest.test})
    made = []
    for out in found:
        left = {system: kept(answers, out=out) for system, answers in results.predictions.items()}
        comparisons = _compared(inputs, left, of_rows(seeds, partial(kept, out=out)))
        made.append(
            WithoutLeaked(
                kinds=out.kinds,
                is_equal=out.is_equal,
                left_out=len(out.row_ids),
                rows=len(contest.test) - len(out.row_ids),
                systems=_measured(inputs, left),
                comparisons=comparisons,
                status=status_of(comparisons),
            )
        )
    return tuple(made)
