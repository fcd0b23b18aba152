"""Small files with a pattern that a model can learn, made by the tests."""

from __future__ import annotations

import csv
import json
from pathlib import Path

WORDS = {
    "refund": ("money back", "refund", "pay me", "reimburse"),
    "delivery": ("parcel", "courier", "late van", "shipping"),
    "login": ("password", "sign in", "account locked", "login"),
}
ENDINGS = ("please", "now", "today", "again", "since monday", "thanks", "for order", "help", "urgent", "asap")


def write_labelled(path: Path, *, n_endings: int = 10) -> Path:
    """3 classes x 4 words x n_endings rows: text,label."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        for label, words in WORDS.items():
            for word in words:
                for ending in ENDINGS[:n_endings]:
                    writer.writerow((f"{word} {ending}", label))
    return path


def write_pairs(path: Path, *, n: int = 40) -> Path:
    """Prompt and completion, one JSON object a line."""
    lines = [{"prompt": f"say {i}", "completion": f"you said {i}, fine"} for i in range(n)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def write_documents(path: Path, *, n: int = 30) -> Path:
    """One document a line."""
    path.write_text("".join(f"note {i}: the river rises and falls with the moon\n" for i in range(n)), encoding="utf-8")
    return path


PRICES = {"tent": 180.5, "stove": 42.25, "rope": 12.75, "lamp": 25.5, "boots": 95.0}


def write_numbers(path: Path, *, n_endings: int = 10) -> Path:
    """5 things x 3 counts x n_endings rows: text,price. The price is the thing's, times how many."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "price"))
        for thing, price in PRICES.items():
            for n, count in enumerate(("one", "two", "six"), start=1):
                for i, ending in enumerate(ENDINGS[:n_endings]):
                    writer.writerow((f"{count} {thing} {ending}", price * n + i / 8))
    return path


COMPLAINTS = {"late": "came a week late", "damaged": "was broken in the box", "rude": "the courier was rude"}


def write_label_sets(path: Path, *, n_endings: int = 10) -> Path:
    """All 8 sets of 3 labels x 2 things x n_endings rows, one JSON a line: text,labels. What is said is labelled."""
    lines = []
    for thing in ("parcel", "chair"):
        for i, ending in enumerate(ENDINGS[:n_endings]):
            for n in range(8):
                labels = [label for bit, label in enumerate(COMPLAINTS) if n & 1 << bit]
                said = ", ".join(COMPLAINTS[label] for label in labels) or "is fine"
                lines.append({"text": f"my {thing} {i} {said} {ending}", "labels": labels})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def write_separated_labels(path: Path, *, separator: str = "|", n_endings: int = 10) -> Path:
    """The same as a CSV: text,labels with the separator between them, [] for none."""
    source = write_label_sets(path.with_suffix(".jsonl"), n_endings=n_endings)
    rows = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    source.unlink()
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "labels"))
        writer.writerows((row["text"], separator.join(row["labels"]) or "[]") for row in rows)
    return path
