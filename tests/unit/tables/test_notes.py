"""What reading changes is counted, told with its rows, and kept as it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ftfy.bad_codecs
import pytest

from tests.shared_data import shared_data
from tests.unit.prepare.fresh_seed import fresh
from tunewright.core.plan import Plan
from tunewright.core.values import Change
from tunewright.prepare.detect import shape
from tunewright.prepare.stage import draft
from tunewright.tables.convert import Converted, converted
from tunewright.tables.read import read_table
from tunewright.tables.shape import Shape
from tunewright.tables.table import Record, Table
from tunewright.tables.turns import conversation

ftfy.bad_codecs.ok()

CLEAN = (
    "Wo ist mein Päckchen? Größe und Straße stimmen, die Gebühr nicht.",
    "J’ai déjà payé, où est mon colis ? C’est gênant, n’est‑ce pas…",
    "¿Dónde está mi tarjeta? Mañana será tarde, señor.",
    "Não recebi a encomenda; a ligação caiu às três.",
    "Gdzie jest moja paczka? Żółta, źle zapakowana, proszę.",
    "Где моя посылка? Она должна была прийти вчера.",
    "Πού είναι το δέμα μου; Έπρεπε να έχει έρθει χθες.",
    "私の荷物はどこですか。昨日届くはずでした。",
    "我的包裹在哪里？昨天就应该到了。",
    "제 소포는 어디에 있나요? 어제 도착했어야 했어요.",
    "أين طردي؟ كان يجب أن يصل أمس.",
    "איפה החבילה שלי? היא הייתה אמורה להגיע אתמול.",
    "मेरा पार्सल कहाँ है? इसे कल आना था।",
    "พัสดุของฉันอยู่ที่ไหน ควรจะมาถึงเมื่อวานนี้",
    "“Curly” ‘quotes’, ﬁne ligatures, Ｆｕｌｌ width, 20 °C ± 2 µm, ½ price, €5 – naïve café",
    "Thanks 👍🏽👩‍🚀 100 %",
    "SÃO PAULO, AÇÃO, PÃO DE AÇÚCAR",
    "Ein Satz mit â und Â, so geschrieben: ‘Â’ ist ein Buchstabe.",
)
"""Written for this test; nothing of it is damaged."""


def made(records: list[dict[str, Any]], *, mends: bool = True, **columns: Any) -> Converted:
    rows = tuple(Record(f"train:{i}", record) for i, record in enumerate(records, 2))
    table = Table(Path("t.csv"), "csv", tuple(records[0]), rows, (), (), {}, len(rows), "")
    return converted(table, shape=Shape("classify", "labelled", mends_mojibake=mends, **columns), system=None)


def texts(some: list[str], *, mends: bool = True) -> Converted:
    return made([{"t": t, "l": "x"} for t in some], mends=mends, text_column="t", label_column="l")


@pytest.mark.parametrize("text", CLEAN)
def test_clean_text_of_every_script_stays_as_it_is(text: str) -> None:
    result = texts([text])
    assert result.rows[0].text == text
    assert not result.repaired
    assert not result.changes


def test_planted_mojibake_is_found_on_its_rows_and_undone() -> None:
    rng = fresh()
    rows, planted = [], {}
    for i in range(200):
        text = " ".join(rng.sample(CLEAN[:13], 2))
        if rng.random() < 0.2:
            planted[f"train:{i + 2}"] = text
            text = text.encode("utf-8").decode(rng.choice(["latin-1", "sloppy-windows-1252"]))
        rows.append(text)
    result = texts(rows)
    (finding,) = (finding for finding in result.findings if finding.check == "mojibake")
    assert set(finding.row_ids) == set(planted)
    assert {row.row_id: row.text for row in result.rows if row.row_id in planted} == planted
    assert {change.row_id for change in result.changes} == set(planted)
    assert finding.action == "fix"


def test_mojibake_is_left_and_told_where_the_plan_keeps_it() -> None:
    result = texts(["cafÃ©", "café"], mends=False)
    assert [row.text for row in result.rows] == ["cafÃ©", "café"]
    (finding,) = result.findings
    assert (finding.check, finding.row_ids, finding.action) == ("mojibake", ("train:2",), "report")
    assert not result.repaired
    assert not result.changes


def test_a_mended_cell_is_kept_as_it_was() -> None:
    assert texts(["cafÃ© at  9", "a\0b"]).changes == (
        Change("train:2", "mojibake", "text", "cafÃ© at  9", "café at 9"),
        Change("train:3", "characters", "text", "a\0b", "ab"),
    )


def test_mended_turns_carry_their_place_in_the_conversation_that_is_learned() -> None:
    turns = [
        {"role": "user", "content": "oÃ¹ ?"},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": "lÃ\xa0"},
    ]
    result = conversation(turns, row_id="train:1", system="S")
    assert [m.content for m in result.messages] == ["S", "où ?", "là"]
    assert [(n.reason, n.field) for n in result.notes] == [
        ("empty_turns", ""),
        ("mojibake", "message 2"),
        ("mojibake", "message 3"),
    ]


def test_notes_of_turns_are_told_with_their_rows() -> None:
    calls = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "tool_calls": [{}]}]
    rows = tuple(
        Record(f"train:{i}", {"m": json.dumps(turns)})
        for i, turns in enumerate([calls, [*calls[:1], {"role": "bot", "content": "b"}, *calls[:1]]], start=1)
    )
    table = Table(Path("t.json"), "json", ("m",), rows, (), (), {}, 2, "")
    result = converted(table, shape=Shape("generate", "messages", messages_column="m"), system=None)
    assert result.repaired == {"tool_calls_left_out": 1, "turns_after_last_answer": 1}
    assert [(f.check, f.row_ids) for f in result.findings] == [
        ("conversation_shape", ("train:1",)),
        ("conversation_shape", ("train:2",)),
    ]


@pytest.mark.parametrize(
    ("key", "value", "is_trained"),
    [("weight", 0, False), ("weight", 1, True), ("train", False, False), ("training", False, False),
     ("train", True, True), ("train", "false", False), ("train", None, True), ("weight", "much", True)],
)  # fmt: skip
def test_an_answer_is_learned_unless_its_turn_says_no(key: str, value: Any, is_trained: bool) -> None:
    turns = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"},
        {"role": "assistant", "content": "d", key: value},
    ]
    assert conversation(turns).messages[-1].is_trained == is_trained


def test_an_unknown_role_is_named() -> None:
    rows = (Record("train:1", {"m": [{"role": "alien", "content": "a"}, {"role": "assistant", "content": "b"}]}),)
    table = Table(Path("t.json"), "json", ("m",), rows, (), (), {}, 1, "")
    (finding,) = converted(table, shape=Shape("generate", "messages", messages_column="m"), system=None).findings
    assert finding.check == "unknown_role"
    assert "('alien')" in finding.message
    assert "system, user, assistant or tool" in finding.suggestion


def test_planted_blanks_around_labels_are_told_with_their_rows() -> None:
    rng = fresh()
    planted = {i for i in range(300) if rng.random() < 0.1}
    pads = (" {}", "{}  ", "\t{}", "{}\u00a0", "  {} ")
    records = [
        {"t": f"text {i}", "l": rng.choice(pads).format(i % 3) if i in planted else str(i % 3)} for i in range(300)
    ]
    result = made(records, text_column="t", label_column="l")
    assert {row.label for row in result.rows} == {"0", "1", "2"}
    (finding,) = result.findings
    assert (finding.check, finding.action) == ("label_spelling", "fix")
    assert set(finding.row_ids) == {f"train:{i + 2}" for i in planted}
    assert result.repaired == {"label_blanks": len(planted)}


def test_the_label_with_trailing_blanks_of_korean_chatbot_is_told() -> None:
    table = read_table(shared_data("korean_chatbot/ChatbotData.csv"), role="train")
    result = converted(table, shape=shape(table, plan=Plan()), system=None)
    (finding,) = (finding for finding in result.findings if finding.check == "label_spelling")
    assert len(finding.row_ids) == 1
    assert "'2\u2423\u2423\u2423' is read as '2'" in finding.message
    (change,) = (change for change in result.changes if change.check == "label_spelling")
    assert (change.field, change.before, change.after) == ("label", "2   ", "2")


def test_reading_s_changes_stand_among_those_of_the_checks(tmp_path: Path) -> None:
    rows = [("cafÃ© ouvert", "x "), *((f"text number {i}", "xy"[i % 2]) for i in range(40))]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(f"{t},{label}\n" for t, label in rows))
    plan = Plan.model_validate({"data": {"train": "a.csv"}})
    made = draft(plan, folder=tmp_path, tell=lambda event: None)
    assert [(c.check, c.before, c.after) for c in made.seen.changes] == [
        ("mojibake", "cafÃ© ouvert", "café ouvert"),
        ("label_spelling", "x ", "x"),
    ]
    assert made.repaired == {"mojibake": 1, "label_blanks": 1}
    assert made.checks["mojibake"]["status"] == "found"


def test_a_plan_can_keep_the_wrong_encoding(tmp_path: Path) -> None:
    rows = [("cafÃ© ouvert", "x"), *((f"text number {i}", "xy"[i % 2]) for i in range(40))]
    (tmp_path / "a.csv").write_text("text,label\n" + "".join(f"{t},{label}\n" for t, label in rows))
    plan = Plan.model_validate({"data": {"train": "a.csv"}, "prepare": {"actions": {"mojibake": "report"}}})
    made = draft(plan, folder=tmp_path, tell=lambda event: None)
    assert any(row.text == "cafÃ© ouvert" for part in made.splits.values() for row in part)
    assert not made.shape.mends_mojibake


@pytest.mark.parametrize(
    ("name", "n_mended"),
    [
        ("banking77/banking_data/train.csv", 0),
        ("gsm8k/grade_school_math/data/train.jsonl", 0),
        ("korean_chatbot/ChatbotData.csv", 0),
        ("mts_dialog/Main-Dataset/MTS-Dialog-TrainingSet.csv", 0),
        ("oasst1_valid/eval/prompts/oa_questions.jsonl", 0),
        ("scitldr/SciTLDR-Data/SciTLDR-A/train.jsonl", 0),
        ("sms_spam/data/sms.tsv", 35),  # Windows-1252's apostrophes and pounds as control characters
        ("sms_spam_latin1_csv/spam.csv", 0),  # its pounds are damaged beyond what can be known
    ],
)
def test_nothing_but_mojibake_is_mended_in_real_files(name: str, n_mended: int) -> None:
    table = read_table(shared_data(name), role="train")
    result = converted(table, shape=shape(table, plan=Plan()), system=None)
    mended = [change for change in result.changes if change.check == "mojibake"]
    assert len(mended) == n_mended
    assert all(any("\x80" <= c <= "\x9f" for c in change.before) for change in mended)


def test_what_the_assistant_says_before_anybody_asked_is_read_and_not_learned() -> None:
    turns = [
        {"role": "system", "content": "s"},
        {"role": "assistant", "content": "Welcome!"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "Hello."},
    ]
    assert [m.is_trained for m in conversation(turns).messages] == [False, False, False, True]


def test_a_label_that_is_private_is_told_masked_though_its_blanks_are_shown() -> None:
    result = made(
        [{"t": "a text", "l": "+49 30 901820 "}, {"t": "another", "l": "b"}], text_column="t", label_column="l"
    )
    (finding,) = (finding for finding in result.findings if finding.check == "label_spelling")
    assert finding.message.endswith(": '[phone]\u2423' is read as '[phone]'")
