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
