"""A model's facts against this data and this machine, criterion by criterion, in words.

In: a card, the data's facts, what can be used. Out: Measured, and CRITERIA: what is compared, in order, with its
sentence. Its own file because the order of the criteria is the choice, and a person must be able to read it in one
place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tunewright.core.tasks import has_head
from tunewright.core.values import DataFacts, ModelCard
from tunewright.model.catalogue import UNKNOWN_LICENCE
from tunewright.model.load import shared_tokenizer

ASSUMED_TOKENS_PER_BYTE = 1 / 3
"""Before a tokenizer is here. Measured with the starter models: .24 for plain questions, .27 papers, .35 arithmetic."""
SAMPLE_CHARACTERS = 20_000
"""Read of each sampled text: enough for tokens per byte, also when a text is a book."""
MOST_UNKNOWN = 0.01
"""Share of unknown tokens above which a model cannot read the texts: one word in a hundred is lost to it. Ours."""
FEW_ROWS = 1_000
"""Under this many train rows large encoders tune unstably. Source: Mosbach et al. 2021, "On the Stability of
Fine-tuning BERT" (they fail on sets below a few thousand rows at the usual settings)."""
SMALL_PARAMETERS = 150_000_000
"""BERT-base and smaller. Source: as above: it is the large ones that fail."""


@dataclass(frozen=True, slots=True)
class Usable:
    """What a run may use."""

    memory_bytes: int
    disk_bytes: int
    """Free where models are kept."""
    licences: tuple[str, ...]
    """Empty: any."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A model's facts against this data and this machine."""

    card: ModelCard
    facts: DataFacts
    usable: Usable
    need_bytes: int
    fetch_bytes: int
    """0 when it is here."""
    tokens_per_byte: float
    unknown_rate: float
    p95_tokens: int
    """95 % of the rows need at most about this many; 0 when nothing is known."""
    misfit: str
    """Why it cannot do the task; empty when it can."""

    @property
    def fits(self) -> bool:
        return self.need_bytes <= self.usable.memory_bytes

    @property
    def has_room(self) -> bool:
        return self.fetch_bytes <= self.usable.disk_bytes

    @property
    def is_allowed(self) -> bool:
        """Its licence is one of those that the plan takes."""
        stated = self.card.licence.lower()
        return not self.usable.licences or any(stated == one.lower() for one in self.usable.licences)

    @property
    def is_preferred(self) -> bool:
        """The architecture made for the task."""
        return self.card.architecture == ("encoder" if has_head(self.facts.task) else "decoder")

    @property
    def is_language(self) -> bool:
        """Its languages hold the data's, or one of them is unknown."""
        return not self.facts.language or not self.card.languages or self.facts.language in self.card.languages

    @property
    def reads_words(self) -> bool:
        return not self.unknown_rate > MOST_UNKNOWN  # nan: not known yet

    @property
    def is_steady(self) -> bool:
        """Not a large encoder on few rows."""
        is_few = has_head(self.facts.task) and self.facts.n_rows.get("train", 0) < FEW_ROWS
        return not (is_few and self.card.architecture == "encoder" and self.card.n_parameters > SMALL_PARAMETERS)

    @property
    def costs(self) -> tuple[float, ...]:
        """By criterion, smaller is better; compared from left to right."""
        return tuple(float(criterion.cost(self)) for criterion in CRITERIA)


@dataclass(frozen=True, slots=True)
class Criterion:
    """Something that models are compared in."""

    name: str
    cost: Callable[[Measured], float]
    """Smaller is better; 0 passes, of a filter."""
    words: Callable[[Measured, Measured], str]
    """Why the first one is worse than the second."""
    is_filter: bool = True


def measured(
    card: ModelCard,
    *,
    facts: DataFacts,
    usable: Usable,
    need_bytes: int,
    fetch_bytes: int = 0,
    trust_remote_code: bool = False,
) -> Measured:
    """Runs the tokenizer over the sample when it is here."""
    per_byte, unknown = _tokens(card, facts=facts, trust_remote_code=trust_remote_code)
    known = ASSUMED_TOKENS_PER_BYTE if math.isnan(per_byte) else per_byte
    return Measured(
        card=card,
        facts=facts,
        usable=usable,
        need_bytes=need_bytes,
        fetch_bytes=fetch_bytes,
        tokens_per_byte=per_byte,
        unknown_rate=unknown,
        p95_tokens=math.ceil(_p95_bytes(facts) * known),
        misfit=_misfit(card, facts=facts),
    )


def size_rules(facts: DataFacts) -> tuple[str, ...]:
    """What the number of train rows says, each with its source; empty from FEW_ROWS on."""
    n_rows, rules = facts.n_rows.get("train", 0), []
    if not has_head(facts.task) or n_rows >= FEW_ROWS:
        return ()
    if n_rows < 50:
        rules.append(
            f"{n_rows} train rows are under 50: only the head learns, or a prompt does it (more weights would overfit)"
        )
    rules.append(
        f"{n_rows} train rows are under {FEW_ROWS:,}: encoders over {SMALL_PARAMETERS / 1e6:.0f} M parameters come "
        "last, as large ones tune unstably on few rows (Mosbach et al. 2021)"
    )
    if n_rows >= 50:
        rules.append(
            "on few rows the upper half of the blocks learned more than all of them at equal cost (.795 against .723 "
            "on 500 rows of banking77: benchmarks/results/layers.md): train.layers=last:N is worth a try"
        )
    return tuple(rules)


def _misfit(card: ModelCard, *, facts: DataFacts) -> str:
    if has_head(facts.task):
        return ""
    if card.architecture == "encoder":
        return "an encoder reads text and writes none"
    if facts.task == "generate" and not card.has_chat_template:
        return "it has no chat template, so it is not tuned to answer"
    return ""


def _tokens(card: ModelCard, *, facts: DataFacts, trust_remote_code: bool) -> tuple[float, float]:
    """Tokens a byte and the share of unknown ones; nan before the tokenizer is here."""
    texts = [text[:SAMPLE_CHARACTERS] for text in facts.sample if text]
    n_bytes = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    if not card.path or not n_bytes:
        return math.nan, math.nan
    tokenizer = shared_tokenizer(card.path, trust_remote_code=trust_remote_code)
    ids = [one for row in tokenizer(texts, add_special_tokens=False)["input_ids"] for one in row]
    unknown = tokenizer.unk_token_id
    n_unknown = 0 if unknown is None else sum(one == unknown for one in ids)
    return len(ids) / n_bytes, n_unknown / max(1, len(ids))


def _p95_bytes(facts: DataFacts) -> float:
    """Of whole rows: the sample's own 95th percentile, scaled from the sample's mean to the rows' mean."""
    sizes = sorted(len(text.encode("utf-8", "surrogatepass")) for text in facts.sample)
    if not sizes or not sum(sizes):
        return facts.bytes_per_row
    p95 = sizes[math.ceil(0.95 * len(sizes)) - 1]
    mean = sum(sizes) / len(sizes)
    return p95 * (facts.bytes_per_row / mean if facts.bytes_per_row else 1.0)


def task_words(one: Measured) -> str:
    return one.misfit or (f"made for {one.facts.task}" if one.is_preferred else f"can be trained for {one.facts.task}")


def licence_words(one: Measured) -> str:
    if one.is_allowed:
        return f"licence {one.card.licence}"
    allowed = f"select.licences takes {', '.join(one.usable.licences)}"
    if one.card.licence in ("unknown", UNKNOWN_LICENCE):
        return f"no source states its licence, and {allowed}"
    return f"its licence is {one.card.licence}, and {allowed}"


def memory_words(one: Measured) -> str:
    verb = "needs about" if one.fits else "would need about"
    return f"it {verb} {one.need_bytes / 1e9:.1f} of {one.usable.memory_bytes / 1e9:.1f} GB"


def disk_words(one: Measured) -> str:
    if not one.fetch_bytes:
        return "its files are here"
    return f"about {one.fetch_bytes / 1e9:.1f} GB have to be fetched, and {one.usable.disk_bytes / 1e9:.1f} GB are free"


def language_words(one: Measured) -> str:
    if not one.card.languages or not one.facts.language:
        return "its languages are not stated" if not one.card.languages else "the data's language is not clear"
    return f"its card names {', '.join(one.card.languages)}, and the data look like {one.facts.language}"


def unknown_words(one: Measured) -> str:
    if math.isnan(one.unknown_rate):
        return "its tokenizer is not here yet"
    return f"{100 * one.unknown_rate:.2g} % of the texts' tokens are unknown to it"


def length_words(one: Measured) -> str:
    reads = f"it reads {one.card.context_tokens} tokens"
    if not one.p95_tokens:
        return reads
    assumed = " if a token is 3 bytes" if math.isnan(one.tokens_per_byte) else ""
    longer = "" if one.p95_tokens <= one.card.context_tokens else ", so the longest rows are cut"
    return f"{reads} and 95 % of the rows need at most about {one.p95_tokens}{assumed}{longer}"


def millions(card: ModelCard) -> str:
    return f"{card.n_parameters / 1e6:.1f} M"


def _sizes(worse: Measured, better: Measured) -> str:
    return f"{millions(worse.card)} parameters against {millions(better.card)}"


def _kind_words(worse: Measured, better: Measured) -> str:
    return f"a {worse.card.architecture} is not the kind made for {worse.facts.task} ({_sizes(worse, better)})"


def _steady_words(worse: Measured, better: Measured) -> str:
    n_rows = worse.facts.n_rows.get("train", 0)
    return f"large encoders tune unstably on {n_rows} rows, under {FEW_ROWS:,} ({_sizes(worse, better)})"


def _size_words(worse: Measured, better: Measured) -> str:
    return f"of those that suit, the larger is taken ({_sizes(worse, better)})"


CRITERIA: Sequence[Criterion] = (
    Criterion("task", lambda one: bool(one.misfit), lambda a, b: a.misfit or b.misfit),
    Criterion("licence", lambda one: not one.is_allowed, lambda a, _: licence_words(a)),
    Criterion("memory", lambda one: not one.fits, lambda a, _: memory_words(a)),
    Criterion("disk", lambda one: not one.has_room, lambda a, _: disk_words(a)),
    Criterion("language", lambda one: not one.is_language, lambda a, _: language_words(a)),
    Criterion("words", lambda one: not one.reads_words, lambda a, _: unknown_words(a)),
    Criterion("length", lambda one: one.card.context_tokens < one.p95_tokens, lambda a, _: length_words(a)),
    Criterion("kind", lambda one: not one.is_preferred, _kind_words, is_filter=False),
    Criterion("few rows", lambda one: not one.is_steady, _steady_words, is_filter=False),
    Criterion("size", lambda one: -one.card.n_parameters, _size_words, is_filter=False),
)
"""Compared in this order; the first in which two models differ decides between them."""
FILTER_WORDS: dict[str, Callable[[Measured], str]] = {
    "task": task_words,
    "licence": licence_words,
    "memory": memory_words,
    "disk": disk_words,
    "language": language_words,
    "words": unknown_words,
    "length": length_words,
}
"""What was found, whether it passes or not."""
