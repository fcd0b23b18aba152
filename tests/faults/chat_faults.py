"""What can be wrong with prompts, answers and conversations, and with a model that should write."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.fault import Refused, Scene, Survived
from tests.faults.rows import CHATS, PAIRS, jsonl

_ENDLESS = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
_STRICT = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant') }}{% endif %}"
    "<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_USER, _ASSISTANT = {"role": "user", "content": "are you there"}, {"role": "assistant", "content": "yes"}


def _template(text: str) -> Callable[[Scene], None]:
    def arrange(scene: Scene) -> None:
        scene.write("model/chat_template.jinja", text)

    return arrange


def _no_template(scene: Scene) -> None:
    (scene.folder / "model/chat_template.jinja").unlink()


def _talks(*odd: list[dict[str, str]]) -> dict[str, str]:
    usual = [
        [{"role": "user", "content": f"say {i}"}, {"role": "assistant", "content": f"said {i}"}] for i in range(20)
    ]
    return {"rows.jsonl": jsonl([{"messages": messages} for messages in [*usual, *odd]])}


FAULTS = (
    Survived(
        "long-prompt",
        "a prompt longer than the model reads",
        {"rows.jsonl": CHATS + jsonl([{"prompt": "why? " * 799 + "why?", "completion": "because"}])},
        41,
        "long_rows",
        ("tokens were cut",),
        typed="run rows.jsonl",
        model="decoder",
    ),
    Survived(
        "empty-answers",
        "answers that are empty or missing",
        {"rows.jsonl": CHATS + jsonl([{"prompt": "say 98", "completion": ""}, {"prompt": "say 99"}])},
        42,
        "no_answer",
        ("rows.jsonl",),
        dropped={"no_answer": 2},
        typed="run rows.jsonl",
        model="decoder",
    ),
    Refused(
        "roles-out-of-order",
        "a conversation that the model's template refuses",
        "run rows.jsonl model=model",
        4,
        ("roles must alternate",),
        _talks([_USER, _USER, _ASSISTANT]),
        _template(_STRICT),
        model="decoder",
    ),
    Survived(
        "no-answer",
        "a conversation without an answer",
        _talks([_USER]),
        21,
        "no_answer",
        ("rows.jsonl",),
        dropped={"no_answer": 1},
        typed="run rows.jsonl",
        model="decoder",
    ),
    Refused(
        "no-template",
        "prompts and answers for a model without a chat template",
        "run rows.jsonl model=model",
        4,
        ("no chat template",),
        {"rows.jsonl": CHATS},
        _no_template,
        model="decoder",
    ),
    Refused(
        "endless-template",
        "a template that never ends an answer",
        "run rows.jsonl model=model",
        4,
        ("would never stop",),
        {"rows.jsonl": CHATS},
        _template(_ENDLESS),
        model="decoder",
    ),
    Refused(
        "nothing-trained",
        "a chat file whose every answer says `train: false`",
        "run rows.jsonl model=model",
        3,
        ("no train row is left", "20 no trained turn"),
        {"rows.jsonl": jsonl([{"messages": [_USER, {**_ASSISTANT, "train": False}]}] * 20)},
        model="decoder",
    ),
    Refused(
        "answers-cut-off",
        "a max_length that leaves nothing of any answer",
        "run rows.jsonl model=model prepare.max_length=10",
        3,
        ("no token of any answer is left to train on", "all 28 train rows that have an answer lose it"),
        {"rows.jsonl": CHATS},
        model="decoder",
    ),
    Refused(
        "no-prompts",
        "a table without prompts and answers, to write from",
        "run rows.jsonl task=generate model=model",
        3,
        ("prompt",),
        {"rows.jsonl": jsonl([{"name": pair["prompt"], "size": 3} for pair in PAIRS])},
        model="decoder",
    ),
)
