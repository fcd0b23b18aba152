"""`evaluate.seeds`: the plan trained again with other seeds on the same split, and what all trainings say together.

In: Contest, the answers of the run's own model. Out: Seeds: the answers of each training, its record for metrics.json,
the words of the verdict. Its own file because a verdict about one trained model says nothing of the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tunewright.core.events import NoteEvent
from tunewright.core.values import Metric, Prediction, Subject
from tunewright.evaluate.again import Scored, scored_once
from tunewright.evaluate.contest import Answers, Contest
from tunewright.evaluate.cost import spent
from tunewright.evaluate.metrics import metrics
from tunewright.evaluate.statistics.over_seeds import metric_over_seeds
from tunewright.evaluate.verdict import ONE_MODEL, VerdictText, number_words

FOLDER = "seeds"
N_SEEDS = 2**32
"""run.seed is below it."""


@dataclass(frozen=True, slots=True)
class Seeds:
    """Several trainings of one plan, the run's own first."""

    seeds: tuple[int, ...]
    answers: tuple[Answers, ...]
    facts: tuple[Mapping[str, Any], ...]
    """What each training took."""


def trained_with_seeds(contest: Contest, own: Answers, *, answer: Callable[[Subject], Answers]) -> Seeds | None:
    """None for one seed. Trainings that a stopped evaluation has finished are not done again."""
    n, first, trainer = contest.plan.evaluate.seeds, contest.plan.run.seed, contest.trainer
    if n == 1 or trainer is None:
        return None
    seeds = tuple((first + i) % N_SEEDS for i in range(n))
    made: list[Scored] = []
    for i, seed in enumerate(seeds[1:], start=2):
        contest.tell(NoteEvent(f"training {i} of {n}: the same plan and rows with seed {seed}"))
        plan = contest.plan.with_(run=contest.plan.run.with_(seed=seed))
        path = trainer.folder / FOLDER / f"seed-{seed}.parquet"
        made.append(scored_once(path, plan, start="checkpoint", trainer=trainer, answer=answer))
    return Seeds(seeds, (own, *(one.predictions for one in made)), (trainer.summary, *(one.facts for one in made)))


def of_rows(seeds: Seeds | None, keep: Callable[[Sequence[Prediction]], tuple[Prediction, ...]]) -> Seeds | None:
    """The same trainings on fewer rows."""
    return seeds and replace(seeds, answers=tuple(keep(answers) for answers in seeds.answers))


def seeds_record(seeds: Seeds | None, *, contest: Contest, measured: Mapping[str, Metric]) -> dict[str, Any] | None:
    """For metrics.json: each training's metrics, their mean and standard deviation, what the others took.

    measured: of the run's own model. The primary metric's mean has an interval over rows and seeds.
    """
    if seeds is None:
        return None
    plan, labels, wanted = contest.plan, contest.facts.labels, tuple(measured)
    others = [
        metrics(one, task=plan.task, labels=labels, seed=plan.run.seed, wanted=wanted) for one in seeds.answers[1:]
    ]
    of_each = [measured, *others]
    values = {name: [found[name].value for found in of_each] for name in wanted}
    return {
        "seeds": list(seeds.seeds),
        "values": values,
        "mean": {name: float(np.mean(found)) for name, found in values.items()},
        "standard_deviation": {name: float(np.std(found, ddof=1)) for name, found in values.items()},
        "primary": mean_metric(seeds, contest=contest, measured=measured),
        "training": spent(seeds.facts[1:]),
        "seconds": [facts.get("seconds") for facts in seeds.facts],
        "steps": [facts.get("steps") for facts in seeds.facts],
    }


def mean_metric(seeds: Seeds, *, contest: Contest, measured: Mapping[str, Metric]) -> Metric:
    """The primary metric, over the trainings."""
    name = contest.plan.evaluate.primary_metric
    return metric_over_seeds(
        seeds.answers, of=measured[name], metric=name, task=contest.plan.task, labels=contest.facts.labels
    )


def over_trainings(told: VerdictText, record: Mapping[str, Any] | None, *, metric: str) -> VerdictText:
    """The same verdict, said of all trainings.

    told: of the comparisons and the mean over trainings. record: `seeds_record`.
    """
    if record is None:
        return told
    values, n = record["values"][metric], len(record["seeds"])
    spread = (
        f"{n} trainings, with seeds {', '.join(map(str, record['seeds']))}, on the same split: from "
        f"{number_words(min(values), metric)} to {number_words(max(values), metric)}, standard deviation "
        f"{record['standard_deviation'][metric]:.2g}. Intervals and p-values cover the test rows and the seeds; the "
        f"model that is kept is the first, with {number_words(values[0], metric)}. The {n - 1} others took "
        f"{record['training']['seconds']:.0f} s of training."
    )
    sentence = f"Over {n} trainings, {told.sentence[0].lower()}{told.sentence[1:]}"
    return replace(
        told, sentence=sentence, details=tuple(spread if line == ONE_MODEL else line for line in told.details)
    )
