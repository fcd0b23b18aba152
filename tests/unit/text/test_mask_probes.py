"""Each probe is green on what our own code made, and red on the one thing that it is there for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import CHATML, DECODER_SPECIAL, THINKING, byte_tokenizer
from tunewright.core.probe import Status
from tunewright.core.values import Encoded, Message, Row, Task
from tunewright.model.load import load_tokenizer
from tunewright.text.chat import Tokenizer
from tunewright.text.encode import encode, trained_runs
from tunewright.text.mask_probes import END, FRONT, IDS, MASKS, ROUND_TRIP, Looked, mask_probes
from tunewright.text.render import render

ROWS = tuple(
    Row(
        f"train:{i}",
        text=f"word {i}",
        label="a",
        messages=(Message("user", f"say {i}"), Message("assistant", answer, True)),
    )
    for i, answer in enumerate(("yes", "no, never", "it | is\nso"))
)

LOUD_EARLIER = (
    "{% if loop.last or message['role'] == 'user' %}{{ message['content'] }}"
    "{% else %}{{ message['content'] | upper }}{% endif %}"
)
"""Earlier answers are not shown as the model writes them."""


def looked(tokenizer: Tokenizer, *, task: Task = "generate", rows: tuple[Row, ...] = ROWS) -> Looked:
    examples = [render(row, task=task, labels=("a",)) for row in rows]
    return Looked(rows, encode(examples, tokenizer=tokenizer, task=task), task, tokenizer)


def statuses(found: Looked) -> dict[str, Status]:
    return {probe.name: probe.status for probe in mask_probes(found)}


@pytest.mark.parametrize("template", [CHATML, THINKING])
def test_all_hold_when_a_chat_is_encoded_by_its_template(template: str) -> None:
    chat = (
        Message("user", "a"),
        Message("assistant", "b", True),
        Message("user", "c"),
        Message("assistant", "d", True),
    )
    rows = (*ROWS, Row("train:9", messages=chat))
    found = looked(byte_tokenizer(DECODER_SPECIAL, template=template), rows=rows)
    assert set(statuses(found).values()) == {"ok"}


def test_masks_say_which_answers_the_template_shows_otherwise() -> None:
    turns = (("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    chat = tuple(Message(role, content, role == "assistant") for role, content in turns)
    rows = (Row("train:9", messages=chat),)
    loud = CHATML.replace("{{ message['content'] }}", LOUD_EARLIER)
    assert loud != CHATML
    for template, says in ((THINKING, True), (loud, True), (CHATML, False)):
        found = mask_probes(looked(byte_tokenizer(DECODER_SPECIAL, template=template), rows=rows))
        masks = next(probe for probe in found if probe.name == MASKS)
        assert masks.status == "ok"
        assert masks.found.endswith("the template shows them otherwise: 1") == says


def test_classify_runs_what_concerns_it_and_calls_the_rest_not_run(tiny_encoder: Path) -> None:
    found = statuses(looked(load_tokenizer(tiny_encoder), task="classify"))
    assert found == {IDS: "ok", MASKS: "not run", END: "not run", FRONT: "ok", ROUND_TRIP: "not run"}


def test_raw_text_is_trained_on_but_its_first_token(tiny_decoder: Path) -> None:
    found = statuses(looked(load_tokenizer(tiny_decoder), task="text"))
    assert found.pop(ROUND_TRIP) == "not run"
    assert set(found.values()) == {"ok"}


def test_without_rows_nothing_is_ok(tiny_decoder: Path) -> None:
    assert set(statuses(looked(load_tokenizer(tiny_decoder), rows=())).values()) == {"not run"}


def broken(found: Looked, row: Encoded) -> Looked:
    return replace(found, encoded=(row, *found.encoded[1:]))


def test_masks_fail_when_nothing_is_trained(tiny_decoder: Path) -> None:
    found = looked(load_tokenizer(tiny_decoder))
    first = found.encoded[0]
    assert statuses(broken(found, replace(first, trained=(False,) * len(first))))[MASKS] == "failed"


def test_masks_fail_when_the_second_answer_is_left_out() -> None:
    chat = (*ROWS[0].messages, Message("user", "c"), Message("assistant", "d", True))
    found = looked(byte_tokenizer(DECODER_SPECIAL, template=CHATML), rows=(Row("train:9", messages=chat),))
    (whole,) = found.encoded
    first, second = trained_runs(whole.trained)
    part = tuple(t and i < second[0] for i, t in enumerate(whole.trained))
    assert first[1] <= second[0]
    assert statuses(broken(found, replace(whole, trained=part)))[MASKS] == "failed"


def test_masks_fail_when_the_trained_words_are_another_turns() -> None:
    chat = (Message("user", "b"), Message("assistant", "a", True))
    found = looked(byte_tokenizer(DECODER_SPECIAL, template=CHATML), rows=(Row("train:9", messages=chat),))
    other = replace(found.rows[0], messages=(Message("user", "b"), Message("assistant", "z", True)))
    assert statuses(replace(found, rows=(other,)))[MASKS] == "failed"


def test_masks_fail_when_the_prompts_last_token_is_trained_too(tiny_decoder: Path) -> None:
    found = looked(load_tokenizer(tiny_decoder))
    first = found.encoded[0]
    at = first.trained.index(True) - 1
    row = replace(first, trained=tuple(t or i == at for i, t in enumerate(first.trained)))
    assert statuses(broken(found, row))[MASKS] == "failed"


def test_end_token_fails_when_the_mask_stops_before_it(tiny_decoder: Path) -> None:
    found = looked(load_tokenizer(tiny_decoder))
    first = found.encoded[0]
    last = max(i for i, t in enumerate(first.trained) if t)
    row = replace(first, trained=tuple(t and i != last for i, t in enumerate(first.trained)))
    assert statuses(broken(found, row))[END] == "failed"


def test_end_token_and_masks_fail_when_the_template_ends_no_turn() -> None:
    endless = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    found = statuses(looked(byte_tokenizer(DECODER_SPECIAL, template=endless)))
    assert (found[END], found[MASKS]) == ("failed", "failed")


class StartsAgain:
    """A tokenizer that puts its start token in front, whatever it is asked for."""

    def __init__(self, inner: Tokenizer) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, texts: list[str], **options: Any) -> dict[str, Any]:
        out = self.inner(texts, **options)
        return {
            "input_ids": [[self.inner.bos_token_id, *ids] for ids in out["input_ids"]],
            "offset_mapping": [[(0, 0), *offsets] for offsets in out["offset_mapping"]],
        }


def test_front_and_ids_fail_when_the_tokenizer_puts_a_start_token_before_the_templates_own(tiny_decoder: Path) -> None:
    tokenizer = load_tokenizer(tiny_decoder)
    found = replace(looked(StartsAgain(tokenizer)), tokenizer=tokenizer)
    assert statuses(found) == {IDS: "failed", MASKS: "ok", END: "ok", FRONT: "failed", ROUND_TRIP: "ok"}


def test_ids_fail_when_one_is_another(tiny_decoder: Path) -> None:
    found = looked(load_tokenizer(tiny_decoder))
    first = found.encoded[0]
    failed = next(p for p in mask_probes(broken(found, replace(first, ids=(9, *first.ids[1:])))) if p.name == IDS)
    assert (failed.status, failed.value, failed.limit) == ("failed", 1.0, 0.0)
    assert first.row_id in failed.found


def test_round_trip_fails_when_the_template_changes_a_turn() -> None:
    upper = CHATML.replace("{{ message['content'] }}", "{{ message['content'] | replace('yes', 'no') }}")
    found = mask_probes(looked(byte_tokenizer(DECODER_SPECIAL, template=upper)))
    probe = next(p for p in found if p.name == ROUND_TRIP)
    assert (probe.status, probe.row_ids) == ("failed", ("train:0",))
    assert "in 2 of 3 rows every turn reads back" in probe.found


def test_round_trip_fails_when_turns_change_places() -> None:
    tokenizer = byte_tokenizer(DECODER_SPECIAL, template=CHATML)
    ends = Message("assistant", "end", True)
    talk = (Message("user", "a"), Message("assistant", "b", True), Message("user", "c"), ends)
    found = looked(tokenizer, rows=(Row("train:1", messages=talk),))
    turned = Row("train:1", messages=(*talk[2:3], *talk[1:2], *talk[0:1], ends))
    assert statuses(replace(found, rows=(turned,)))[ROUND_TRIP] == "failed"
