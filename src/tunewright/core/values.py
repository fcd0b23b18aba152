"""The values that flow through the stages, all frozen.

In: nothing. Out: Row, Dropped, Change, Example, Encoded, Prediction, Score, Metric, Finding, ModelCard, Machine and the
facts around them. Its own file because stages are strangers to each other and meet only here and in folders.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tunewright.core.scale import Scale

Task = Literal["classify", "multilabel", "regress", "generate", "text"]
Split = Literal["train", "validation", "test"]
Severity = Literal["info", "warning", "error"]
Action = Literal["report", "fix", "drop", "refuse"]
Architecture = Literal["encoder", "decoder"]

SPLITS: tuple[Split, ...] = ("train", "validation", "test")
IGNORE = -100
"""Marks a position that is not trained on. Source: torch cross_entropy's ignore_index default."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    """system, user, assistant or tool."""
    content: str
    is_trained: bool = False
    """True: the model learns to write this turn. Only assistant turns can be trained."""
    lost_its_call: bool = False
    """True: a tool's result whose call was left out while the file was read, because it has no text. Known until the
    rows are written."""


@dataclass(frozen=True, slots=True)
class Row:
    """One example of the user's file, cleaned; its id walks back to the line it came from."""

    row_id: str
    """`<role>:<n>`, as in `train:17`; role is the data key of the plan, n the 1-based start line (see DESIGN 5)."""
    text: str = ""
    """classify, regress: what is read. text: the document. generate: empty."""
    label: str | None = None
    """classify: the label. multilabel: the labels (set_text). regress: the number (number_text). None: none given."""
    messages: tuple[Message, ...] = ()
    """generate only; a prompt/completion pair is a user turn and an assistant turn."""
    group: str | None = None
    """Rows of one group never stand on both sides of a split."""
    columns: tuple[tuple[str, str], ...] = ()
    """Name and value of each column of data.slice_columns; an empty cell is left out."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that does not go on, and why. A value, not an exception: drops are counted."""

    row_id: str
    reason: str
    """A short word: empty, duplicate, unreadable, no_label, no_answer ..."""
    detail: str = ""
    """What a person needs to find it: the text's beginning, or the row it repeats."""


@dataclass(frozen=True, slots=True)
class Change:
    """A cell that is not what the user's file says."""

    row_id: str
    check: str
    field: str
    """text, label, message 3 (the place in a conversation, from 1), or messages: the whole of it."""
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know about the data, with what to do about it."""

    check: str
    """The check's name, the key in `prepare.actions`."""
    severity: Severity
    message: str
    row_ids: tuple[str, ...] = ()
    suggestion: str = ""
    """Ends with a command or a plan line that can be copied."""
    action: Action = "report"
    """What was done about it."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row as the task sees it: text with a class, or turns with the trained ones marked."""

    row_id: str
    text: str = ""
    label_index: int | None = None
    """Position in the sorted label names; None when the row has no label or one unseen in train."""
    messages: tuple[Message, ...] = ()
    number: float | None = None
    """regress: the target, in deviations from the train rows' mean; None when the row has none."""
    label_indices: tuple[int, ...] | None = None
    """multilabel: positions of those of the row's labels that train knows; None when nothing is said."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """An example as the model sees it."""

    row_id: str
    ids: tuple[int, ...]
    trained: tuple[bool, ...]
    """True where this token is a target: the model learns to predict it from the tokens before it."""
    label_index: int | None = None
    n_cut: int = 0
    """Tokens left out to stay within max_length."""
    number: float | None = None
    label_indices: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class LossSum:
    """Total loss and how many targets it covers: sums add up, means do not."""

    nats: float = 0.0
    n_tokens: int = 0

    def __add__(self, other: LossSum) -> LossSum:
        return LossSum(self.nats + other.nats, self.n_tokens + other.n_tokens)

    @property
    def mean_nats(self) -> float:
        """nats per target; nan when there is none."""
        return self.nats / self.n_tokens if self.n_tokens else math.nan


@dataclass(frozen=True, slots=True)
class Prediction:
    """What one system answered for one row."""

    row_id: str
    system: str
    """tuned, base, majority, tfidf, linear_probe ..."""
    answer: str = ""
    """classify: the label. regress: the number. generate: the text. text: empty."""
    reference: str = ""
    probabilities: Sequence[float] = ()
    """classify: one per label, in label order, summing to 1; multilabel: each for itself; empty when there are none.
    An array of doubles where there are many rows: a tuple of 77 takes four times as much."""
    is_stopped: bool | None = None
    """generate: the model ended the answer itself before the cap; None when nothing was generated."""
    n_tokens: int = 0
    """Tokens generated."""
    reference_nats: float = math.nan
    """Total negative log-likelihood of the reference, natural log; nan when not computed."""
    reference_bytes: int = 0
    """UTF-8 bytes those nats cover."""
    is_end_argmax: bool | None = None
    """generate: at the reference's true end the end token is the model's first choice."""
    own_score: float = math.nan
    """generate: what the plan's own function gave (evaluate.scorer); nan when there is none."""
    is_missing: bool = False
    """classify: the system gave no answer at all, so the row counts in none of its numbers."""
    group: str = ""
    """The row's group; rows of one group are not independent of each other. Empty: none."""


@dataclass(frozen=True, slots=True)
class Score:
    """One number for one row."""

    row_id: str
    system: str
    metric: str
    value: float
    """nan when it cannot be said for this row."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that knows its unit, its n, its interval and how it was made."""

    value: float
    """nan with n = 0 when there is no data, never 0."""
    n: int
    unit: str
    signature: str
    """How it was made, so that two reports can be compared: name, options, library, interval method."""
    ci95: tuple[float, float] = (math.nan, math.nan)
    is_higher_better: bool | None = True
    """None: neither, closest to 1 is best."""
    reason: str = ""
    """Why it is nan."""


Verdict = Literal["better", "worse", "not distinguishable"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """System a against system b on the same rows."""

    a: str
    b: str
    metric: str
    difference: float
    """a minus b, in the metric's unit."""
    ci95: tuple[float, float]
    p_value: float
    test: str
    verdict: Verdict
    """Of a: better means better in the metric's own direction."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Facts of a checkpoint, read from its config and headers without loading it."""

    name: str
    """As the plan names it."""
    path: str
    """The local folder; empty when it is not on this machine."""
    architecture: Architecture
    model_type: str
    """transformers' model_type: bert, llama, qwen3 ..."""
    n_parameters: int
    n_layers: int
    hidden_size: int
    n_heads: int
    vocabulary_size: int
    context_tokens: int
    licence: str
    """An SPDX id or the card's own word; `unknown` when the folder states none."""
    has_chat_template: bool
    n_key_value_heads: int = 0
    head_size: int = 0
    intermediate_size: int = 0
    is_gated_mlp: bool = False
    is_tied: bool = False
    """Input and output embedding share their weights."""
    n_embedding_parameters: int = 0
    dtype: str = "float32"
    languages: tuple[str, ...] = ()
    """ISO 639-1; empty when unknown."""
    fingerprint: str = ""
    """Of the files: names, sizes, headers and sampled content."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model that answers: the one a run trained, or an outside folder that a run measures."""

    name: str
    """As evaluate.systems names it: tuned, or path:FOLDER."""
    folder: str
    """tuned: the finished train stage (adapter/ or model/ inside). path: the outside folder itself."""
    card: ModelCard
    """Of the model that it was made from."""
    task: Task
    labels: tuple[str, ...]
    """classify: names in class order. regress: the name of the number."""
    max_length: int
    """Tokens; longer rows are cut as in training."""
    device: str
    dtype: str
    threads: int
    trust_remote_code: bool = False
    quantization: str | None = None
    """In what its base is kept below the adapter: nf4, int8; None: as it is."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision that the user left open, and why it fell this way."""

    field: str
    """As in the plan: train.learning_rate."""
    value: Any
    reason: str
    """Names the fact, the number and the rejected alternative."""


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What resolve and select need to know of the rows, and nothing more."""

    task: Task
    n_rows: dict[str, int]
    """Kept rows for each split."""
    labels: tuple[str, ...] = ()
    """Sorted label names of train; regress: the name of the number, the column's."""
    rows_per_label: dict[str, int] = field(default_factory=dict)
    """Train rows for each label."""
    bytes_per_row: float = 0.0
    """Mean UTF-8 bytes of a train row's whole text."""
    language: str = ""
    """ISO 639-1 of the most frequent language in a sample; empty when it cannot be told."""
    sample: tuple[str, ...] = ()
    """At most 200 seeded train texts, for tokens per byte."""
    scale: Scale | None = None
    """regress: of the train rows' numbers."""
