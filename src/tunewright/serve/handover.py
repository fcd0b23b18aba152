"""The command by which another server serves the same model with the same template.

In: what a run has on the disk, an address. Out: Handover: words and variables. Its own file because every word of it
must be right without that server being here: it is looked at, not tried.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tunewright.core.errors import RunError

Engine = Literal["tunewright", "vllm", "llama.cpp"]

_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as --max-lora-rank. Source: vLLM 0.11, LoRAConfig."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """Of one run; paths are empty where there is nothing."""

    word: str
    """What a person types for the run."""
    base: str
    """Folder of the model before tuning."""
    model: str = ""
    """A whole tuned model: trained so, or exported with its adapter added."""
    adapter: str = ""
    """A LoRA that others can add while they serve; empty for other kinds."""
    lora_r: int = 0
    template: str = ""
    """File of the chat template that the model was tuned with."""
    gguf: str = ""
    context_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Handover:
    """A program to become."""

    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    """The token: others can read the words of a command."""


def vllm(shipped: Shipped, *, host: str, port: int, token: str | None) -> Handover:
    """tuned, and base beside it where tuned is an adapter on it.

    Raises RunError when there is nothing that vLLM loads.
    """
    if shipped.adapter:
        rank = next((rank for rank in _RANKS if rank >= shipped.lora_r), _RANKS[-1])
        lora = ("--enable-lora", "--lora-modules", f"tuned={shipped.adapter}", "--max-lora-rank", str(rank))
        served: tuple[str, ...] = (shipped.base, "--served-model-name", "base", *lora)
    elif shipped.model:
        served = (shipped.model, "--served-model-name", "tuned")
    else:
        raise _not_exported(shipped, engine="vllm", target="merged")
    template = ("--chat-template", shipped.template) if shipped.template else ()
    limits = ("--max-model-len", str(shipped.context_tokens))
    command = ("vllm", "serve", *served, *template, *limits, "--host", host, "--port", str(port))
    return Handover(command, {"VLLM_API_KEY": token} if token else {})


def llama_cpp(shipped: Shipped, *, host: str, port: int, token: str | None) -> Handover:
    """tuned alone, from its GGUF file.

    Raises RunError when it was not exported.
    """
    if not shipped.gguf:
        raise _not_exported(shipped, engine="llama.cpp", target="gguf-q8_0")
    template = ("--chat-template-file", shipped.template) if shipped.template else ()
    served = ("llama-server", "--model", shipped.gguf, "--alias", "tuned", "--jinja", *template)
    command = (*served, "--ctx-size", str(shipped.context_tokens), "--host", host, "--port", str(port))
    return Handover(command, {"LLAMA_API_KEY": token} if token else {})


def _not_exported(shipped: Shipped, *, engine: Engine, target: str) -> RunError:
    return RunError(
        f"{engine} needs this model as {target}, which is not there",
        where=f"{shipped.word}/export",
        fix=f"tunewright export {shipped.word} export.targets=[{target}]",
    )
