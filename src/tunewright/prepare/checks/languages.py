"""Rows in another language than the others.

In: all rows. Out: a finding with the languages and the rows of the unexpected ones. Its own file because a stray
language costs a model's attention, and a reader of the scores does not see it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import py3langid

from tunewright.core.values import Finding
from tunewright.prepare.checks.check import Check, Evidence, Found, Look
from tunewright.prepare.keys import text_of
from tunewright.tables.words import few, percent, told

NAME = "languages"
LEAST_BYTES = 60
"""A shorter text is no evidence: of banking77's 7,076 train questions under 60 bytes 30 look foreign, of the longer
ones none."""
LEAST_ROWS = 20
"""Fewer long rows have no usual language."""
READ_CHARACTERS = 400
MAIN_SHARE = 0.6
"""Of the long rows; below it the data is in several languages, and none is a stray. As in facts.language_of."""


def look(shown: Look) -> Found:
    read = [(k.row.row_id, text_of(k.row)[:READ_CHARACTERS]) for part in shown.rows.values() for k in part]
    long = [(row_id, text) for row_id, text in read if len(text.encode("utf-8", "replace")) >= LEAST_BYTES]
    if len(long) < LEAST_ROWS:
        return Found(not_run=f"fewer than {LEAST_ROWS} rows have {LEAST_BYTES} bytes, too little to tell a language")
    first = [str(py3langid.classify(text)[0]) for _, text in long]
    main, n = Counter(first).most_common(1)[0][0], len(long)
    found = [
        (row_id, guess if guess == main or _is_clearly(guess, text, main=main) else main)
        for (row_id, text), guess in zip(long, first, strict=True)
    ]
    counts = Counter(language for _, language in found)
    n_main = counts[main]
    shares = tuple(_share(language, found, of=n) for language, _ in counts.most_common(SHOWN))
    if n_main == n:
        return Found(evidence=shares)
    others = ", ".join(f"{language} {k:,}" for language, k in counts.most_common(6)[1:])
    if n_main < MAIN_SHARE * n:
        message = f"the rows are in several languages: {main} {percent(n_main, n)} of {n:,} long ones, {others}"
        return Found(
            (Finding(NAME, "info", message, (), "choose a model that knows them: model=FOLDER_OR_ID"),), evidence=shares
        )
    ids = tuple(row_id for row_id, language in found if language != main)
    looks = told(len(ids), "looks", "look")
    message = f"{looks} like another language than {main} ({others}; of {n:,} long ones), as {few(ids)}"
    return Found((Finding(NAME, "info", message, ids, f"look at one: tunewright trace {ids[0]}"),), evidence=shares)


def _share(language: str, found: Sequence[tuple[str, str]], *, of: int) -> Evidence:
    """How much of the long rows, and the first that are in it."""
    ids = [row_id for row_id, guess in found if guess == language]
    return Evidence(NAME, "language", tuple(ids[:NAMED]), len(ids) / of, language)


SHOWN, NAMED = 8, 5
"""Languages whose share is kept as evidence, and rows named with each."""
NO_LANGUAGE = "zxx"
"""Numbers, links, names: ISO 639-2's word for none."""
CLEAR_NATS = 15.0
"""By how much the log-likelihood of another language must exceed the main one's. Ours, looked at on sms_spam: below it
stand English text messages with odd spelling, above it Bengali, Hindi and Tamil in Latin letters; a French, German,
Spanish or Italian sentence has 90 and more."""


def _is_clearly(guess: str, text: str, *, main: str) -> bool:
    scores = dict(py3langid.rank(text))
    return guess != NO_LANGUAGE and float(scores[guess] - scores[main]) >= CLEAR_NATS


CHECK = Check("row in another language", ("split",), look)
