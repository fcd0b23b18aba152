"""`tunewright serve`: a run's models behind an address, until Ctrl-C.

In: a run, where to listen, who may ask. Out: the address; a line for each request. Its own file because one file a
verb.
"""

from __future__ import annotations

import os
import shlex
from typing import Annotated, NoReturn, get_args

import typer

from tunewright.cli.console import Console, open_console
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.typed import typed
from tunewright.core.errors import PlanError
from tunewright.core.events import NoteEvent
from tunewright.core.interrupt import stop_request
from tunewright.core.run import find_run
from tunewright.serve.handover import Engine, Handover
from tunewright.verbs.hand_over import hand_over
from tunewright.verbs.serve import Ready, Serving
from tunewright.verbs.serve import serve as served

TOKEN = "TUNEWRIGHT_TOKEN"
"""A variable, because others on this machine can read the words of a command."""

DEFAULT = Serving()
ENGINES: tuple[Engine, ...] = get_args(Engine)

Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN] [a.b=c ...]", help="The run (left out: the newest); evaluate.max_new_tokens=64"),
]
Host = Annotated[str, typer.Option("--host", help="Where to listen; elsewhere than on this machine a token is needed.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="0: whichever is free.")]
Token = Annotated[
    str | None, typer.Option("--token", help=f"Who asks must send it. Better kept in the variable {TOKEN}.")
]
Queue = Annotated[int, typer.Option("--queue", min=1, max=100_000, help="Requests that may wait; one more gets 503.")]
Chat = Annotated[bool, typer.Option("--chat", help="A page at / to talk to tuned and base, side by side.")]
EngineName = Annotated[
    str, typer.Option("--engine", help=f"Who serves: {', '.join(ENGINES)}; the others take heavy load, if installed.")
]
LogPrompts = Annotated[bool, typer.Option("--log-prompts", help="Show what is asked and answered, too.")]


def serve(
    words: Words = None,
    host: Host = DEFAULT.host,
    port: Port = DEFAULT.port,
    token: Token = None,
    queue: Queue = DEFAULT.queue,
    chat: Chat = False,
    log_prompts: LogPrompts = False,
    engine: EngineName = ENGINES[0],
    json: Json = False,
    quiet: Quiet = False,
    runs_dir: RunsDir = RUNS_DIR,
) -> int:
    """Answer OpenAI's clients with the tuned model and its base, chosen by `model`, until Ctrl-C.

    Paths: /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/classify, /v1/models, /health, /ready, /metrics.
    """
    with open_console(wants_json=json, is_quiet=quiet) as console, stop_request() as stop:
        given = typed(words or (), needs=(), example="tunewright serve tickets evaluate.max_new_tokens=64")
        run = find_run(given.run, runs_dir=runs_dir)
        token = token or os.environ.get(TOKEN) or None
        serving = Serving(host, port, token, queue, has_page=chat, logs_prompts=log_prompts)
        if _engine(engine) != "tunewright":
            _become(hand_over(run, serving, engine=_engine(engine), overrides=given.overrides), console)

        def ready(found: Ready) -> None:
            console.result(f"{run.name} answers at {found.url}/v1{f', a page at {found.url}/' if chat else ''}")
            console.note("Ctrl-C stops it")
            console.answer(found)

        def tell(event: object) -> None:
            if isinstance(event, NoteEvent):
                console.note(event.text)

        n = served(run, serving, ready=ready, stop=stop, overrides=given.overrides, tell=tell)
        console.note(f"stopped after {n:,} {'request' if n == 1 else 'requests'}")
    return 0


def _engine(word: str) -> Engine:
    for engine in ENGINES:
        if word == engine:
            return engine
    raise PlanError(f"there is no engine {word}", where="--engine", fix=f"--engine {' or '.join(ENGINES)}")


def _become(found: Handover, console: Console) -> NoReturn:
    """This process is the other server from here on: signals and exit code are its own."""
    console.note(shlex.join(found.command))
    os.execvpe(found.command[0], found.command, {**os.environ, **found.environment})
