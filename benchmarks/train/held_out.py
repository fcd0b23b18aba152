"""Held-out loss of a saved adapter or model, whoever trained it: nats per answer token over the rows of a file.

usage: python held_out.py MODEL_DIR SAVED DATA.jsonl; prints one JSON line. Float32, transformers' own forward.
"""

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

model_dir, saved, data_path = sys.argv[1:]
torch.set_num_threads(os.cpu_count() or 1)
tokenizer = AutoTokenizer.from_pretrained(model_dir)
is_adapter = Path(saved, "adapter_config.json").exists()
model = AutoModelForCausalLM.from_pretrained(model_dir if is_adapter else saved, dtype=torch.float32)
if is_adapter:
    model = PeftModel.from_pretrained(model, saved)
model.eval()
nats, n_tokens = 0.0, 0
with torch.inference_mode(), Path(data_path).open(encoding="utf-8") as lines:
    for line in lines:
        row = json.loads(line)
        question = [{"role": "user", "content": row["question"]}]
        whole = [*question, {"role": "assistant", "content": row["answer"]}]
        prompt = tokenizer.apply_chat_template(question, tokenize=False, add_generation_prompt=True)
        n_prompt = len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
        text = tokenizer.apply_chat_template(whole, tokenize=False)
        ids = torch.tensor([tokenizer(text, add_special_tokens=False)["input_ids"]])
        end = int((ids[0] == tokenizer.eos_token_id).nonzero()[-1]) + 1  # a line break after it is never written
        logits = model(input_ids=ids[:, :end], use_cache=False).logits[0, n_prompt - 1 : end - 1]
        nats += float(torch.nn.functional.cross_entropy(logits.float(), ids[0, n_prompt:end], reduction="sum"))
        n_tokens += end - n_prompt
print(json.dumps({"nats_per_token": nats / n_tokens, "tokens": n_tokens}))
