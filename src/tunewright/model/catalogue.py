"""What is known of models whose files are not here: facts, each with the source that states it.

In: a name, or words to look for; catalogue.json. Out: Known: facts, None where no source states one. Its own file
because a model's own files always win over it: nothing here is believed once they can be read.
"""

from __future__ import annotations

import difflib
import importlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from tunewright.core.values import Architecture, ModelCard
from tunewright.model.shapes import GATE, shapes_of

FACTS = (
    *("model_type", "n_parameters", "n_layers", "hidden_size", "n_heads", "n_key_value_heads", "head_size"),
    *("intermediate_size", "is_gated_mlp", "is_tied", "vocabulary_size", "context_tokens", "licence", "is_gated"),
    "lora_rates",
)
"""What may be known. lora_rates: the lowest and the highest tried rate within .02 nats of the best one."""
SHAPES = (
    *("model_type", "n_layers", "hidden_size", "n_heads", "n_key_value_heads", "head_size", "intermediate_size"),
    *("is_gated_mlp", "is_tied", "vocabulary_size", "context_tokens", "licence"),
)
"""Facts that a checkpoint's own files state too."""
CHAT_WORDS = ("instruct", "chat", "-it", "thinking", "phi-4")
"""In the name of a checkpoint that is tuned to answer; its files say it once they are here."""
UNKNOWN_LICENCE = "unknown: read the card"
DEFAULTS = "transformers-defaults"
"""The source whose facts the installed library holds."""


@dataclass(frozen=True, slots=True)
class Known:
    """One model of the catalogue."""

    name: str
    architecture: Architecture
    facts: Mapping[str, Any]
    """Of FACTS; None: no source states it. n_parameters is the most it can be: whether input and output embedding are
    one is often not stated."""
    sources: Mapping[str, str]
    """Fact -> where it is stated."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A fact that a checkpoint's own files state otherwise."""

    fact: str
    catalogue: Any
    files: Any
    source: str

    @property
    def sentence(self) -> str:
        return f"{self.fact} is {self.files} in its own files, {self.catalogue} in the catalogue ({self.source})"


def catalogue_names() -> tuple[str, ...]:
    """Ids, in the file's order: decoders by family, then encoders."""
    return tuple(entry["id"] for entry in _entries()["models"])


def known(name: str) -> Known | None:
    """The entry of this Hugging Face id, however its letters are written; None when there is none."""
    return next((_known(entry) for entry in _entries()["models"] if entry["id"].lower() == name.lower()), None)


def search(words: str) -> tuple[Known, ...]:
    """Entries that hold every word in id, architecture, family or licence."""
    wanted = words.lower().split()
    fields = ("id", "architecture", "model_type", "licence")
    found = (e for e in _entries()["models"] if all(_has(e, word, fields=fields) for word in wanted))
    return tuple(_known(entry) for entry in found)


def nearest(name: str, *, among: Sequence[str] = (), n: int = 3) -> tuple[str, ...]:
    """The names that look most like this one, of the catalogue and of `among`; the owner need not be right.

    >>> nearest("qwen3-0.6b", n=1)
    ('Qwen/Qwen3-0.6B',)
    """
    full = {one.lower(): one for one in (*among, *catalogue_names())}
    short = {one.rpartition("/")[2]: full[one] for one in reversed(full)}
    whole = [full[one] for one in difflib.get_close_matches(name.lower(), full, n=n, cutoff=0.7)]
    parts = difflib.get_close_matches(name.lower().rpartition("/")[2], short, n=n, cutoff=0.6)
    return tuple(dict.fromkeys([*whole, *(short[one] for one in parts)]))[:n]


def catalogue_card(one: Known) -> ModelCard:
    """The entry as a card without a folder: enough to plan with, refused by everything that loads."""
    facts = one.facts
    n_embedding = (facts["vocabulary_size"] or 0) * (facts["hidden_size"] or 0)
    return ModelCard(
        name=one.name,
        path="",
        architecture=one.architecture,
        model_type=facts["model_type"],
        n_parameters=facts["n_parameters"],
        n_layers=facts["n_layers"],
        hidden_size=facts["hidden_size"],
        n_heads=facts["n_heads"],
        vocabulary_size=facts["vocabulary_size"],
        context_tokens=facts["context_tokens"],
        licence=facts["licence"] or UNKNOWN_LICENCE,
        has_chat_template=one.architecture == "decoder" and _is_chat(one.name),
        n_key_value_heads=facts["n_key_value_heads"],
        head_size=facts["head_size"],
        intermediate_size=facts["intermediate_size"],
        is_gated_mlp=bool(facts["is_gated_mlp"]),
        is_tied=bool(facts["is_tied"]),
        n_embedding_parameters=n_embedding,
    )


def contradictions(card: ModelCard) -> tuple[Contradiction, ...]:
    """What the catalogue says otherwise than this checkpoint's own files; the files are right."""
    one = known(card.name)
    if one is None or not card.path:
        return ()
    found = []
    for fact in SHAPES:
        stated, here = one.facts[fact], getattr(card, fact)
        is_same = str(stated).lower() == str(here).lower()
        if stated is not None and here not in ("unknown", "") and not is_same:
            found.append(Contradiction(fact, stated, here, one.sources[fact]))
    return tuple(found)


@cache
def _entries() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files("tunewright.model") / "catalogue.json").read_text(encoding="utf-8"))
    return found


def _is_chat(name: str) -> bool:
    """A family that calls its other models -Base means the plain name for the one that answers."""
    return any(word in name.lower() for word in CHAT_WORDS) or f"{name}-Base" in catalogue_names()


def _has(entry: Mapping[str, Any], word: str, *, fields: Sequence[str]) -> bool:
    return any(word in str(entry[field] or "").lower() for field in fields)


def _known(entry: Mapping[str, Any]) -> Known:
    told = _entries()["sources"]
    facts = {fact: entry.get(fact) for fact in FACTS}
    if DEFAULTS in entry["sources"]:
        facts |= _class_defaults(entry["model_type"])
    else:
        n_tied = entry["vocabulary_size"] * entry["hidden_size"] if entry["is_tied"] else 0
        facts["n_parameters"] = entry["n_parameters_untied"] - n_tied
    named = {fact: told[key]["where"] for key in entry["sources"] for fact in told[key]["facts"]}
    sources = {fact: named[fact] for fact in FACTS if facts[fact] is not None and fact != "n_parameters"}
    sources["n_parameters"] = named.get("n_parameters") or named["n_parameters_untied"]
    return Known(entry["id"], entry["architecture"], facts, sources)


@cache
def _class_defaults(model_type: str) -> dict[str, Any]:
    """Of an encoder's configuration, as the installed transformers makes it when nothing is said.

    Counted on a model without memory (torch's meta device), poolers included.
    """
    transformers = importlib.import_module("transformers")  # seconds: a name or a decoder needs no library
    torch = importlib.import_module("torch")
    config = transformers.CONFIG_MAPPING[model_type]()
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = transformers.AutoModel.from_config(config)
    shapes = shapes_of({**config.to_dict(), "model_type": model_type}, where=type(config).__name__)
    return {
        **asdict(shapes),
        "n_parameters": sum(p.numel() for p in model.parameters()),
        "is_gated_mlp": any(GATE.search(name) for name, _ in model.named_parameters()),
        "is_tied": False,
    }
