"""`tunewright chat`: a conversation in the terminal, or lines in and answers out.

In: a run, lines on stdin. Out: answers while they are written; with --json the turns as one object at the end. Its own
file because one file a verb.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tunewright.cli.console import Console, is_terminal, open_console, print_to
from tunewright.cli.options import RUNS_DIR, Json, Quiet, RunsDir
from tunewright.cli.typed import typed
from tunewright.cli.words import number
from tunewright.core.errors import TunewrightError
from tunewright.core.run import find_run
from tunewright.core.tasks import has_head
from tunewright.core.values import Message
from tunewright.text.render import opening, said

if TYPE_CHECKING:
    from tunewright.serve.answer import Answered
    from tunewright.serve.queue.wanted import System
    from tunewright.serve.talk import Reply
    from tunewright.verbs.load import Session

Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN] [a.b=c ...]", help="The run (left out: the newest); evaluate.max_new_tokens=64"),
]
HELP = """  /base   let the model as it was before tuning answer beside; again: no more
  /reset  forget the conversation
  /quit   end; so does Ctrl-D. Ctrl-C stops an answer"""
ENDS = "/quit"
ASKED_FOR = {
    "classify": "a text, and read its label",
    "multilabel": "a text, and read its labels",
    "regress": "a text, and read its number",
}
"""Of models that do not write."""
SHOWN_LABELS = 3
"""Labels shown with their probabilities."""


def chat(words: Words = None, json: Json = False, quiet: Quiet = False, runs_dir: RunsDir = RUNS_DIR) -> int:
    """Talk to the model, each answer written as it comes; a model that gives labels labels what you type."""
    from tunewright.verbs.load import load  # torch takes seconds: --help does not wait

    with open_console(wants_json=json, is_quiet=quiet) as console:
        given = typed(words or (), needs=(), example="tunewright chat tickets evaluate.max_new_tokens=64")
        run = find_run(given.run, runs_dir=runs_dir)
        console.note(f"loading {run.name}")
        session = load(run, overrides=given.overrides)
        console.note(f"{run.name}: type {ASKED_FOR.get(session.loaded.task, 'something')}. Also:\n{HELP}")
        talk = Talk(session, console, opening(session.asking.system))
        for line in typed_lines(console):
            if line.strip() == ENDS:
                break
            talk.hear(line.strip())
        console.answer({"run": str(run.folder), "task": session.loaded.task, "turns": talk.turns})
    return 0


def typed_lines(console: Console) -> Iterator[str]:
    """Lines of stdin until its end; a person gets a prompt, and Ctrl-C twice ends as well."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    is_person = is_terminal(sys.stdin)
    if is_person:
        with suppress(ImportError):
            import readline  # noqa: F401  # editing and history for input(); not on every system
    was_stopped = False
    while True:
        try:
            yield input("you> " if is_person else "")
            was_stopped = False
        except EOFError:
            return
        except KeyboardInterrupt:
            if was_stopped or not is_person:
                return
            was_stopped = True
            console.note("\nCtrl-C again, Ctrl-D or /quit ends")


@dataclass(slots=True)
class Talk:
    """A conversation as it stands."""

    session: Session
    console: Console
    history: tuple[Message, ...]
    """Before the next turn."""
    hears_base: bool = False
    last: tuple[str, tuple[Message, ...]] | None = None
    """What was said last, and the history before it: what /base answers."""
    turns: list[dict[str, Any]] = field(default_factory=list)

    def hear(self, line: str) -> None:
        """One line: a command, or something to answer."""
        if line == "/base":
            self._switch_base()
        elif line == "/reset":
            self.history, self.last = opening(self.session.asking.system), None
            self.console.note("forgotten")
        elif line == "/help":
            self.console.result(HELP)
        elif line.startswith("/") and line[1:].isalpha():
            self.console.warn(f"there is no {line}:\n{HELP}")
        elif line:
            self._turn(line)

    def _turn(self, line: str) -> None:
        self.last = (line, self.history)
        turn: dict[str, Any] = {"said": line}
        self.turns.append(turn)
        turn |= self._answer("tuned")
        if self.hears_base:
            self._hear_base()

    def _switch_base(self) -> None:
        self.hears_base = not self.hears_base
        self.console.note(f"the base model answers {'beside' if self.hears_base else 'no more'}")
        if self.hears_base and self.last:
            self._hear_base()

    def _hear_base(self) -> None:
        """It answers the same question; the conversation goes on without its answer."""
        try:
            self.turns[-1]["base"] = self._answer("base")["answer"]
        except TunewrightError as error:
            self.hears_base = False
            self.console.warn(str(error))

    def _answer(self, system: System) -> dict[str, Any]:
        if system == "base":
            self._say("base: ", style="dim")
        return self._label(system) if has_head(self.session.loaded.task) else self._written(system)

    def _label(self, system: System) -> dict[str, Any]:
        assert self.last
        (found,) = self.session.predict([self.last[0]], system=system)
        top = top_labels(found, self.session.loaded.labels)
        shown = "   ".join(f"{label} {number(p)}" for label, p in top.items())
        self._say(f"{found.error or shown or found.answer}\n")
        return {"answer": found.answer, "probabilities": top}

    def _written(self, system: System) -> dict[str, Any]:
        from tunewright.serve.talk import Reply  # as above

        assert self.last
        line, before = self.last
        pieces: list[str] = []

        def tell(piece: str) -> None:
            pieces.append(piece)
            self._say(piece)

        try:
            reply = self.session.chat(line, history=before, system=system, tell=tell)
        except KeyboardInterrupt:
            answer = "".join(pieces)
            so_far = (*before, said(line), Message("assistant", answer))
            reply = Reply(answer, is_stopped=False, n_forgotten=0, n_cut=0, messages=so_far)
            self._say("\n")
            self.console.note("stopped")
        else:
            self._say("\n")
            self._remark(reply)
        if system == "tuned" and reply.answer:  # a silent turn would stand in the conversation as an empty answer
            self.history = reply.messages
        return {"answer": reply.answer, "is_stopped": reply.is_stopped}

    def _remark(self, reply: Reply) -> None:
        subject = self.session.asking.subject
        if reply.n_forgotten:
            self.console.warn(
                f"the context of {subject.card.context_tokens:,} tokens is full: the oldest {reply.n_forgotten} "
                "messages are forgotten"
            )
        if reply.n_cut:
            self.console.warn(f"that was too long: {reply.n_cut:,} of its tokens were not read")
        if not reply.answer:
            self.console.note("the model said nothing")
        elif not reply.is_stopped:
            n = self.session.asking.max_new_tokens
            self.console.note(f"cut at {n:,} tokens; for longer answers: evaluate.max_new_tokens={2 * n}")

    def _say(self, text: str, *, style: str = "") -> None:
        if not (self.console.wants_json and self.console.is_quiet):
            print_to(self.console.people, text, style=style, end="", may_fail=self.console.wants_json)


def top_labels(found: Answered, labels: tuple[str, ...]) -> dict[str, float]:
    """The likeliest labels, the first first; empty when there are no probabilities."""
    ranked = sorted(zip(labels, found.probabilities, strict=False), key=lambda pair: -pair[1])
    return dict(ranked[:SHOWN_LABELS])
