"""Models behind an address that are not there, do not answer, or answer with something else: told before money or hours
are lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack

from tests.fake_api import Response, fake_api, said
from tests.faults.fault import Refused, Scene

_RUNNING = ExitStack()
"""Servers of all scenes: they end with the process."""
_QUESTIONS = "\n".join(json.dumps({"prompt": f"say {i}", "completion": f"you said {i}"}) for i in range(40)) + "\n"
_KEY = "a-word-that-only-we-know"


def _plan(url: str, *, more: str = "", systems: str = "[tuned, 'api:big']", judge: str = "null") -> dict[str, str]:
    plan = (
        "task: generate\ndata: chats.jsonl\nmodel: model\ntrain: {max_steps: 1}\nrun: {threads: 1}\n"
        f"evaluate:\n  systems: {systems}\n  judge: {judge}\n  max_new_tokens: 4\n  limit: 2\n  general: none\n"
        f"  apis:\n    big: {{url: '{url}', model: large{more}}}\n"
    )
    return {"plan.yaml": plan, "chats.jsonl": _QUESTIONS}


def _served(response: Response, *, is_judge: bool = False) -> Callable[[Scene], None]:
    """The plan names a server that always says the same."""

    def arrange(scene: Scene) -> None:
        api = _RUNNING.enter_context(fake_api(lambda body: response))
        files = _plan(api.url, systems="[tuned, base]", judge="big") if is_judge else _plan(api.url)
        for name, text in files.items():
            scene.write(name, text)

    return arrange


FAULTS = (
    Refused(
        "no-such-api",
        "a system `api:NAME` that the plan does not describe",
        "run plan.yaml",
        2,
        ("there is no address bgi", "evaluate.apis has big", "write api:big there"),
        _plan("http://127.0.0.1:8000/v1", systems="[tuned, 'api:bgi']"),
        model="decoder",
    ),
    Refused(
        "key-in-the-plan",
        "the key itself where its variable's name belongs",
        "run plan.yaml",
        2,
        ("evaluate.apis.big.key_env cannot be what stands there", "never the key itself"),
        _plan("https://api.example.com/v1", more=f", key_env: {_KEY}"),
        model="decoder",
    ),
    Refused(
        "no-key",
        "a key's variable that is not set",
        "run plan.yaml",
        6,
        ("the environment variable BIG_KEY is not set", "export BIG_KEY="),
        _plan("https://api.example.com/v1", more=", key_env: BIG_KEY"),
        model="decoder",
    ),
    Refused(
        "key-not-accepted",
        "an address that wants a key, or another one",
        "run plan.yaml",
        6,
        ("the model behind big does not answer", "HTTP 401, it says no key", "look at evaluate.apis.big.key_env"),
        arrange=_served(Response(json.dumps({"error": {"message": "no key"}}), 401)),
        model="decoder",
    ),
    Refused(
        "no-such-model",
        "a model that the address does not have",
        "run plan.yaml",
        6,
        ("HTTP 404, it says no model large", "evaluate.apis.big.model"),
        arrange=_served(Response(json.dumps({"error": {"message": "no model large"}}), 404)),
        model="decoder",
    ),
    Refused(
        "quota",
        "an account whose quota is used up",
        "run plan.yaml",
        6,
        ("HTTP 429, it says quota exceeded: it asks to wait 3,600 s",),
        arrange=_served(Response("quota exceeded", 429, {"Retry-After": "3600"})),
        model="decoder",
    ),
    Refused(
        "judge-that-talks",
        "a judge that answers in sentences",
        "run plan.yaml",
        6,
        ("answers with something else than A, B or tie", "'Certainly! Both are fine.'"),
        arrange=_served(said("Certainly! Both are fine."), is_judge=True),
        model="decoder",
    ),
)
