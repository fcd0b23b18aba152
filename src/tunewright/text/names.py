"""Names of people and places in English texts: what has no form, and needs a model.

In: texts. Out: where names stand, or why nobody can tell. Its own file because it is the adapter to an optional package
(extra `pii`, presidio): nothing here is ever loaded by somebody who has not installed it. Nothing is downloaded either:
the model must lie on this machine.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from typing import Any

LANGUAGE = "en"
"""The language of presidio's own models."""
MODELS = ("en_core_web_lg", "en_core_web_trf", "en_core_web_md", "en_core_web_sm")
"""spaCy's English models, the one that presidio takes by default first."""
ENTITIES = {"PERSON": "name", "LOCATION": "place"}
"""presidio's words and what stands in a masked text."""


@dataclass(frozen=True, slots=True)
class Named:
    """Characters [start, end) of a text."""

    kind: str
    """name or place."""
    start: int
    end: int


def why_no_names() -> str:
    """What is missing on this machine, with what to type; empty when names can be found."""
    if find_spec("presidio_analyzer") is None:
        return 'the package that finds them is not installed: pip install "tunewright[pii]"'
    if _model() is None:
        return f"presidio is installed, but none of its English models: python -m spacy download {MODELS[0]}"
    return ""


def names_in(texts: Iterable[str]) -> Iterator[tuple[Named, ...]]:
    """For each text its names from left to right, none within another; only where why_no_names() is empty."""
    for results in _engine().analyze_iterator(list(texts), language=LANGUAGE, entities=list(ENTITIES)):
        found: list[Named] = []
        for one in sorted(results, key=lambda one: (one.start, -one.end)):
            if not found or one.start >= found[-1].end:
                found.append(Named(ENTITIES[one.entity_type], one.start, one.end))
        yield tuple(found)


def without_names(text: str, found: Iterable[Named]) -> str:
    """
    >>> without_names("I am Ann from Leeds.", [Named("name", 5, 8), Named("place", 14, 19)])
    'I am [name] from [place].'
    """
    for one in sorted(found, key=lambda one: one.start, reverse=True):
        text = f"{text[: one.start]}[{one.kind}]{text[one.end :]}"
    return text


def installed() -> dict[str, str]:
    """What finds names here, with versions: another model finds others."""
    return {name: version for name in ("presidio-analyzer", "spacy", *MODELS) if (version := _version(name))}


def _model() -> str | None:
    return next((name for name in MODELS if _version(name)), None)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


@cache
def _engine() -> Any:
    """presidio with the model that lies here: by itself it would download one."""
    presidio = importlib.import_module("presidio_analyzer")
    provider = importlib.import_module("presidio_analyzer.nlp_engine").NlpEngineProvider
    models = [{"lang_code": LANGUAGE, "model_name": _model()}]
    nlp = provider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    return presidio.BatchAnalyzerEngine(presidio.AnalyzerEngine(nlp_engine=nlp, supported_languages=[LANGUAGE]))
