"""Personal data by its form: found where it is planted, and not in numbers that only look like it."""

from __future__ import annotations

import random
import secrets
import string
import sys
from collections.abc import Callable

import pytest

from tests.shared_data import shared_data
from tunewright.text import private as module
from tunewright.text.private import KINDS, luhn, masked, masked_start, mod97, private_in, quoted
from tunewright.text.review_table import SHOWN_CHARACTERS, shown_text

TEXT = "please call me about the order it arrived late and my account shows the wrong amount"
WORDS = tuple(TEXT.split(" "))
"""None of them says password or token."""


class Planter:
    """Made values of every kind, and numbers that are none, from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def digits(self, n: int) -> str:
        return "".join(self.random.choices(string.digits, k=n))

    def letters(self, n: int) -> str:
        return "".join(self.random.choices(string.ascii_letters + string.digits, k=n))

    def words(self) -> str:
        return " ".join(self.random.choices(WORDS, k=self.random.randint(1, 8)))

    def fours(self, text: str) -> str:
        parts = [text[i : i + 4] for i in range(0, len(text), 4)]
        return self.random.choice([text, " ".join(parts)])

    def card(self) -> str:
        body = self.random.choice(["4", "51", "55", "6011", "2221"])
        body += self.digits(15 - len(body))
        return self.fours(body + next(d for d in string.digits if luhn(body + d)))

    def iban(self) -> str:
        country, n_digits, bank = self.random.choice(
            [("DE", 18, ""), ("GB", 14, "WEST"), ("FR", 23, ""), ("NL", 10, "ABNA")]
        )
        account = bank + self.digits(n_digits)
        check = next(n for n in range(2, 99) if mod97(f"{country}{n:02d}{account}"))
        return self.fours(f"{country}{check:02d}{account}")

    def phone(self) -> str:
        d, area = self.digits, str(self.random.randint(200, 999))
        forms = (f"+49 {area} {d(7)}", f"+1 ({area}) {d(3)}-{d(4)}", f"({area}) {d(3)}-{d(4)}", f"0{area}{d(7)}",
                 f"{area}-{d(3)}-{d(4)}", f"+33 1 {d(2)} {d(2)} {d(2)} {d(2)}", f"0{d(3)}/{d(6)}")  # fmt: skip
        return self.random.choice(forms)

    def email(self) -> str:
        name = self.random.choice(["ann", "j.doe", "max_m", "sales+x"])
        return f"{name}{self.digits(2)}@{self.random.choice(['example.org', 'mail.firma.de', 'uni.ac.uk'])}"

    def ip(self) -> str:
        four = ".".join(str(self.random.randint(1, 254)) for _ in range(4))
        six = ":".join(f"{self.random.randint(1, 65535):x}" for _ in range(8))
        return self.random.choice([four, six, f"fe80::{self.random.randint(1, 65535):x}"])

    def key(self) -> str:
        return self.random.choice(["sk-" + self.letters(40), "ghp_" + self.letters(36), "hf_" + self.letters(34),
                                   "AKIA" + self.letters(16).upper(), "AIza" + self.letters(35)])  # fmt: skip

    def none(self) -> str:
        d, r = self.digits, self.random
        wrong_card = next(c for c in iter(lambda: "4" + d(15), "") if not luhn(c))
        forms = (
            *(
                wrong_card,
                f"order {d(8)}",
                f"order #{d(6)}",
                f"{r.randint(1, 9)},{d(3)}.50 EUR",
                f"invoice {d(4)}-{d(4)}",
            ),
            *(
                f"2026-05-{r.randint(10, 28)}",
                f"{r.randint(10, 28)}.05.2026",
                f"7:{r.randint(10, 59)} pm",
                f"{d(5)} Berlin",
            ),
            *(
                f"version {r.randint(1, 9)}.{r.randint(0, 9)}.1",
                f"1{d(3)} - {d(3)} - {d(3)} = 12",
                f"@{r.choice(WORDS)}",
            ),
        )
        return r.choice(forms)


def test_private_in_has_an_f1_of_95_percent_on_planted_values_and_takes_no_card_with_a_wrong_digit() -> None:
    seed = secrets.randbits(32)
    planter = Planter(seed)
    makers: dict[str, Callable[[], str]] = {
        kind: getattr(planter, kind) for kind in ("card", "iban", "phone", "email", "ip", "key")
    }
    hits = misses = wrong = 0
    for i in range(3_000):
        kind = "" if i % 2 else planter.random.choice(list(makers))
        value = makers[kind]() if kind else planter.none()
        text = f"{planter.words()} {value} {planter.words()}"
        found = [(one.kind, text[one.start : one.end]) for one in private_in(text)]
        is_hit = (kind, value) in found
        hits, misses, wrong = hits + is_hit, misses + (bool(kind) and not is_hit), wrong + len(found) - is_hit
        assert all(luhn("".join(c for c in shown if c.isdigit())) for one, shown in found if one == "card"), (
            seed,
            text,
        )
    f1 = 2 * hits / (2 * hits + misses + wrong)
    sys.stdout.write(f"seed {seed}: F1 {f1:.3f}\n")
    assert f1 >= 0.95, (seed, misses, wrong)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("write to ann@example.org, or max@firma.de.", "write to [email], or [email]."),
        ("my password: hunter22X9 is safe", "my password: [key] is safe"),
        ("password: please", "password: please"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "[key]"),
        ("call +49 (0)30 901820 now", "call [phone] now"),
        ("at 12:30 on 2026-05-04 for 1,200.50", "at 12:30 on 2026-05-04 for 1,200.50"),
        ("version 10.4.2 of 5.4.3.2", "version 10.4.2 of [ip]"),
        ("It took 5000-1350-450=3200 words", "It took 5000-1350-450=3200 words"),
        ("+49 30 9018 2099 +49 30 9018 2099", "[phone] [phone]"),
        ("", ""),
    ],
)
def test_masked_shows_the_kind_and_leaves_the_rest(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_masked_takes_only_the_kinds_it_is_asked_for() -> None:
    assert masked("ann@example.org +49 30 9018200", kinds=("phone",)) == "ann@example.org [phone]"


def test_private_in_finds_nothing_in_bank_questions_and_phones_in_text_messages() -> None:
    questions = shared_data("banking77/banking_data/train.csv").read_text(encoding="utf-8")
    assert not private_in(questions)
    messages = shared_data("sms_spam/data/sms.tsv").read_text(encoding="utf-8").splitlines()
    kinds = [one.kind for line in messages for one in private_in(line)]
    assert kinds.count("email") == 7
    assert 400 <= kinds.count("phone") <= 440
    assert set(kinds) == {"email", "phone"}


@pytest.mark.parametrize("most", range(1, 60))
def test_quoted_masks_before_it_cuts(most: int) -> None:
    said = quoted("write to 4111 1111 1111 1111 today", most=most)
    assert not any(c.isdigit() for c in said)
    assert said == repr("write to [card] today"[:most])


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\\n", " ", ""])
def test_a_key_without_its_last_line_is_masked_with_its_characters(line_end: str) -> None:
    lines = ["MIIEowIBAAKCAQEA7bq1" * 3, "x9+/Qd" * 10]
    text = line_end.join(["it is -----BEGIN RSA PRIVATE KEY-----", *lines])
    assert masked(f"{text}, keep it") == "it is [key], keep it"


def test_kinds_that_are_not_asked_for_still_keep_what_is_theirs() -> None:
    text = "token=q7R2v9Zk1pXw mail ann@example.org card 4111 1111 1111 1111 call +49 30 901820"
    everything = private_in(text)
    assert [one.kind for one in everything] == ["key", "email", "card", "phone"]
    for kind in KINDS:
        assert private_in(text, kinds=(kind,)) == tuple(one for one in everything if one.kind == kind)
    assert [one.kind for one in private_in("pay to 4111 1111 1111 1111", kinds=("phone",))] == []


def test_masked_start_is_what_masked_begins_with_and_all_of_a_shorter_text() -> None:
    rng = random.Random(secrets.randbits(32))
    values = [
        "ann.kowalski@example.org",
        "4111 1111 1111 1111",
        "+49 30 9018200",
        "token=ab12cd34ef56gh",
        "plain",
        "words",
    ]
    for _ in range(40):
        text = " ".join(rng.choice(values) for _ in range(rng.randint(1, 900)))
        least = rng.randint(1, 4_000)
        whole, start = masked(text), masked_start(text, least=least)
        assert whole.startswith(start)
        assert start == whole or len(start) >= least


def test_a_line_of_the_review_reads_the_beginning_of_a_text_of_megabytes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counting(text: str, **kinds: object) -> object:
        read.append(len(text))
        return private_in(text, **kinds)  # type: ignore[arg-type]

    text = "ann@example.org and " * 100_000
    shown = masked(text[:20_000])[: SHOWN_CHARACTERS - 1] + "\u2026"
    monkeypatch.setattr(module, "private_in", counting)
    assert shown_text(text) == shown
    assert sum(read) < 20_000
