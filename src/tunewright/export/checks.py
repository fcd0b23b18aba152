"""What must be exactly the same in an exported folder: labels, tokens, template, ends.

In: what a plainly loaded folder says, and the proven model. Out: `ok` or `not run: why`, else an ExportError. Its own
file because a number cannot say these: a model with swapped labels has the same probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunewright.export.plain import Ask, Asked, broken, kind_of
from tunewright.export.sample import Sample
from tunewright.model.classifier import labels_lines
from tunewright.model.load import Loaded
from tunewright.model.target import TARGET_FILE
from tunewright.text.chat import THINKING_SWITCH, end_token_ids, shipped_template, special_ids

N_STOPS = 4
"""Rows at whose end the exported model must stop by itself."""
OK = "ok"
NOT_READ = "not run: its reader here does not read this"
NO_ANSWER = "not run: it writes no answers"


def same_labels(asked: Asked, found: Mapping[str, Any], *, proven: Loaded) -> str:
    if kind_of(proven) == "language":
        return "not run: no labels"
    # in its config.json; others have labels.txt
    has_names = kind_of(proven) == "classifier" and not asked.base and asked.program == "in_transformers"
    wanted, written = (proven.labels, found["names"]) if has_names else (labels_lines(proven.labels), found["labels"])
    for i, (ours, theirs) in enumerate(zip(wanted, written, strict=False)):
        if ours != theirs:
            raise broken(asked, "its labels are not in the proven order", why=f"class {i} is {theirs!r}, not {ours!r}")
    if len(wanted) != len(written):
        raise broken(asked, "labels are lost", why=f"{len(written)} of {len(wanted)} are there")
    return OK


def same_scale(asked: Asked, found: Mapping[str, Any], *, proven: Loaded) -> str:
    """An answer in deviations says nothing without the mean and the deviation."""
    if proven.task != "regress":
        return "not run: no numbers"
    ours = {"mean": proven.scale.mean, "deviation": proven.scale.deviation} if proven.scale else {}
    theirs = {name: found["target"].get(name) for name in ours}
    if ours != theirs or not ours:
        raise broken(asked, "its numbers have another unit", why=f"{TARGET_FILE} says {theirs}, not {ours}")
    return OK


def same_special_tokens(asked: Asked, found: Mapping[str, Any], *, proven: Loaded) -> str:
    ours, theirs = sorted(proven.tokenizer.all_special_ids), found["special"]
    if theirs is None:
        return NOT_READ
    if asked.program != "in_transformers":  # they have no list of their own, only tokens of that kind
        ours = sorted(special_ids(proven.tokenizer))
    if ours != theirs:
        raise broken(asked, "its special tokens are others", why=f"ids {theirs}, not {ours}")
    return OK


def same_prompt_ids(asked: Asked, ask: Ask, found: Mapping[str, Any], *, proven: Loaded, sample: Sample) -> str:
    template = str(proven.tokenizer.chat_template or "")
    expected = shipped_template(proven.tokenizer) if asked.program == "in_llama_cpp" else template
    if (found["template"] or "") != expected and asked.program != "in_onnxruntime":  # a graph is asked by text alone
        raise broken(asked, "its chat template is another one", why="chat_template differs from the proven model's")
    is_chat = bool(sample.prompts[0].turns)
    theirs = ask(
        "prompt_ids",
        texts=[] if is_chat else [prompt.text for prompt in sample.prompts],
        turns=[prompt.turn_dicts() for prompt in sample.prompts] if is_chat else [],
        switches={THINKING_SWITCH: False} if THINKING_SWITCH in str(proven.tokenizer.chat_template) else {},
        special=kind_of(proven) != "language",
    )
    if theirs is None:
        return NOT_READ
    for prompt, ids in zip(sample.prompts, theirs, strict=True):
        if list(prompt.ids) != ids:
            text = prompt.text or prompt.turns[-1].content
            raise broken(
                asked, "it reads a prompt as other tokens", why=f"{len(ids)} ids, not {len(prompt.ids)}: {text[:60]!r}"
            )
    return OK


def same_ends(asked: Asked, found: Mapping[str, Any], *, proven: Loaded) -> str:
    """A whole model's folder says itself what ends an answer; an adapter's has no place for it."""
    if kind_of(proven) != "language" or asked.base:
        return NO_ANSWER if kind_of(proven) != "language" else "not run: an adapter cannot say them"
    if found["ends"] is None:
        return NOT_READ
    missing = set(end_token_ids(proven.tokenizer)) - set(found["ends"])
    if missing:
        raise broken(
            asked, "it does not know what ends an answer", why=f"the end tokens {sorted(missing)} are not named"
        )
    return OK


def same_stops(asked: Asked, ask: Ask, stops: Sequence[tuple[int, ...]], *, proven: Loaded) -> str:
    """After a whole answer plain generate() writes the end token and nothing more."""
    if kind_of(proven) != "language":
        return NO_ANSWER
    ends = list(end_token_ids(proven.tokenizer)) if asked.base else []
    for ids in stops[:N_STOPS]:
        wrote = ask("written", ids=list(ids[:-1]), max_new_tokens=4, ends=ends)
        if wrote != [ids[-1]]:
            raise broken(asked, "it goes on after the end of an answer", why=f"wrote tokens {wrote}, not [{ids[-1]}]")
    return OK if stops else "not run: the proven model is not sure of any end here"
