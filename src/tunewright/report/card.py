"""README.md: the model card that travels with the weights, in the form Hugging Face reads.

In: RunFiles. Out: Markdown with YAML front matter. Its own file because its readers are other people's tools and
people who never see the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from tunewright.core.systems import TUNED, folder_of
from tunewright.core.tasks import TASKS
from tunewright.report import numbers
from tunewright.report.data import Data, data_of
from tunewright.report.decisions import model_name
from tunewright.report.environment import environment, visible
from tunewright.report.exported import Exported, exported_of
from tunewright.report.read import RunFiles, as_list, as_record
from tunewright.report.results import Results, Verdict, results_of, verdict_of
from tunewright.report.training import Training, training_of

_PIPELINES = {
    "classify": "text-classification",
    "multilabel": "text-classification",
    "regress": "text-classification",
    "generate": "text-generation",
    "text": "text-generation",
}
"""Source: Hugging Face Hub, pipeline_tag values."""
_HUB_METRICS = {
    "accuracy": "accuracy",
    "f1_macro": "f1",
    "f1_weighted": "f1",
    "mae": "mae",
    "spearman": "spearmanr",
    "exact_match": "exact_match",
    "rouge1": "rouge",
    "rouge2": "rouge",
    "rougeL": "rouge",
    "chrf": "chrf",
}
"""Ours to the Hub's names; the others have none there."""
_STARTERS_ON_HUB = {
    "starter:minilm-l6": "sentence-transformers/all-MiniLM-L6-v2",
    "starter:smollm2-135m-instruct": "HuggingFaceTB/SmolLM2-135M-Instruct",
}
"""Where the starter models' weights were published first; base_model is read by the Hub."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
"""Characters that Markdown or HTML inside it would act on."""


@dataclass(frozen=True, slots=True)
class Card:
    """What the template writes."""

    front_matter: str
    name: str
    model: str
    task: str
    outside: str
    """Folder of the model that was measured when another tool has trained it; empty when it was trained here."""
    kind: str
    """How it is loaded: encoder, encoder-adapter, decoder-adapter, decoder, classifier, classifier-adapter, none."""
    place: str
    """The folder of the weights, as seen from the card: train/adapter, train/model, or `.`."""
    n_labels: int
    number: str
    """regress: the name of what the model says."""
    verdict: Verdict
    results: Results | None
    training: Training | None
    data: Data | None
    max_length: str
    test_set_uses: str
    exported: Exported | None


def model_card_markdown(run: RunFiles, *, is_beside_model: bool = False) -> str:
    """The whole file. is_beside_model: it lies in a folder with the whole model, away from the run."""
    found = environment(is_html=False)
    found.filters["md"] = markdown
    return found.get_template("card.md.j2").render(card=card_of(run, is_beside_model=is_beside_model))


def card_of(run: RunFiles, *, is_beside_model: bool = False) -> Card:
    kind, folder = (_body(run), ".") if is_beside_model else _kind(run)
    uses = run.metrics.get("test_set_uses")
    return Card(
        front_matter=yaml.safe_dump(_front_matter(run, kind=kind), sort_keys=False, allow_unicode=True).strip(),
        name=run.name,
        model=model_name(run),
        task=run.task,
        outside="" if run.subject == TUNED else str(folder_of(run.subject)),
        kind=kind,
        place="." if is_beside_model else f"train/{folder}",
        n_labels=len(as_record(run.facts.get("rows_per_label"))) or len(run.facts.get("labels") or ()),
        number=str(next(iter(as_list(run.facts.get("labels"))), "")),
        verdict=verdict_of(run),
        results=results_of(run),
        training=training_of(run),
        data=data_of(run),
        max_length=str(as_record(run.plan.get("prepare")).get("max_length") or ""),
        test_set_uses=numbers.count_text(uses) if numbers.is_known(uses) and uses != 1 else "",
        exported=None if is_beside_model else exported_of(run),
    )


def markdown(value: object) -> str:
    """Text from data as one line of plain words: nothing in it formats, links or opens a tag.

    >>> markdown("a|b <b>")
    'a\\\\|b \\\\<b\\\\>'
    """
    return _SPECIAL.sub(r"\\\1", " ".join(str(value).split()))


def _kind(run: RunFiles) -> tuple[str, str]:
    """How the trained folder is loaded, from what lies there."""
    folders = [name for name in ("adapter", "model") if (run.folder / "train" / name).is_dir()]
    if not run.summary:
        return "none", ""
    folder = folders[0] if folders else ("adapter" if run.summary.get("method") == "lora" else "model")
    return (f"{_body(run)}-adapter" if folder == "adapter" else _body(run)), folder


def _body(run: RunFiles) -> str:
    """What a folder with the whole model holds."""
    is_headed = run.task in {task for task, facts in TASKS.items() if facts.has_head}
    return "encoder" if run.card.get("architecture") == "encoder" else "classifier" if is_headed else "decoder"


def _front_matter(run: RunFiles, *, kind: str) -> dict[str, Any]:
    language = str(run.facts.get("language") or "")
    primary = str(run.metrics.get("primary_metric") or "")
    base = _STARTERS_ON_HUB.get(model_name(run), model_name(run).removeprefix("starter:"))
    found: dict[str, Any] = {
        "license": _licence(str(run.card.get("licence") or "")),
        "base_model": base,
        "language": [language] if language else None,
        "library_name": "peft" if kind.endswith("-adapter") else "transformers",
        "pipeline_tag": _PIPELINES.get(run.task),
        "tags": ["tunewright", str(run.summary.get("method") or ""), run.task],
        "metrics": [_HUB_METRICS[primary]] if primary in _HUB_METRICS else None,
        "model-index": _index(run),
    }
    found["tags"] = [tag for tag in found["tags"] if tag]
    return {key: visible(value) for key, value in found.items() if value}


def _index(run: RunFiles) -> list[dict[str, Any]] | None:
    """Numbers as the Hub lists them beside a model; None where nothing was measured.

    Source: huggingface_hub, model card metadata, model-index.
    """
    measured = as_record(as_record(run.metrics.get("systems")).get(run.subject))
    values = {name: as_record(found).get("value") for name, found in measured.items()}
    metrics = [
        {"type": _HUB_METRICS.get(name, name), "name": name, "value": round(float(value), 6)}
        for name, value in values.items()
        if isinstance(value, (int, float)) and value == value
    ]
    if not metrics or run.task not in _PIPELINES:
        return None
    dataset = {
        "name": f"held-out rows of {run.name}",
        "type": "private",
        "split": str(run.metrics.get("split") or "test"),
    }
    result = {"task": {"type": _PIPELINES[run.task]}, "dataset": dataset, "metrics": metrics}
    return [{"name": run.name, "results": [result]}]


def _licence(word: str) -> str:
    """The Hub writes licences in small letters and calls an unknown one `unknown`."""
    return word.lower() if word else "unknown"
