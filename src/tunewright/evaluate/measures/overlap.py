"""How many words and letters an answer shares with its reference: ROUGE, SQuAD token F1, exact match, chrF.

In: two texts. Out: a number, higher is better. Its own file because these are the published formulas, each held
against its own library or script in the tests; nothing here knows of predictions.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from sacrebleu.metrics import CHRF

from tunewright.text.clean import normalised

_ROUGE_WORDS = re.compile(r"[a-z0-9]+")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
"""Scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, Han."""
_WORDS = re.compile(f"[{_UNSPACED}]|[^\\W{_UNSPACED}]+")
_CHRF = CHRF()
"""Sentence chrF2: characters 1 to 6, beta 2. Source: Popović 2015; sacrebleu's defaults."""


def exact_match(answer: str, *, reference: str) -> float:
    """1.0 when both are the same once normalised, else 0.0.

    A reference without a letter or digit ("?!", an emoji) is compared as it stands, or it would match any other.
    """
    wanted = normalised(reference)
    same = normalised(answer) == wanted if wanted else answer.strip() == reference.strip()
    return float(same)


def token_f1(answer: str, *, reference: str) -> float:
    """Harmonic mean of precision and recall over words, counted with repetition.

    Words stand between spaces after lower-casing, removing ASCII punctuation and English articles; a text without
    spaces (Chinese) is one word. When a side has no word left: 1.0 if both have none, else 0.0.
    Source: SQuAD 2.0 evaluate-v2.0.py, compute_f1.

    >>> token_f1("the red cat", reference="a cat")  # precision 1/2, recall 1
    0.6666666666666666
    """
    answered, wanted = _squad_words(answer), _squad_words(reference)
    if not answered or not wanted:
        return float(answered == wanted)
    return _f1((Counter(answered) & Counter(wanted)).total(), len(answered), len(wanted))


def is_rouge_defined(reference: str) -> bool:
    """At least half of its letters and digits are a-z or 0-9: ROUGE sees nothing else.

    Source: rouge_score's tokenizer, which drops every other character; a Korean reference would always score 0.

    >>> is_rouge_defined("Café au lait"), is_rouge_defined("오늘 3시")
    (True, False)
    """
    n_seen = sum(len(word) for word in _ROUGE_WORDS.findall(reference.lower()))
    n_all = sum(character.isalnum() for character in reference)
    return n_seen > 0 and 2 * n_seen >= n_all


def rouge_n(answer: str, *, reference: str, n: int) -> float:
    """F-measure over runs of n words, counted with repetition; 0.0 when a side has none.

    Words are runs of a-z and 0-9 after lower-casing, no stemming. Source: Lin 2004; equal to google rouge_score.
    """
    answered, wanted = (_ngrams(_rouge_words(text), n) for text in (answer, reference))
    return _f1((answered & wanted).total(), answered.total(), wanted.total())


def rouge_l(answer: str, *, reference: str) -> float:
    """F-measure over the longest common subsequence of words; 0.0 when a side has none.

    Same words as rouge_n. Source: Lin 2004; equal to google rouge_score's rougeL.
    """
    answered, wanted = _rouge_words(answer), _rouge_words(reference)
    return _f1(common_subsequence_length(answered, wanted), len(answered), len(wanted))


def rouge_lsum(answer: str, *, reference: str) -> float:
    """ROUGE-L of a text of several lines: for each line of the reference the words that any line of the answer has in
    the same order, together; 0.0 when a side has no word.

    Same words as rouge_n; a word counts at most as often as the other side has it. Source: Lin 2004, section 3.2
    (summary level); equal to google rouge_score's rougeLsum, which takes lines for sentences.
    """
    answered, wanted = ([_rouge_words(line) for line in text.split("\n") if line] for text in (answer, reference))
    left_answered, left_wanted = (Counter(word for line in lines for word in line) for lines in (answered, wanted))
    n_answered, n_wanted, n_common = left_answered.total(), left_wanted.total(), 0
    for line in wanted:
        places = sorted({place for other in answered for place in _common_places(line, other)})
        for word in (line[place] for place in places):
            if left_answered[word] > 0 and left_wanted[word] > 0:
                n_common += 1
                left_answered[word] -= 1
                left_wanted[word] -= 1
    return _f1(n_common, n_answered, n_wanted)


def n_words(text: str) -> int:
    """Runs of letters and digits, single characters in scripts without spaces.

    >>> n_words("It's 5 pm"), n_words("今天 5 pm")
    (4, 4)
    """
    return len(_WORDS.findall(text))


def common_subsequence_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, one big-integer step for each word of `second`.

    Source: Hyyrö 2004, bit-parallel LCS: zeros in `row` count the matches.

    >>> common_subsequence_length("abcbdab", "bdcaba")
    4
    """
    places: dict[str, int] = {}
    for index, word in enumerate(first):
        places[word] = places.get(word, 0) | (1 << index)
    everything = (1 << len(first)) - 1
    row = everything
    for word in second:
        matched = row & places.get(word, 0)
        row = ((row + matched) | (row - matched)) & everything
    return len(first) - row.bit_count()


@lru_cache(maxsize=2**15)
def chrf(answer: str, *, reference: str) -> float:
    """Sentence chrF2, 0 to 100.

    Remembered, because metrics and comparisons ask for the same rows and it costs 1 ms for 300 characters.
    """
    return float(_CHRF.sentence_score(answer, [reference]).score)


def repetition(text: str) -> float | None:
    """Share of the text's 4-grams of words that repeat an earlier one; None below four words.

    Words are runs of letters and digits, single characters in scripts without spaces.
    Source: 1 - distinct-4 (Li et al. 2016), as the repetition rate of Welleck et al. 2020.

    >>> repetition("a b c d a b c d")  # 5 four-grams, 4 distinct
    0.2
    """
    words = _WORDS.findall(text.lower())
    grams = [tuple(words[i : i + 4]) for i in range(len(words) - 3)]
    return (len(grams) - len(set(grams))) / len(grams) if grams else None


def _common_places(first: Sequence[str], second: Sequence[str]) -> list[int]:
    """Places in `first` of one longest common subsequence: of several, the one that google's rouge_score finds."""
    table = [[0] * (len(second) + 1)]
    for word in first:
        above, line = table[-1], [0]
        for j, other in enumerate(second):
            line.append(above[j] + 1 if word == other else max(above[j + 1], line[j]))
        table.append(line)
    i, j, places = len(first), len(second), []
    while i and j:
        if first[i - 1] == second[j - 1]:
            i, j = i - 1, j - 1
            places.append(i)
        elif table[i][j - 1] > table[i - 1][j]:
            j -= 1
        else:
            i -= 1
    return places[::-1]


def _squad_words(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _rouge_words(text: str) -> list[str]:
    return _ROUGE_WORDS.findall(text.lower())


def _ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(zip(*(words[i:] for i in range(n)), strict=False))


def _f1(n_common: int, n_answered: int, n_wanted: int) -> float:
    return 2 * n_common / (n_answered + n_wanted) if n_common else 0.0
