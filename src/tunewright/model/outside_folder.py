"""What lies in a model folder of another tool: of which kind it is, what its classes are called, what it was made from.

In: a folder. Out: OutsideFolder, from its small files alone. Its own file because such a folder is judged, and refused
in words, before rows are prepared and long before its weights are loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from peft import PromptLearningConfig
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

from tunewright.core.errors import ModelError
from tunewright.core.tasks import PROBLEMS, has_head
from tunewright.core.values import ModelCard, Task
from tunewright.model.card import architecture_of, has_chat_template, model_card
from tunewright.model.classifier import HEAD_FILE, LABELS_FILE
from tunewright.model.files import (
    CONFIG,
    check_folder,
    has_tokenizer,
    read_config,
    read_json,
    refuse_remote_code,
    refuse_unsafe,
    tensor_headers,
)
from tunewright.model.starter import PREFIX, STARTERS
from tunewright.model.target import TARGET_FILE

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
CLASSIFIER = "ForSequenceClassification"

Kind = Literal["language", "classifier", "head", "encoder"]
"""language: writes, or is asked for a label by name. classifier: transformers' own class head. head: an encoder with
our head.safetensors beside it. encoder: without any head."""
BASE_FIX = "name the base: model.name=BASE; beside a training, which has its own base, write it into that file"


@dataclass(frozen=True, slots=True)
class OutsideFolder:
    """A folder as its files describe it."""

    path: Path
    kind: Kind
    is_adapter: bool
    labels: tuple[str, ...]
    """Its own names, in class order; empty when it has no classes or nothing names them."""
    base: str
    """What the adapter says it was made from; empty for a whole model."""
    revision: str
    has_tokenizer: bool
    has_chat_template: bool
    problem: str = ""
    """What its head was trained for, in transformers' words (problem_type); empty where nothing says it."""


def outside_folder(path: Path, *, trust_remote_code: bool) -> OutsideFolder:
    """The folder's facts.

    Raises ModelError when it is unsafe, broken, half, or of a kind that cannot be asked.
    """
    if (path / ADAPTER_CONFIG).is_file():
        return _adapter(path, trust_remote_code=trust_remote_code)
    if not (path / CONFIG).is_file():
        _point_inside(path)
    check_folder(path, trust_remote_code=trust_remote_code)
    config = read_config(path)
    kind = _kind_of_whole(path, config)
    labels = _labels(path, config) if kind in ("classifier", "head") else ()
    problem = _problem(path, config)
    return OutsideFolder(path, kind, False, labels, "", "main", True, has_chat_template(path), problem)


def refuse_unsuitable(outside: OutsideFolder, *, task: Task, card: ModelCard) -> None:
    """card: of the model that answers.

    Raises ModelError when such a model has no answer to the task.
    """
    where, name = str(outside.path), outside.path.name
    _refuse_problem(outside, task=task)
    kind = "encoder" if outside.kind == "language" and card.architecture == "encoder" else outside.kind
    if has_head(task) and kind == "encoder":
        raise ModelError(
            f"{name} is an encoder without a classification head: it gives vectors, no labels",
            where=where,
            fix=f"save it as transformers' ...{CLASSIFIER}, or tune it here: model.name={outside.path}",
        )
    if not has_head(task) and kind != "language":
        what = "gives labels" if kind in ("classifier", "head") else "reads and writes nothing"
        raise ModelError(
            f"{name} {what}, and the task is {task}",
            where=where,
            fix="task=classify, or a folder of a language model (...ForCausalLM) or of its adapter",
        )
    if task in PROBLEMS and kind == "language":
        raise ModelError(
            f"{name} writes, and the task is {task}",
            where=where,
            why="what it writes cannot be measured as a number or as several labels",
            fix=f"a folder of transformers' ...{CLASSIFIER} of problem_type {PROBLEMS[task]}",
        )
    if task != "text" and kind == "language" and not card.has_chat_template:
        raise ModelError(
            f"{name} has no chat template, so it cannot be asked",
            where=where,
            why="the template says where a question ends and an answer begins, in training and in measuring",
            fix=f"copy chat_template.jinja of the tokenizer that it was trained with into {outside.path}",
        )


def _refuse_problem(outside: OutsideFolder, *, task: Task) -> None:
    """A head of numbers gives no label, one of labels no number."""
    n_outputs = len(outside.labels)
    if task == "regress" and outside.kind in ("classifier", "head") and n_outputs > 1 and outside.problem == "":
        raise ModelError(
            f"{outside.path.name} has {n_outputs} outputs, and a number is one",
            where=str(outside.path / CONFIG),
            fix="use a model whose problem_type is regression",
        )
    wanted = {"classify": "single_label_classification", **PROBLEMS}.get(task, outside.problem)
    if outside.kind not in ("classifier", "head") or outside.problem in ("", wanted):
        return
    gives = {"classify": "choose one label", "multilabel": "give several labels", "regress": "say a number"}[task]
    raise ModelError(
        f"this model does {outside.problem.replace('_', ' ')}: it does not {gives}",
        where=str(outside.path / CONFIG),
        fix=f"use a model whose problem_type is {wanted}",
    )


def own_labels(outside: OutsideFolder, *, base: ModelCard) -> tuple[str, ...]:
    """Its own class names, in class order: of the folder, else of the classifier that the adapter changes."""
    if outside.labels or not outside.is_adapter or outside.kind != "classifier" or not base.path:
        return outside.labels
    config = read_config(Path(base.path))
    is_classifier = any(str(name).endswith(CLASSIFIER) for name in config.get("architectures") or ())
    return _labels(Path(base.path), config) if is_classifier else ()


def made_from(outside: OutsideFolder, *, trust_remote_code: bool) -> ModelCard:
    """The model below an adapter, by what adapter_config.json names; of a whole model its own card.

    A base that is named by a relative path is looked for from the adapter's folder.
    Raises ModelError when it is not on this machine and cannot be fetched.
    """
    if not outside.is_adapter:
        return model_card(str(outside.path), folder=outside.path, trust_remote_code=trust_remote_code)
    name = base_name(outside)
    try:
        if not name:
            raise ModelError("an adapter without its base says nothing", fix=BASE_FIX)
        return model_card(name, folder=outside.path, revision=outside.revision, trust_remote_code=trust_remote_code)
    except ModelError as error:
        raise ModelError(
            f"the base of the adapter {outside.path.name} cannot be used",
            where=str(outside.path / ADAPTER_CONFIG),
            why=f"base_model_name_or_path is {outside.base or 'empty'}: {error.what}",
            fix=BASE_FIX,
        ) from error


def base_name(outside: OutsideFolder) -> str:
    """The base as a plan would name it; empty when the adapter does not say.

    A folder of another machine's cache of starter models is the starter model: its name holds the version.
    """
    stated = outside.base
    starter = next((name for name, one in STARTERS.items() if Path(stated).name == f"{name}-{one.version}"), "")
    local = outside.path / Path(stated).expanduser()
    if stated and not stated.startswith(PREFIX) and local.is_dir():
        return str(local.resolve())
    return f"{PREFIX}{starter}" if starter else stated


def _adapter(path: Path, *, trust_remote_code: bool) -> OutsideFolder:
    config = read_json(path / ADAPTER_CONFIG)
    weights = path / ADAPTER_WEIGHTS
    if not weights.is_file():
        refuse_unsafe(
            path,
            missing=ADAPTER_WEIGHTS,
            fix="load it on a machine you can lose, and save it again: save_pretrained(FOLDER)",
        )
        raise ModelError(
            f"this adapter has no weights ({ADAPTER_WEIGHTS})", where=str(path), fix="save the adapter again"
        )
    refuse_remote_code(path, trust_remote_code=trust_remote_code)
    _refuse_method(path, str(config.get("peft_type")))
    tensor_headers(weights)
    kind = _kind_of_adapter(path, config)
    return OutsideFolder(
        path=path,
        kind=kind,
        is_adapter=True,
        labels=_labels(path, read_json(path / CONFIG)) if kind in ("classifier", "head") else (),
        base=str(config.get("base_model_name_or_path") or ""),
        revision=str(config.get("revision") or "main"),
        has_tokenizer=has_tokenizer(path),
        has_chat_template=has_chat_template(path),
        problem=_problem(path, read_json(path / CONFIG)),
    )


def _refuse_method(path: Path, method: str) -> None:
    known = {str(getattr(key, "value", key)): config for key, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    fix = "merge it where it was trained (peft: merge_and_unload), and name the merged folder"
    if method not in known:
        raise ModelError(f"this peft knows no method {method}", where=str(path / ADAPTER_CONFIG), fix=fix)
    if issubclass(known[method], PromptLearningConfig):
        raise ModelError(
            f"{method} puts virtual tokens in front of a row, which cannot be measured here",
            where=str(path / ADAPTER_CONFIG),
            fix="train an adapter of weights instead: peft_type LORA",
        )
    if method == "XLORA":
        raise ModelError("XLORA mixes several adapters of other folders", where=str(path / ADAPTER_CONFIG), fix=fix)


def _kind_of_adapter(path: Path, config: dict[str, Any]) -> Kind:
    task_type, mapping = config.get("task_type"), config.get("auto_mapping")
    base_class = str(mapping.get("base_model_class", "")) if isinstance(mapping, dict) else ""
    if (path / HEAD_FILE).is_file():
        return "head"
    if task_type == "SEQ_CLS" or base_class.endswith(CLASSIFIER):
        return "classifier"
    if task_type == "FEATURE_EXTRACTION":
        return "encoder"
    if task_type in (None, "CAUSAL_LM"):
        return "language"
    raise ModelError(
        f"this adapter is for {task_type}",
        where=str(path / ADAPTER_CONFIG),
        fix="an adapter of a language model (CAUSAL_LM) or of a classifier (SEQ_CLS) can be measured",
    )


def _kind_of_whole(path: Path, config: dict[str, Any]) -> Kind:
    architecture = architecture_of(config, where=path)
    if (path / HEAD_FILE).is_file():
        return "head"
    if any(str(name).endswith(CLASSIFIER) for name in config.get("architectures") or ()):
        return "classifier"
    return "language" if architecture == "decoder" else "encoder"


def _problem(path: Path, config: dict[str, Any]) -> str:
    return str(config.get("problem_type") or ("regression" if (path / TARGET_FILE).is_file() else ""))


def _labels(path: Path, config: dict[str, Any]) -> tuple[str, ...]:
    """labels.txt, else config.json's id2label, in class order; empty when neither is there.

    Raises ModelError when the two disagree in number.
    """
    listed = config.get("id2label")
    stated = {int(i): str(name) for i, name in listed.items()} if isinstance(listed, dict) else {}
    from_config = tuple(stated[i] for i in sorted(stated))
    file = path / LABELS_FILE
    if not file.is_file():
        return from_config
    lines = tuple(line for line in file.read_text(encoding="utf-8").splitlines() if line.strip())
    if (path / CONFIG).is_file() and from_config and not (path / HEAD_FILE).is_file() and len(lines) != len(stated):
        raise ModelError(
            f"{LABELS_FILE} names {len(lines)} classes, and the model has {len(stated)}",
            where=str(file),
            fix="write one name a line, in class order",
        )
    return lines


def _point_inside(path: Path) -> None:
    """A run's train folder, or a trainer's output folder, is named instead of the model in it."""
    inside = sorted(
        (one for one in path.iterdir() if (one / CONFIG).is_file() or (one / ADAPTER_CONFIG).is_file()),
        key=lambda one: one.stat().st_mtime,
    )
    if inside:
        raise ModelError(
            "this folder holds models in folders of their own",
            where=str(path),
            fix=f'evaluate.systems=["path:{inside[-1]}", base]',
        )
