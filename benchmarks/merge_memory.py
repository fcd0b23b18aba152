"""Peak memory of merging an adapter into a random Llama of 1.1 billion weights, from file to file.

In: nothing. Out: benchmarks/results/merge_memory.json. The merge runs in a process of its own, so that its largest
resident size is its own, imports included. Bound: the base's largest file + 1 GB.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULT = Path(__file__).with_name("results") / "merge_memory.json"
GB = 1_000_000_000
SIZES = {
    "hidden_size": 2048,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 8192,
    "vocab_size": 32_000,
}
"""Llama 3.2 1B's shape, with a smaller vocabulary and an output layer of its own."""


def write_model(folder: Path) -> None:
    """The base in bfloat16, in files of half a gigabyte, and an adapter of rank 16 on every linear layer."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    torch.set_default_dtype(torch.bfloat16)
    model = LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=False))
    model.save_pretrained(folder / "base", max_shard_size="500MB")
    settings = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", init_lora_weights=False)
    get_peft_model(model, settings).save_pretrained(str(folder / "adapter"))


def merge(folder: Path) -> dict[str, float]:
    """In a process of its own."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from tunewright.export.stream import sums_of, write_sums

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder / "base"))
    names = {name: weight.shape for name, weight in model.named_parameters()}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    started = time.perf_counter()
    sums = sums_of(folder / "adapter")
    assert sums
    (folder / "merged").mkdir()
    assert write_sums(folder / "merged", base=folder / "base", sums=sums, names=names)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    n_weights = sum(shape.numel() for shape in names.values())
    return {
        "weights": n_weights,
        "seconds": round(time.perf_counter() - started, 1),
        "imports_bytes": before,
        "peak_bytes": peak,
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        for step in ("write", "merge"):
            done = subprocess.run([sys.executable, __file__, step, work], check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        found["largest_file_bytes"] = max(path.stat().st_size for path in (folder / "base").glob("*.safetensors"))
        found["bound_bytes"] = found["largest_file_bytes"] + GB
        found["is_below"] = found["peak_bytes"] <= found["bound_bytes"]
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))
    sys.exit(not found["is_below"])


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write_model(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["merge"]:
        print(json.dumps(merge(Path(sys.argv[2]))))
    else:
        main()
