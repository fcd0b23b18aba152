"""Labels that differ in case or punctuation only are one class, and every row that has the rarer spelling is named."""

from __future__ import annotations

from tests.unit.prepare.fresh_seed import fresh
from tests.unit.prepare.some_rows import labelled
from tunewright.core.values import Action, Row
from tunewright.prepare.checks.table import checked_actions
from tunewright.prepare.examine import Examined, Terms, examined
from tunewright.prepare.keys import keyed

NAMES = ("card_lost", "pin_blocked", "fee_charged")
ODD = ("{c}-{d}", "{c} {d}", "{C} {D}", "{C}{sep}{D}", "{c}.{d}")


def made(rows: tuple[Row, ...], *, action: Action) -> Examined:
    actions = checked_actions({"label_spelling": action})
    return examined("repair", {"train": keyed(rows)}, Terms("classify", actions))


def test_planted_spellings_are_named_and_read_as_the_usual_one() -> None:
    rng = fresh()
    pairs, planted = [], {}
    for i in range(400):
        name = NAMES[i % 3]
        c, d = name.split("_")
        odd = rng.choice(ODD).format(c=c, d=d, C=c.title(), D=d.title(), sep="_")
        is_planted = rng.random() < 0.1
        planted.update({f"train:{i + 2}": (odd, name)} if is_planted and odd != name else {})
        pairs.append((f"text {i}", odd if is_planted else name))
    told = made(labelled(pairs), action="report")
    (finding,) = told.findings
    assert set(finding.row_ids) == set(planted)
    assert not told.changes
    fixed = made(labelled(pairs), action="fix")
    assert {change.row_id: (change.before, change.after) for change in fixed.changes} == planted
    assert {k.row.label for k in fixed.sides["train"]} == set(NAMES)


def test_names_of_other_words_stay_apart() -> None:
    names = ("card_lost", "card_last", "cards_lost", "lost_card", "1", "2")
    rows = labelled([(f"text {i}", name) for i, name in enumerate(names)])
    assert not made(rows, action="fix").findings
