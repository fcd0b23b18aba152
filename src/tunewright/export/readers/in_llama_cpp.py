"""A GGUF file as llama.cpp runs it, through llama-cpp-python; where that is not installed, as transformers reads it.

In: questions of alone.py. Out: answers. Its own file because it knows nothing of transformers' folders: tokens,
template and ends come from the file alone.
Axes: B rows, T positions, N scored positions, V vocabulary.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

CONTROL = 3
"""Of tokenizer.ggml.token_type. Source: llama.cpp, enum llama_token_type."""
INSTALL = 'pip install "tunewright[gguf]"'


@dataclass(frozen=True, slots=True)
class Native:
    """Loaded by llama.cpp."""

    llama: Any


@dataclass(frozen=True, slots=True)
class Borrowed:
    """Loaded by transformers: the weights out of their few bits, computed in float32."""

    model: Any
    template: str | None
    device: str


@dataclass(frozen=True, slots=True)
class Unread:
    """Nobody here can read it."""

    why: str


def load(*, folder: str, n_positions: int, device: str, threads: int, **_: Any) -> Native | Borrowed | Unread:
    """n_positions: of the longest row that will be asked."""
    path = Path(folder) / "model.gguf"
    if find_spec("llama_cpp"):
        from llama_cpp import Llama  # an extra

        options = {"n_threads": threads, "n_threads_batch": threads, "n_gpu_layers": 0, "verbose": False}
        return Native(Llama(str(path), n_ctx=n_positions, n_batch=n_positions, logits_all=True, **options))
    try:
        return _borrowed(path, device=device, threads=threads)
    except Exception as error:  # transformers reads a part of what llama.cpp runs: that is no fault of the file
        return Unread((str(error).splitlines() or [type(error).__name__])[0])


def _borrowed(path: Path, *, device: str, threads: int) -> Borrowed:
    import torch  # llama.cpp needs none of these
    from gguf import GGUFReader  # nor this
    from transformers import AutoModelForCausalLM  # nor this

    torch.set_num_threads(threads)
    template = GGUFReader(path).get_field("tokenizer.chat_template")
    model: Any = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    return Borrowed(model.to(device).eval(), str(template.contents()) if template else None, device)


def facts(alone: Native | Borrowed | Unread) -> dict[str, Any]:
    """labels and target: a language model has none."""
    found: dict[str, Any] = {"labels": [], "target": {}, "names": []}
    packages = ["llama_cpp_python"] if isinstance(alone, Native) else ["gguf", "transformers", "torch"]
    found["versions"] = {"python": platform.python_version(), **{name: version(name) for name in packages}}
    if isinstance(alone, Unread):
        return found | {"reader": "", "unproven": f"not run: {alone.why}; {INSTALL}, then export again"}
    if isinstance(alone, Borrowed):
        return found | {
            "reader": f"transformers' own GGUF reader ({version('transformers')})",
            "unproven": f"llama.cpp has not run it: {INSTALL}, then export again",
            "special": None,
            "template": alone.template,
            "ends": None,
        }
    import llama_cpp  # an extra

    llama, vocabulary = alone.llama, llama_cpp.llama_model_get_vocab(alone.llama.model)
    ids = range(llama.n_vocab())
    return found | {
        "reader": f"llama.cpp (llama-cpp-python {version('llama_cpp_python')})",
        "unproven": "",
        "special": [i for i in ids if llama_cpp.llama_vocab_is_control(vocabulary, i)],
        "template": llama.metadata.get("tokenizer.chat_template"),
        "ends": [i for i in ids if llama_cpp.llama_vocab_is_eog(vocabulary, i)],
    }


def prompt_ids(
    alone: Native | Borrowed, *, texts: list[str], turns: list[Any], switches: dict[str, Any], special: bool
) -> Any:
    """None: transformers does not read how a GGUF cuts text (tokenizer.ggml.pre)."""
    if isinstance(alone, Borrowed):
        return None
    from llama_cpp.llama_chat_format import Jinja2ChatFormatter  # an extra

    found = [alone.llama.tokenize(text.encode(), add_bos=special, special=True) for text in texts]
    if turns:
        words = [
            alone.llama.detokenize([i], special=True).decode()
            for i in (alone.llama.token_eos(), alone.llama.token_bos())
        ]
        form = Jinja2ChatFormatter(alone.llama.metadata["tokenizer.chat_template"], *words)
        for messages in turns:
            made = form(messages=messages)
            found.append(alone.llama.tokenize(made.prompt.encode(), add_bos=not made.added_special, special=True))
    return found


def scored_logits(alone: Native | Borrowed, *, ids_BT: Any, mask_BT: Any, is_scored_BT: Any) -> Any:
    """logits_NV of the scored positions, row after row."""
    if isinstance(alone, Borrowed):
        import torch  # llama.cpp needs none

        ids, mask = (torch.from_numpy(array).to(alone.device) for array in (ids_BT, mask_BT))
        logits_BTV = alone.model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        return logits_BTV[torch.from_numpy(is_scored_BT)].float().cpu().numpy()
    found = []
    for ids_T, mask_T, is_scored_T in zip(ids_BT, mask_BT, is_scored_BT, strict=True):
        n = int(mask_T.sum())
        alone.llama.reset()
        alone.llama.eval(ids_T[:n].tolist())
        found.append(alone.llama.scores[:n][is_scored_T[:n]].copy())
    return np.concatenate(found)


def written(alone: Native | Borrowed, *, ids: list[int], max_new_tokens: int, ends: list[int]) -> list[int]:
    """Greedy continuation, up to what the file itself says ends an answer."""
    if isinstance(alone, Borrowed):
        import torch  # llama.cpp needs none

        ids_BT = torch.tensor([ids], device=alone.device)
        mask_BT = torch.ones_like(ids_BT)
        out = alone.model.generate(ids_BT, attention_mask=mask_BT, max_new_tokens=max_new_tokens, do_sample=False)
        return [int(token) for token in out[0, len(ids) :]]
    import llama_cpp  # an extra

    vocabulary, found = llama_cpp.llama_model_get_vocab(alone.llama.model), []
    alone.llama.reset()
    alone.llama.eval(ids)
    for _ in range(max_new_tokens):
        found.append(int(alone.llama.scores[alone.llama.n_tokens - 1].argmax()))
        if llama_cpp.llama_vocab_is_eog(vocabulary, found[-1]):
            break
        alone.llama.eval(found[-1:])
    return found


ANSWERS: dict[str, Callable[..., Any]] = {
    "facts": facts,
    "prompt_ids": prompt_ids,
    "scored_logits": scored_logits,
    "written": written,
}
