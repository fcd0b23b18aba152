"""What can be wrong with the words and the plan: refused before anything is read."""

from __future__ import annotations

from tests.faults.fault import Refused
from tests.faults.rows import ROWS

_DATA = {"rows.csv": ROWS}


def _plan(text: str) -> dict[str, str]:
    return {"plan.yaml": text, "rows.csv": ROWS}


FAULTS = (
    Refused(
        "unknown-verb", "a verb spelled wrong", "rum rows.csv", 2, ("did you mean run?", "tunewright run rows.csv")
    ),
    Refused("no-verb", "a file where the verb should be", "rows.csv", 2, ("tunewright run rows.csv",), _DATA),
    Refused("unknown-option", "an option spelled wrong", "run rows.csv --quite", 2, ("did you mean --quiet?",), _DATA),
    Refused("no-plan", "a plan that is not there", "run plan.yaml", 2, ("there is no file plan.yaml",)),
    Refused("folder-as-plan", "a model's folder instead of a plan", "run model", 3, ("it is the folder of a model",)),
    Refused(
        "unknown-key",
        "a key spelled wrong",
        "run plan.yaml",
        2,
        ("plan.yaml:2", "did you mean train.learning_rate?"),
        _plan("data: rows.csv\ntrain: {learning_rat: 1e-4}\n"),
    ),
    Refused(
        "unknown-section",
        "a section spelled wrong",
        "run plan.yaml",
        2,
        ("plan.yaml:2", "did you mean train?"),
        _plan("data: rows.csv\ntrian: {epochs: 1}\n"),
    ),
    Refused(
        "unknown-key-typed", "the same on the command line", "run rows.csv modl=enc", 2, ("did you mean model?",), _DATA
    ),
    Refused(
        "wrong-type",
        "a word where a number belongs",
        "run plan.yaml",
        2,
        ("plan.yaml:3", "train.epochs cannot be 'many'"),
        _plan("data: rows.csv\ntrain:\n  epochs: many\n"),
    ),
    Refused(
        "out-of-range",
        "a number out of its range",
        "run rows.csv train.learning_rate=-1",
        2,
        ("train.learning_rate cannot be -1",),
        _DATA,
    ),
    Refused(
        "contradiction",
        "two fields that exclude each other",
        "run rows.csv train.method=full train.lora_r=8 model=model",
        2,
        ("train.lora_r says lora, train.method says full", "train.method=lora"),
        _DATA,
    ),
    Refused(
        "few-bits-whole",
        "all weights trained, and a base in few bits",
        "run rows.csv train.method=full model.quantization=nf4 model=model",
        2,
        ("cannot be trained", "train.method=lora"),
        _DATA,
    ),
    Refused(
        "require-unreadable",
        "a requirement without a sign",
        "run rows.csv 'evaluate.require={accuracy: 0.9}' model=model",
        2,
        ("evaluate.require", ">= 0.9"),
        _DATA,
    ),
    Refused(
        "require-unreachable",
        "an accuracy of 90 required",
        "run rows.csv 'evaluate.require={accuracy: \">= 90\"}' model=model",
        2,
        ("accuracy never reaches 90", ">= 0.9"),
        _DATA,
    ),
    Refused(
        "require-not-compared",
        "better than a system that is not compared",
        "run rows.csv 'evaluate.require={better_than: base}' 'evaluate.systems=[tuned, tfidf]' model=model",
        2,
        ("base is not among the systems", "[tuned, tfidf, base]"),
        _DATA,
    ),
    Refused(
        "shares-over-one",
        "shares that leave nothing to train on",
        "run rows.csv prepare.test_fraction=0.9 prepare.validation_fraction=0.5",
        2,
        ("nothing is left to train on",),
        _DATA,
    ),
    Refused(
        "key-twice",
        "a key that stands twice",
        "run plan.yaml",
        2,
        ("plan.yaml:3", "stands twice"),
        _plan("data: rows.csv\ntask: classify\ntask: text\n"),
    ),
    Refused(
        "broken-yaml",
        "a plan indented with a tab",
        "run plan.yaml",
        2,
        ("plan.yaml:2", "not valid YAML"),
        _plan("data:\n\ttrain: rows.csv\n"),
    ),
    Refused("empty-plan", "an empty plan", "run plan.yaml", 2, ("the plan is empty",), _plan("")),
    Refused(
        "plan-utf-16",
        "a plan saved as UTF-16",
        "run plan.yaml",
        2,
        ("not UTF-8",),
        {
            "plan.yaml": "data: rows.csv\n".encode("utf-16"),
        },
    ),
    Refused(
        "plan-without-data", "a plan that names no data", "run plan.yaml", 2, ("names no data",), _plan("task: text\n")
    ),
    Refused("no-override", "a value without its field", "run rows.csv 3", 2, ("section.field=value",), _DATA),
    Refused(
        "later-option",
        "an option of a later version",
        "run rows.csv train.packing=true",
        2,
        ("train.packing is not in this version",),
        _DATA,
    ),
    Refused(
        "other-tools-option",
        "another tool's option that has no counterpart",
        "run rows.csv optim=sgd",
        2,
        ("optim has no counterpart",),
        _DATA,
    ),
    Refused(
        "few-bits-trained-whole",
        "a base in 4 bits of which every weight shall be trained",
        "run rows.csv load_in_4bit=true train.method=full",
        2,
        ("weights in few bits cannot be trained", "train.method=lora"),
        _DATA,
    ),
    Refused(
        "unknown-system",
        "a rival spelled wrong",
        "run rows.csv model=model 'evaluate.systems=[tuned, majorty]'",
        2,
        ("majority",),
        _DATA,
    ),
)
