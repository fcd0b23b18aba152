"""What resolve and select need to know of the rows, and nothing more.

In: the split rows. Out: DataFacts. Its own file because these few numbers outlive the rows: a finished run is resolved
again from them alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import py3langid

from tunewright.core.label_sets import labels_of
from tunewright.core.scale import scale_of
from tunewright.core.tasks import LABELLED
from tunewright.core.values import DataFacts, Row, Split, Task
from tunewright.prepare.keys import text_of
from tunewright.prepare.split import drawn

SAMPLE_ROWS = 200
"""Texts that stand for all of train. Source: DESIGN 5."""
LANGUAGE_CHARACTERS = 400
"""Of each sampled text; more does not change the answer and costs time."""
LEAST_BYTES = 20
"""A shorter text is no evidence of a language: `ok lar` could be many. Bytes, because Korean says more in a letter."""
LANGUAGE_SHARE = 0.6
"""Share of the sampled texts that must agree. Ours: mixed data has no language, and is not given one."""


def data_facts(
    splits: Mapping[Split, Sequence[Row]], *, task: Task, seed: int, label_column: str | None = None
) -> DataFacts:
    """Facts of the kept rows; labels, scale, bytes, language and sample are of train."""
    train = splits["train"]
    said = [row.label for row in train if row.label is not None]
    counts = Counter(said) if task != "multilabel" else Counter(label for text in said for label in labels_of(text))
    numbers = [float(row.label) for row in train if row.label is not None] if task == "regress" else []
    names = {**dict.fromkeys(LABELLED, tuple(sorted(counts))), "regress": (label_column or "number",)}
    n_bytes = sum(len(text_of(row).encode("utf-8", "surrogatepass")) for row in train)
    sample = tuple(text_of(train[i]) for i in drawn(len(train), SAMPLE_ROWS, seed=seed, name="facts sample"))
    return DataFacts(
        task=task,
        n_rows={split: len(rows) for split, rows in splits.items()},
        labels=names.get(task, ()),
        rows_per_label={label: counts[label] for label in sorted(counts)} if task in LABELLED else {},
        bytes_per_row=n_bytes / len(train) if train else 0.0,
        language=language_of(sample),
        sample=sample,
        scale=scale_of(numbers),
    )


def language_of(texts: Sequence[str]) -> str:
    """ISO 639-1 of the language most texts are in; empty when they disagree or say too little.

    The most frequent language must be that of enough texts, and also that of all texts read as one.

    >>> language_of(["The parcel has not arrived at my house yet.", "Please send the money back to my account."])
    'en'
    """
    pieces = [text[:LANGUAGE_CHARACTERS] for text in texts if len(text.encode("utf-8", "replace")) >= LEAST_BYTES]
    if not pieces:
        return ""
    votes = Counter(str(py3langid.classify(piece)[0]) for piece in pieces)
    language, n = votes.most_common(1)[0]
    is_agreed = n >= LANGUAGE_SHARE * len(pieces) and language == py3langid.classify("\n".join(pieces))[0]
    return language if is_agreed else ""
