"""The plan's section `evaluate`: who is compared, in what, and what must be reached.

In: a dict of values. Out: EvaluatePlan. Its own file because the names of systems belong beside it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from tunewright.core.api_plan import ApiPlan, refuse_odd_names
from tunewright.core.section import AUTO, Section

OUTSIDE = "path:"
"""A system of evaluate.systems that is a folder: a model that something else has trained."""
API = "api:"
"""A system of evaluate.systems that is a model behind an address: its settings stand in evaluate.apis."""
SHIPPED, NO_GENERAL = "shipped", "none"
"""Words of evaluate.general that are no file."""

LabelScoring = Literal["sum", "bytes", "pmi", "constrained"]
"""How a language model without a class head is asked for a label."""


class EvaluatePlan(Section):
    systems: tuple[str, ...] = AUTO
    """Who is compared: tuned, base, majority, mean, tfidf, linear_probe, few_shot, path:FOLDER, api:NAME; scratch: the
    same architecture from random weights, with as many operations as tuned (scratch:10x ten times them, scratch:max
    what helps). Left out: by task."""
    metrics: tuple[str, ...] = AUTO
    """Which numbers are reported. Left out: all of the task."""
    primary_metric: str = AUTO
    """The number the verdict is about. Left out: accuracy, f1_macro or f1_micro; mae; bits_per_byte."""
    seeds: int = Field(default=1, ge=1, le=20)
    """Trainings of the plan on the same split, with seeds from run.seed on; with several the verdict covers seeds and
    rows. Left out: 1."""
    max_new_tokens: int = Field(default=AUTO, ge=1)
    """Cap on a generated answer, tokens. Left out: a quarter above the 95th percentile of yours, at most 512."""
    limit: int | None = Field(default=AUTO, ge=1)
    """Rows that answers are written for; likelihood and labels use all. Left out: 64 on a processor, 200 on a GPU."""
    label_scoring: LabelScoring = "bytes"
    """How base and few_shot choose a label: the likeliest name (sum), the likeliest a byte of its name (bytes), the one
    whose likelihood the text raises most (pmi), or what it writes when it may write nothing but labels (constrained:
    the fastest with many labels). sum and pmi also give probabilities."""
    scorer: str | None = None
    """Your own metric of written answers: FILE.py or FILE.py:FUNCTION, relative to the plan. score(answer, reference),
    or score(answer, reference, prompt), gives a number, higher is better. The file is run. Left out: none."""
    require: dict[str, str | float | tuple[str, ...]] | None = None
    """Conditions that end a run with exit 6, unexported, when missed: {accuracy: ">= 0.9", better_than: base}."""
    general: str = AUTO
    """Text the tuned model must still read as before: shipped (100 paragraphs of English on 6 topics), none, or a file
    of yours, a paragraph a row. Left out: shipped for models that write, none for labels and numbers."""
    apis: dict[str, ApiPlan] = Field(default_factory=dict)
    """Models behind an OpenAI-compatible address, by a name of yours, for api:NAME and judge: url, model, key_env (the
    environment variable with the key), price_in, price_out (a million tokens), timeout_seconds, at_once, body."""
    judge: str | None = None
    """A model of apis that says which of two written answers is better, tuned's or a rival's, in both orders. It is
    paid by you. Left out: nobody judges."""

    @field_validator("apis")
    @classmethod
    def _has_plain_names(cls, value: dict[str, ApiPlan]) -> dict[str, ApiPlan]:
        return dict(refuse_odd_names(value))
