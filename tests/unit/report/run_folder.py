"""Run folders as a finished run leaves them, with values written here: small, complete, and the same every time."""

from __future__ import annotations

import json
import math
import random
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

TOPICS = (
    *("address change", "billing", "cancel order", "complaint", "contact agent", "delivery time"),
    *("invoice", "lost parcel", "password", "payment failed", "refund", "track order"),
)
_SIGNATURE = "accuracy|answer equals label|ci95:wilson"


def write_run(
    folder: Path, *, task: str = "classify", labels: tuple[str, ...] = TOPICS, n_test: int = 360, text: str = ""
) -> Path:
    """A run folder; `text` stands in every place that comes from data."""
    random_ = random.Random(0)
    _json(folder / "run.json", _manifest(folder.name))
    (folder / "resolved.yaml").write_text(yaml.safe_dump(_decision(task), sort_keys=False), encoding="utf-8")
    _write_select(folder / "select", task)
    _write_prepare(folder / "prepare", task, labels, n_test, text)
    _write_train(folder / "train", task)
    rows = _classified(labels, n_test, text, random_) if task == "classify" else _generated(n_test, text, random_)
    _write_evaluate(folder / "evaluate", task, labels, rows)
    _write_explain(folder / "explain", task, rows)
    return folder


def _manifest(name: str) -> dict[str, Any]:
    seconds = {"prepare": 3.2, "select": 1.1, "train": 412.0, "evaluate": 96.4}
    return {
        "name": name,
        "started": "2025-03-14T09:26:53+0000",
        "seed": 0,
        "machine": {
            "system": "Linux 6.1 x86_64",
            "processor": "Example CPU @ 2.4 GHz",
            "n_cores": 8,
            "has_bf16": True,
            "memory_bytes": 32_000_000_000,
            "memory_available_bytes": 21_000_000_000,
            "accelerator": "",
            "accelerator_memory_bytes": 0,
            "matrix_flops": 410e9,
        },
        "versions": {
            "python": "3.11.9",
            "tunewright": "0.1.0",
            "torch": "2.13.0",
            "transformers": "5.23.0",
            "peft": "0.21.0",
        },
        "stages": {k: {"status": "done", "fingerprint": "f" * 32, "seconds": v} for k, v in seconds.items()},
    }


def _decision(task: str) -> dict[str, Any]:
    is_classify = task == "classify"
    choices = [
        ("task", task, "a column `text` stands beside `label` with 12 values seen 150 times each on average"),
        ("model.name", _model(task), "the best-ranked model whose context covers the 95th percentile of 41 tokens"),
        ("model.dtype", "bfloat16", "the processor multiplies bfloat16 in hardware"),
        (
            "prepare.max_length",
            64,
            "keeps 99.5 % of 1,812 rows whole (their 99.5th percentile is 58 tokens, the longest 97)",
        ),
        (
            "train.method",
            "full" if is_classify else "lora",
            "an encoder of 22.7 M parameters fits whole; lora would save memory we do not need",
        ),
        ("train.learning_rate", 2e-4, "2e-4 measured best at width 384 on banking77; this encoder is 384 wide"),
        ("train.epochs", 5.0, "the best checkpoint by validation is kept, so more epochs cost time only"),
        (
            "evaluate.systems",
            ["tuned", "base", "majority", "tfidf", "linear_probe"],
            "the honest rivals; scratch costs a training",
        ),
    ]
    return {
        "plan": {
            "task": task,
            "model": {"name": _model(task)},
            "data": {"train": "tickets.csv"},
            "prepare": {"max_length": 64},
            "run": {"seed": 0},
        },
        "choices": [{"field": f, "value": v, "reason": r} for f, v, r in choices],
        "notes": ["lr was read as train.learning_rate"],
        "predicted_peak_memory_bytes": 1_310_000_000,
    }


def _model(task: str) -> str:
    return "starter:minilm-l6" if task == "classify" else "starter:smollm2-135m-instruct"


def _write_select(folder: Path, task: str) -> None:
    facts = (
        ("starter:minilm-l6", "encoder", 22_713_216, 512, 0.9e9),
        ("starter:smollm2-135m-instruct", "decoder", 134_515_008, 8192, 2.6e9),
    )
    order = facts if task == "classify" else facts[::-1]
    candidates = [
        {
            "name": name,
            "architecture": kind,
            "n_parameters": n,
            "context_tokens": context,
            "licence": "Apache-2.0",
            "fits": True,
            "need_bytes": need,
            "tokens_per_byte": 0.24,
            "task_fit": "good",
            "rank": rank,
            "reason": "an encoder reads a text once and labels it; smallest that fits"
            if rank == 1
            else "larger, and no better suited",
        }
        for rank, (name, kind, n, context, need) in enumerate(order, start=1)
    ]
    _json(folder / "candidates.json", candidates)
    name, kind, n, context, _ = order[0]
    card = {
        "name": name,
        "path": "",
        "architecture": kind,
        "model_type": "bert",
        "n_parameters": n,
        "n_layers": 6,
        "hidden_size": 384,
        "context_tokens": context,
        "licence": "Apache-2.0",
        "languages": ["en"],
    }
    _json(folder / "card.json", card)


def _write_prepare(folder: Path, task: str, labels: tuple[str, ...], n_test: int, text: str) -> None:
    kept = {"train": 1812, "validation": 320, "test": n_test}
    dropped = {"duplicate": 41, "empty": 6, "conflict": 9}
    _json(
        folder / "ledger.json",
        {
            "rows_read": sum(kept.values()) + sum(dropped.values()),
            "rows_kept": kept,
            "dropped": dropped,
            "repaired": {"encoding": 3},
            "tokens": {
                s: {
                    "total": 19 * n,
                    "trained_on": n,
                    "cut": 12 if s == "train" else 0,
                    "rows_cut": 2 if s == "train" else 0,
                }
                for s, n in kept.items()
            },
        },
    )
    findings = [
        {
            "check": "near_duplicates",
            "severity": "warning",
            "action": "report",
            "row_ids": [f"test:{i}" for i in range(2, 24)],
            "message": f"22 test rows have a nearly equal training row (Jaccard at least .8). {text}".strip(),
            "suggestion": "look at them; prepare.actions.near_duplicates=drop takes them out of train",
        },
        {
            "check": "imbalance",
            "severity": "info",
            "action": "report",
            "row_ids": [],
            "message": "the largest label has 3.1 times the rows of the smallest",
            "suggestion": "macro F1 is reported beside accuracy",
        },
    ]
    checks = {
        "encoding": {"status": "ok", "why": "utf-8"},
        "near_duplicates": {"status": "found", "why": ""},
        "personal_data": {"status": "not run", "why": "needs the extra pii"},
    }
    _json(folder / "findings.json", {"findings": findings, "checks": checks})
    _json(folder / "cards.json", _cards(text[:320]))
    _json(folder / "token_sample.json", _token_sample(text[:320], is_classify=task == "classify"))
    counts = [round(400 * math.exp(-((i - 5) ** 2) / 12)) for i in range(20)]
    _json(
        folder / "lengths.json",
        {
            "unit": "tokens",
            "edges": list(range(0, 105, 5)),
            "max_length": 64,
            "counts": {"train": counts, "validation": counts, "test": counts},
        },
    )
    n_rows = {"train": 1812, "validation": 320, "test": n_test}
    is_classify = task == "classify"
    per_label = {label: 100 + 7 * i for i, label in enumerate(labels)} if is_classify else {}
    _json(
        folder / "facts.json",
        {
            "task": task,
            "n_rows": n_rows,
            "labels": list(per_label),
            "rows_per_label": per_label,
            "bytes_per_row": 61.0,
            "language": "en",
            "sample": [],
        },
    )


def _cards(text: str) -> dict[str, Any]:
    """A pair with a shared stretch, and a mended cell; `text` stands in every cell."""

    def shown(words: str) -> dict[str, Any]:
        pieces = [("Hello, ", False), (text or words, True), (" please", False)]
        return {"pieces": [{"text": t, "is_marked": m} for t, m in pieces], "more": 12}

    def row(row_id: str, place: str) -> dict[str, Any]:
        return {
            "row_id": row_id,
            "place": place,
            "label": text or "refund",
            "seems": text,
            "note": text,
            "text": shown("where is my money"),
        }

    group = {"kind": "near", "value": 0.9, "n_rows": 2, "rows": [row("train:7", "train"), row("test:2", "test")]}
    change = {"row_id": "train:9", "field": "text", "before": shown("cafÃ©"), "after": shown("café")}
    card = {"check": "near_duplicates", "groups": [group], "n_groups": 22, "changes": [change], "n_changes": 3}
    languages = [{"language": "en", "share": 0.96}, {"language": text or "de", "share": 0.03}]
    return {"cards": [card], "languages": languages}


def _token_sample(text: str, *, is_classify: bool) -> dict[str, Any]:
    words = [("<|im_start|>", "context"), (text or "hi\n", "context"), ("you", "trained"), (" too", "trained")]
    first = [{"token_id": i, "text": word, "mark": mark} for i, (word, mark) in enumerate(words)]
    return {
        "row_id": "train:12",
        "label": text or "refund" if is_classify else "",
        "is_masked": True,
        "n_tokens": 4,
        "n_trained": 2,
        "n_cut": 0,
        "n_sequences": 1,
        "first": first,
        "n_hidden": 0,
        "last": [],
    }


def _write_train(folder: Path, task: str) -> None:
    start, end = (2.48, 0.16) if task == "classify" else (2.3, 1.72)
    lines, n_steps, noise = [], 285, random.Random(1)
    for step in range(1, n_steps + 1):
        loss = end + (start - end) * math.exp(-step / 50) + noise.gauss(0, 0.06)
        rate = 2e-4 * min(step / 28, 0.5 + 0.5 * math.cos(math.pi * max(0, step - 28) / 257))
        lines.append(
            {
                "event": "StepEvent",
                "step": step,
                "n_steps": n_steps,
                "epoch": step / 57,
                "loss_nats": loss,
                "n_targets": 32,
                "n_tokens": 610,
                "learning_rate": rate,
                "grad_norm": 1.0,
                "seconds": 1.2,
            }
        )
        if step % 57 == 0:
            score = 0.7 + 0.045 * step / 57 if task == "classify" else None
            lines.append(
                {
                    "event": "ValidationEvent",
                    "step": step,
                    "loss_nats": end + 0.22 + (start - end) * math.exp(-step / 45),
                    "n_targets": 320,
                    "score": score,
                    "is_best": True,
                }
            )
    folder.mkdir(parents=True)
    (folder / "steps.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    is_classify = task == "classify"
    _json(
        folder / "summary.json",
        {
            "method": "full" if is_classify else "lora",
            "layers": "all",
            "steps": n_steps,
            "n_steps_planned": n_steps,
            "stopped_early": False,
            "trainable_parameters": 22_717_836 if is_classify else 4_884_480,
            "total_parameters": 22_717_836 if is_classify else 139_399_488,
            "reached": _reached(22_717_836) if is_classify else {},
            "epochs": 5.0,
            "tokens_seen": 173_850,
            "tokens_trained_on": 9120,
            "seconds": 342.0,
            "tokens_per_second": 508.3,
            "peak_memory_bytes": 1_240_000_000,
            "predicted_peak_memory_bytes": 1_310_000_000,
            "utilisation": 0.41,
            "train_loss_nats": 0.17,
            "validation_loss_nats": 0.39,
            "validation_score": 0.925,
            "best_step": 285,
            "seed": 0,
        },
    )


def _reached(n: int) -> dict[str, Any]:
    part = {"n_weights": n, "n_reached": n, "n_trained": n}
    return {"by_kind": {"attention": part}, "by_block": [part], "missed": []}


def _classified(labels: tuple[str, ...], n_test: int, text: str, random_: random.Random) -> list[dict[str, Any]]:
    rates = {"tuned": 0.93, "base": 0.62, "majority": 0.0, "tfidf": 0.85, "linear_probe": 0.89}
    rows = []
    for i in range(n_test):
        reference = labels[i % len(labels)]
        shown = (
            text or f"Hello, this is about {reference} again: my number is {1000 + i}, could you look into it please?"
        )
        for system, rate in rates.items():
            near = labels[(i + random_.choice((1, 1, 2, 5))) % len(labels)]
            answer = labels[0] if system == "majority" else reference if random_.random() < rate else near
            rows.append(
                _row(
                    f"test:{i + 2}",
                    system,
                    shown,
                    reference,
                    answer,
                    is_correct=answer == reference,
                    probability=0.5 + random_.random() / 2,
                )
            )
    return rows


def _generated(n_test: int, text: str, random_: random.Random) -> list[dict[str, Any]]:
    rows = []
    for i in range(n_test):
        shown = (
            text or f"A customer writes: my parcel {1000 + i} has not arrived after nine days. What should I answer?"
        )
        reference = (
            text
            or "I am sorry for the wait. I have asked the carrier to find your parcel and will write again tomorrow."
        )
        for system, bits in {"base": 1.21, "tuned": 0.83}.items():
            is_written = i < 60
            answer = (
                (
                    text
                    or f"Thank you for writing. Your parcel {1000 + i} is being looked for; we answer within one day."
                )
                if is_written
                else ""
            )
            if system == "base" and not text:
                answer = answer and "As a helpful assistant, I can say that parcels sometimes take long. " * 3
            found = _row(
                f"test:{i + 2}",
                system,
                shown,
                reference,
                answer,
                is_correct=False if is_written else None,
                probability=None,
            )
            n_bytes = len(reference.encode("utf-8", "replace"))
            rows.append(
                {
                    **found,
                    "reference_nats": (bits + random_.gauss(0, 0.15)) * n_bytes * math.log(2),
                    "reference_bytes": n_bytes,
                    "is_stopped": (system == "tuned" or i % 3 > 0) if is_written else None,
                }
            )
    return rows


def _row(
    row_id: str,
    system: str,
    text: str,
    reference: str,
    answer: str,
    *,
    is_correct: bool | None,
    probability: float | None,
) -> dict[str, Any]:
    return {
        "row_id": row_id,
        "system": system,
        "text": text,
        "reference": reference,
        "answer": answer,
        "probability": probability,
        "is_correct": is_correct,
        "reference_nats": None,
        "reference_bytes": 0,
        "is_stopped": None,
        "is_end_argmax": None,
        "n_tokens": 0,
    }


def _write_evaluate(folder: Path, task: str, labels: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "predictions.parquet")
    systems = list(dict.fromkeys(row["system"] for row in rows))
    n = len({row["row_id"] for row in rows})
    found = _class_metrics(rows, systems, n) if task == "classify" else _text_metrics(systems, n)
    primary = "accuracy" if task == "classify" else "bits_per_byte"
    tuned = [row for row in rows if row["system"] == "tuned"]
    _json(
        folder / "metrics.json",
        {
            "task": task,
            "primary_metric": primary,
            "split": "test",
            "rows": n,
            "labels": list(labels),
            "systems": found,
            "comparisons": _comparisons(found, primary),
            "secondary": _secondary(found, primary),
            "verdict": {
                "status": "better",
                "sentence": "The tuned model answers 93.1 % of 360 test rows correctly: "
                "better than the same model before tuning (61.9 %), "
                "always the most common answer (8.3 %), the keyword model (85.3 %) and "
                "a linear classifier on the untuned model's vectors (88.6 %); "
                "for this trained model (one seed) it is better than all 4 rivals compared."
                if task == "classify"
                else "The tuned model needs 0.830 bits a byte (fewer is better) to predict the reference text of 360 "
                "test rows: better than the same model before tuning (1.210).",
                "details": [
                    "Against the keyword model: difference +0.0780 share, 95 % interval +0.0412 to +0.1150, p < .0001: "
                    "better (mid-p McNemar)."
                ],
            },
            "not_run": {
                "scratch": "nothing is trained",
                "few_shot": "prompting with examples is not in this version",
            },
            "calibration": _calibration(n) if task == "classify" else None,
            "confusion": {"labels": list(labels), "matrix": _matrix(tuned, labels)} if task == "classify" else None,
            "per_class": {
                label: {
                    "precision": 0.9 + 0.005 * (i % 12),
                    "recall": 0.94 - 0.01 * (i % 12),
                    "f1": 0.92 - 0.003 * (i % 12),
                    "n": n // len(labels),
                }
                for i, label in enumerate(labels)
            }
            if task == "classify"
            else None,
            "cost": {system: {"seconds": 1.5 + 20 * (system in ("tuned", "base"))} for system in systems},
            "generation": {"rows": 60, "max_new_tokens": 128} if task == "generate" else None,
            "test_set_uses": 1,
            "words": _words() if task == "generate" else None,
        },
    )


def _write_explain(folder: Path, task: str, rows: list[dict[str, Any]]) -> None:
    """Every third row is no better than random; the first word speaks for the answer, the second against it."""
    tuned = [row for row in rows if row["system"] == "tuned"][:9]
    _json(
        folder / "explanations.json",
        {
            "method": "occlusion",
            "task": task,
            "system": "tuned",
            "unit": "nats",
            "signature": "occlusion|deleted words|20 random orders",
            "rows_in_test": len(rows),
            "summary": {
                "n": 9,
                "comprehensiveness": 0.42,
                "random": 0.11,
                "difference": 0.31,
                "ci95": [0.22, 0.4],
                "p_value": 0.0002,
                "verdict": "better than random",
                "share_better_than_random": 2 / 3,
                "sentence": "the words found here carry the answers",
            },
            "rows": [_explained(row, is_better=i % 3 != 2) for i, row in enumerate(tuned)],
        },
    )


def _explained(row: dict[str, Any], *, is_better: bool) -> dict[str, Any]:
    weights = [1.2, -0.6, *[0.01] * 40]
    pieces = [
        {"text": word, "turn": 0, "importance_nats": weight}
        for word, weight in zip(re.findall(r"\S+\s*", row["text"]), weights, strict=False)
    ]
    return {
        "row_id": row["row_id"],
        "answer": row["answer"],
        "reference": row["reference"],
        "probability": 0.91,
        "pieces": pieces,
        "words_a_piece": 1,
        "comprehensiveness": 0.4,
        "random": 0.1,
        "p_value": 1 / 21 if is_better else 0.3,
        "is_better_than_random": is_better,
        "sentence": "these words matter more" if is_better else "not better than random words",
    }


def _matrix(tuned: list[dict[str, Any]], labels: tuple[str, ...]) -> list[list[int]]:
    matrix = [[0] * len(labels) for _ in labels]
    for row in tuned:
        matrix[labels.index(row["reference"])][labels.index(row["answer"])] += 1
    return matrix


def _metric(
    value: float | None, n: int, unit: str, half: float = 0.02, *, higher: bool = True, reason: str = ""
) -> dict[str, Any]:
    ends = (
        [None, None]
        if value is None
        else [max(0.0, value - half), min(1.0, value + half) if unit == "share" else value + half]
    )
    return {
        "value": value,
        "n": n,
        "unit": unit,
        "signature": _SIGNATURE,
        "ci95": ends,
        "is_higher_better": higher,
        "reason": reason,
    }


def _calibration(n: int) -> dict[str, Any]:
    """Of a model that is a little too sure of itself."""
    shares = [(0.55, 0.5), (0.82, 0.8), (0.97, 0.9)]
    return {
        "error_by_chance": 0.021,
        "bins": [
            {"confidence": said, "accuracy": found, "ci95": [found - 0.06, found + 0.05], "n": n / len(shares)}
            for said, found in shares
        ],
        "coverages": [
            {
                "coverage": share,
                "threshold": 0.5 * (2 - share),
                "accuracy": 0.99 - 0.06 * share,
                "ci95": [0.9, 0.995],
                "n": 300,
            }
            for share in (1.0, 0.9, 0.5)
        ],
    }


def _class_metrics(rows: list[dict[str, Any]], systems: list[str], n: int) -> dict[str, Any]:
    found = {}
    for system in systems:
        share = sum(row["is_correct"] for row in rows if row["system"] == system) / n
        loss = None if system in ("majority", "base") else 0.9 - 0.7 * share
        found[system] = {
            "accuracy": _metric(share, n, "share", 1.96 * math.sqrt(share * (1 - share) / n)),
            "balanced_accuracy": _metric(share * 0.99, n, "share"),
            "f1_macro": _metric(share * 0.98, n, "share"),
            "ece": _metric(0.044 if loss else None, n if loss else 0, "share", 0.02, higher=False),
            "log_loss": _metric(
                loss,
                n if loss else 0,
                "nats",
                higher=False,
                reason="" if loss else "no row has probabilities and a label seen in train",
            ),
        }
    return found


def _text_metrics(systems: list[str], n: int) -> dict[str, Any]:
    values = {"base": (1.21, 0.18, 0.66), "tuned": (0.83, 0.44, 1.0)}
    return {
        system: {
            "bits_per_byte": _metric(values[system][0], n, "bits/byte", higher=False),
            "rougeL": _metric(values[system][1], 60, "share", 0.06),
            "stops": _metric(values[system][2], 60, "share", 0.1),
            "exact_match": _metric(None, 0, "share", reason="no row with both an answer and a reference"),
        }
        for system in systems
    }


def _comparisons(found: dict[str, Any], primary: str) -> list[dict[str, Any]]:
    lines = []
    for system in found:
        if system != "tuned":
            difference = found["tuned"][primary]["value"] - found[system][primary]["value"]
            lines.append(
                {
                    "a": "tuned",
                    "b": system,
                    "metric": primary,
                    "difference": difference,
                    "ci95": [difference - 0.03, difference + 0.03],
                    "p_value": 0.00001,
                    "test": "mid-p McNemar",
                    "verdict": "better",
                }
            )
    return lines


def _words() -> dict[str, Any]:
    def word(text: str, gain: float, gained: int, *, is_clear: bool) -> dict[str, Any]:
        numbers = {"n": 25, "rows": 20, "rows_gained": gained, "gain_nats": gain, "ci95": [gain - 0.2, gain + 0.2]}
        return {"word": text, **numbers, "p_holm": 0.001 if is_clear else 0.4, "is_clear": is_clear}

    return {
        "reason": "",
        "rows": 64,
        "occurrences": 800,
        "looked_at": 31,
        "least_rows": 5,
        "n_clear_gained": 1,
        "n_clear_lost": 0,
        "gained": [word("parcel", math.log(3.24), 20, is_clear=True), word("<b>day", 0.1, 12, is_clear=False)],
        "lost": [word("assistant", -math.log(2), 8, is_clear=False)],
    }


def _secondary(found: dict[str, Any], primary: str) -> list[dict[str, Any]]:
    """The first other metric remains, the second looks real alone, the others are open."""
    lines = []
    for system in found:
        others = [name for name in found["tuned"] if name not in (primary, "ece") and system != "tuned"]
        for place, name in enumerate(others):
            p_value = (0.0001, 0.03, 0.4)[min(place, 2)]
            comparison = {
                "a": "tuned",
                "b": system,
                "metric": name,
                "difference": 0.1,
                "ci95": [0.05, 0.15],
                "p_value": p_value,
                "test": "permutation",
                "verdict": "better" if place < 2 else "not distinguishable",
            }
            holm = min(1.0, p_value * (len(others) - place))
            verdict = "better" if place == 0 else "not distinguishable"
            lines.append({"comparison": comparison, "p_holm": holm, "verdict": verdict})
    return lines


def _json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
