"""How an exported folder is used without us, in lines that can be copied.

In: what kind of model it is. Out: lines of Python or shell, and the folder's README. Its own file because the command
line, the report and the folder itself say the same lines, and a test runs them.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from tunewright.core.tasks import TASKS
from tunewright.core.values import Subject, Task
from tunewright.model.target import TARGET_FILE

Kind = Literal["encoder", "classifier", "language"]
"""What a folder holds: an encoder with our head beside it, a classifier of transformers, a language model."""
FOLDER = "FOLDER"
"""Stands in the lines for where the folder is."""
SCRIPT = "predict.py"
SCRIPT_LINE = f'python {FOLDER}/{SCRIPT} "first text" "second text"'


def loading_lines(kind: Kind, *, target: str, task: Task, n_classes: int) -> tuple[str, ...]:
    """Plain transformers and peft; an encoder's own script."""
    if kind == "encoder":
        return (SCRIPT_LINE,)
    if kind == "classifier":
        return _classifier_lines(target=target, task=task, n_classes=n_classes)
    asks = '[{"role": "user", "content": "your question"}]' if task == "generate" else '"the beginning of a text"'
    return (
        "from transformers import pipeline",
        f'write = pipeline("text-generation", "{FOLDER}")',
        f'print(write({asks}, max_new_tokens=256, do_sample=False, return_full_text=False)[0]["generated_text"])',
    )


def _classifier_lines(*, target: str, task: Task, n_classes: int) -> tuple[str, ...]:
    auto, is_several = "ModelForSequenceClassification", task == "multilabel"
    tokenizer = f'tokenizer = AutoTokenizer.from_pretrained("{FOLDER}")'
    logits = 'model(**tokenizer("your text", return_tensors="pt")).logits'
    from_adapter = (
        f"from peft import AutoPeft{auto}; from transformers import AutoTokenizer",
        tokenizer,
        f'model = AutoPeft{auto}.from_pretrained("{FOLDER}", num_labels={n_classes})',
    )
    whole = (
        f"from transformers import Auto{auto}, AutoTokenizer",
        tokenizer,
        f'model = Auto{auto}.from_pretrained("{FOLDER}")',
    )
    if task == "regress":
        return (
            *(from_adapter if target == "adapter" else whole),
            "import json; from pathlib import Path",
            f'unit = json.loads(Path("{FOLDER}", "{TARGET_FILE}").read_text())',
            f'print(unit["mean"] + unit["deviation"] * float({logits}))',
        )
    if target == "adapter":
        read = "sigmoid()" if is_several else "softmax(-1)"
        return (*from_adapter, f"print({logits}.{read})  # in labels.txt's order")
    return (
        "from transformers import pipeline",
        f'classify = pipeline("text-classification", "{FOLDER}")',
        'print(classify("your text", top_k=None))' if is_several else 'print(classify("your text"))',
    )


def placed(lines: Sequence[str], *, folder: str) -> tuple[str, ...]:
    """The lines for a folder that lies there, whatever its name: quoted for a shell in a shell's line, else for Python.

    >>> print(*placed(['python FOLDER/predict.py "a"', 'pipeline("text-generation", "FOLDER")'], folder="my runs"))
    python 'my runs/predict.py' "a" pipeline("text-generation", "my runs")
    """
    in_shell, in_python = shlex.quote(f"{folder}/predict.py"), json.dumps(folder, ensure_ascii=False)
    return tuple(line.replace(f"{FOLDER}/predict.py", in_shell).replace(f'"{FOLDER}"', in_python) for line in lines)


def readme(subject: Subject, *, name: str, record: Mapping[str, Any]) -> str:
    """README.md of the folder: what it is, how to use it, how near it is to the proven model."""
    same = TASKS[subject.task].same_answer
    lines = [
        "---",
        f"library_name: {'peft' if name == 'adapter' else 'transformers'}",
        f"tags: [tunewright, {subject.task}]",
        "---",
        "",
        f"# {name} of a model tuned with tunewright" if subject.name == "tuned" else f"# {name}",
        "",
        "```" + ("bash" if record["loading"][0].startswith("python ") else "python"),
        *placed(record["loading"], folder="."),
        "```",
        "",
        compared_lines(record, same=same),
    ]
    return "\n".join(lines)


def compared_lines(record: Mapping[str, Any], *, same: str = "the same answer") -> str:
    """How near the folder is to the proven model, and who says so."""
    kl, metric = record["kl_nats"], record.get("metric")
    if not record["n"]:
        return f"**Unproven**: {record['unproven']}.\n"
    lines = [
        f"Compared with the proven model{_on(record)}: {kl['mean']:.3g} nats apart over {record['n']:,} answers"
        f" of {record['rows']} held-out rows (limit {record['limit_nats']:g}), {same} in {record['agreement']:.2%}.",
        "",
        *([f"{metric['words']}.", ""] if metric else []),
        *([f"**Unproven**: {record['unproven']}.", ""] if record.get("unproven") else []),
        f"How: {record['signature']}.",
        *_measured(record, same=same),
        *(["", f"Note: {record['note']}."] if record["note"] else []),
        "",
    ]
    return "\n".join(lines)


def _on(record: Mapping[str, Any]) -> str:
    return " on its base in float32" if " on a base in " in record["measured_in"] else ""


def _measured(record: Mapping[str, Any], *, same: str) -> list[str]:
    """What a base in few bits changed: the scores are of that, and this folder is not."""
    if not _on(record):
        return []
    kl, share = record["precision"]["kl_nats_mean"], record["precision"]["agreement"]
    how = f"Its scores were measured in {record['measured_in']}"
    return ["", f"{how}: {kl:.2g} nats away, {same} in {share:.2%}."]
