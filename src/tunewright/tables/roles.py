"""What a name says that a file is for: training, choosing or testing.

In: a file's or a folder's name. Out: the splits that its words say, or the word that might say one. Its own file
because people spell it in many ways (testset, trn, hold-out), and a word that is missed is a test row trained on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePath

from tunewright.core.values import Split

ROLE_WORDS: dict[str, Split] = {
    "train": "train", "training": "train", "trn": "train",
    "test": "test", "testing": "test", "tst": "test", "heldout": "test", "holdout": "test",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation", "eval": "validation",
    "evaluation": "validation",
}  # fmt: skip
"""Words in a file's name that say what it is for. Source: the names that Hugging Face's datasets knows, and ours."""
_BESIDE = frozenset((
    "set", "sets", "data", "dataset", "datasets", "file", "files", "split", "part", "fold", "shard", "batch", "rows",
    "sample", "samples", "example", "examples", "corpus", "text", "texts", "label", "labels", "labeled", "labelled",
    "sentences", "pairs", "my", "the", "all", "full", "small", "big", "new", "raw", "clean", "final", "x", "y", "df",
))  # fmt: skip
"""What such a word is glued to without becoming another one: testset, traindata, mytest. Ours."""
_MAYBE = ("test", "valid", "holdout", "heldout")
"""A word that begins or ends so may be for testing; one of train is trained on, which is what happens to it anyway."""
_PLAIN = re.compile(
    r"test(imon|ament|if[iy]|er|ed|y|osteron)\w*|validat(e|ed|es|or|ors|ing)|validity|validly|invalid|"
    r"(la|con|pro|at|de|grea|fas|shor|ligh|brigh|smar|swee|sof|quie|nea|cu|whi|poli|hot|wet|fit|fat|flat|tigh|stric|remo|fain"
    r"|stou|blun|swif|vas)test"
)
"""English words that only look so: latest, contest, testimonials."""
_APART = re.compile(r"(held|hold)[-_ .]out", re.IGNORECASE)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def split_said(name: str) -> set[Split]:
    """The splits that a name's words say; empty when none does.

    >>> split_said("My-TestSet-1.csv"), split_said("orders_trn.csv"), split_said("latest.csv")
    ({'test'}, {'train'}, set())
    """
    return {split for word in _words(name) for split in _of_word(word)}


def doubtful_word(path: str) -> str | None:
    """The word in a path that may say a split, glued to something that is not known; None without one.

    >>> doubtful_word("testabc.csv"), doubtful_word("latest.csv"), doubtful_word("testset.csv")
    ('testabc', None, None)
    """
    return next((word for part in PurePath(path).parts for word in _words(part) if _is_doubtful(word)), None)


def _words(name: str) -> Iterator[str]:
    return (word.lower() for word in _WORDS.findall(_APART.sub(r"\1out", name)))


def _of_word(word: str) -> Iterator[Split]:
    if word in ROLE_WORDS:
        yield ROLE_WORDS[word]
        return
    for role, split in ROLE_WORDS.items():
        rest = word.removeprefix(role) if word.startswith(role) else word.removesuffix(role)
        if rest != word and (rest in _BESIDE or rest in ROLE_WORDS):
            yield split
            yield from (ROLE_WORDS[rest],) if rest in ROLE_WORDS else ()


def _is_doubtful(word: str) -> bool:
    is_like = word.startswith(_MAYBE) or word.endswith(_MAYBE)
    return is_like and not any(_of_word(word)) and not _PLAIN.fullmatch(word)
