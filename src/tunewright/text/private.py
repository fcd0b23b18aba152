"""Personal data and secrets in a text, found by their form: e-mail, phone, card, IBAN, IP address, keys.

In: a text. Out: where they stand and of what kind, or the text with them masked. Its own file because the data check
that reports them, the repair that takes them out and every report that shows a row must agree on what they are. Names
and addresses have no form; finding them needs a model (extra `pii`), and nothing here claims to.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["key", "email", "iban", "card", "ip", "phone"]
KINDS: tuple[Kind, ...] = ("key", "email", "iban", "card", "ip", "phone")

SECRET_BITS = 3.0
"""Entropy a character from which a value with letters and digits after `password=` is a secret. Ours: of random ones of
16 characters 99 in 100 have 3.4 and more, English words of 8 letters and more about 2.8."""
IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20,
    "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15,
    "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
"""Characters of a country's account number. Source: ISO 13616, SWIFT's IBAN registry."""
CARD_DIGITS = range(13, 20)
PHONE_DIGITS = range(7, 16)
"""Source: ISO/IEC 7812; ITU-T E.164 (15 at most)."""
NATIONAL_DIGITS = 9
"""Fewer, without + or an area code in brackets, is an order or invoice number as often as a phone."""


@dataclass(frozen=True, slots=True)
class Private:
    """Characters [start, end) of a text."""

    kind: Kind
    start: int
    end: int


def private_in(text: str, *, kinds: Sequence[Kind] = KINDS) -> tuple[Private, ...]:
    """What is found of these kinds, from left to right, none within another of any kind.

    >>> [found.kind for found in private_in("mail me: ann@example.org or call +49 30 901820")]
    ['email', 'phone']
    """
    if not _MAY_HOLD.search(text):
        return ()
    found: list[Private] = []
    last = max(KINDS.index(kind) for kind in kinds)  # a kind takes characters from later ones only
    for kind, pattern, is_one in _KINDS[: last + 1]:
        for match in pattern.finditer(text):
            start, end = match.span("value")
            if is_one(match["value"]) and not any(other.start < end and start < other.end for other in found):
                found.append(Private(kind, start, end))
    return tuple(sorted((one for one in found if one.kind in kinds), key=lambda one: one.start))


def masked(text: str, *, kinds: Sequence[Kind] = KINDS) -> str:
    """The text with each one of these kinds replaced by its name in brackets.

    >>> masked("my card 4111 1111 1111 1111 was charged")
    'my card [card] was charged'
    """
    return _without(text, private_in(text, kinds=kinds), end=len(text))


def masked_start(text: str, *, least: int) -> str:
    """What masked(text) begins with: at least so many characters, or all of it. A long text is read only so far.

    >>> masked_start("write to ann@example.org today", least=16)
    'write to [email] today'
    """
    end = least
    while end + KEY_CHARACTERS < len(text):  # so far beyond the end that no value which begins before it is cut in two
        told = _without(text, private_in(text[: end + KEY_CHARACTERS]), end=end)
        if len(told) >= least:
            return told
        end *= 2
    return masked(text)


def _without(text: str, found: Sequence[Private], *, end: int) -> str:
    """The text as far as its end, or that of a value which begins before."""
    out, at = [], 0
    for one in found:
        if one.start < end:
            out += [text[at : one.start], f"[{one.kind}]"]
            at = one.end
    return "".join((*out, text[at : max(at, end)]))


def quoted(text: str, *, most: int = 60) -> str:
    """The beginning of a user's text, as a message says it: masked before it is cut, so that no half of a value stays.

    >>> quoted("write to ann@example.org today", most=16)
    "'write to [email]'"
    """
    return repr(masked(text[: most + KEY_CHARACTERS])[:most])


KEY_CHARACTERS = 5_000
"""The longest private value has no more: so far beyond what is shown a text is read, that none is cut in two."""


def luhn(digits: str) -> bool:
    """Source: ISO/IEC 7812-1, annex B."""
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def mod97(iban: str) -> bool:
    """Source: ISO 7064, MOD 97-10."""
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


def _is_card(value: str) -> bool:
    digits = re.sub(r"\D", "", value)
    groups = [len(group) for group in re.findall(r"\d+", value)]
    is_grouped = len(groups) == 1 or groups == [4, 6, 5] or (set(groups[:-1]) == {4} and groups[-1] <= 4)
    is_issued = len(digits) in CARD_DIGITS and digits[0] in "23456" and len(set(digits)) > 1
    return is_issued and is_grouped and luhn(digits)


def _is_iban(value: str) -> bool:
    plain = re.sub(r"[ -]", "", value).upper()
    return IBAN_LENGTHS.get(plain[:2]) == len(plain) and mod97(plain)


def _is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return ":" not in value or value.count(":") > 2 or "::" in value


def _is_phone(value: str) -> bool:
    digits = re.sub(r"\D", "", value)
    groups = [len(group) for group in re.findall(r"\d+", value)]
    is_marked = value.startswith("+") or bool(_AREA.match(value))
    is_national = len(digits) >= NATIONAL_DIGITS and (value.startswith("0") or groups == [3, 3, 4])
    is_date = bool(_DATE.fullmatch(value))
    return len(digits) in PHONE_DIGITS and (is_marked or is_national) and not is_date and len(set(digits)) > 1


def _is_key(value: str) -> bool:
    return bool(_KEY_PREFIX.match(value)) or (len(value) >= 8 and _entropy(value) >= SECRET_BITS and _is_mixed(value))


def _is_mixed(value: str) -> bool:
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


def _entropy(value: str) -> float:
    """Bits a character."""
    return -sum(n / len(value) * math.log2(n / len(value)) for n in Counter(value).values())


def _iban_form(n_characters: int) -> str:
    """The account numbers of this length, with blanks or dashes anywhere."""
    countries = "|".join(country for country, n in IBAN_LENGTHS.items() if n == n_characters)
    return rf"(?:{countries})\d{{2}}(?:[ -]?[A-Z0-9]){{{n_characters - 4}}}"


_MAY_HOLD = re.compile(r"[@\d]|:|_[A-Za-z]|sk-|AIza|xox|A[KS]IA|eyJ|BEGIN")
"""Without one of these signs there is none of them: most rows end here."""
_AREA = re.compile(r"\(\+?\d{2,5}\)[ /-]?\d")
_DATE = re.compile(r"\(?\d{4}[-./ ]\d{1,2}[-./ ]\d{1,2}\)?|\d{1,2}[-./ ]\d{1,2}[-./ ]\d{4}")
_KEY_PREFIX = re.compile(
    r"(?:sk-[A-Za-z0-9_-]{16}|[sr]k_(?:live|test)_\w{10}|gh[pousr]_\w{20}|github_pat_\w{20}|A[KS]IA[A-Z0-9]{12}"
    r"|xox[abeprs]-[\w-]{10}|AIza[\w-]{20}|glpat-[\w-]{12}|hf_[A-Za-z0-9]{20}|npm_\w{20}|eyJ[\w-]{10,}\.[\w-]{10}"
    r"|-----BEGIN)"
)
"""What issuers put in front. Source: their documentation; the same prefixes as in gitleaks' rules."""
_KEY = re.compile(
    r"(?P<value>-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"(?:[\s\S]{0,4000}?-----END [A-Z ]*PRIVATE KEY-----|(?:(?:\s|\\[nr]){0,4}[A-Za-z0-9+/=]{16,76}){0,50})"
    r"|(?<![\w-])(?:sk-|[sr]k_(?:live|test)_|gh[pousr]_|github_pat_|A[KS]IA|xox[abeprs]-|AIza|glpat-|hf_|npm_|eyJ)"
    r"[\w.-]{12,}"
    r"|(?i:(?<=password: )|(?<=password=)|(?<=passwd=)|(?<=api_key=)|(?<=apikey=)|(?<=api key: )|(?<=secret=)"
    r"|(?<=token=)|(?<=token: ))[^\s,;\"']{8,})"
)
_EMAIL = re.compile(r"(?P<value>(?<![\w.+-])[\w.+%-]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24})(?![\w@])")
_IBAN = re.compile(
    rf"(?<![A-Za-z0-9])(?P<value>(?i:{'|'.join(_iban_form(n) for n in sorted(set(IBAN_LENGTHS.values())))}))"
    "(?![A-Za-z0-9])"
)
_CARD = re.compile(r"(?<![\w.=<>$])(?P<value>\d(?:[ -]?\d){12,18})(?![\w]|\.\d)")
_IP = re.compile(
    r"(?<![\w.:])(?P<value>(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4})(?![\w:]|\.\d)"
)
_PHONE = re.compile(
    r"(?<![\w.,:/#=<>$*(+-])(?P<value>(?P<plus>\+)?\(?\d(?:[ ./()-]{0,2}\d){6,14})(?![\w%(]|[.,]\d| ?[=<>*/])"
    r"(?(plus)(?! ?\+\D)|(?! ?\+))"
)
"""What a plus follows is a sum, unless it opens with one itself: two such numbers stand in a row in lists."""

_KINDS: tuple[tuple[Kind, re.Pattern[str], Callable[[str], bool]], ...] = (
    ("key", _KEY, _is_key),
    ("email", _EMAIL, lambda value: True),
    ("iban", _IBAN, _is_iban),
    ("card", _CARD, _is_card),
    ("ip", _IP, _is_ip),
    ("phone", _PHONE, _is_phone),
)
"""The first that takes some characters keeps them: a card's digits are no phone."""
