"""The loop that people write: transformers, peft, autocast; batches of like length, labels masked, nothing else.

usage: python plain_loop.py MODEL_DIR DATA.jsonl SEED OUT [bf16] [full]
DATA.jsonl has one {"question", "answer"} a line. Trains one epoch with the schedule of trl_lora.py, saves to OUT and
prints one JSON line. It needs torch, transformers and peft, and nothing of tunewright.
"""

import json
import os
import random
import resource
import sys
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

model_dir, data_path, seed, out, *flags = sys.argv[1:]
torch.set_num_threads(os.cpu_count() or 1)
torch.manual_seed(int(seed))
tokenizer = AutoTokenizer.from_pretrained(model_dir)
model = AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32)
if "full" not in flags:
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, lora)
rate = 2e-5 if "full" in flags else 2e-4
rows = []
with Path(data_path).open(encoding="utf-8") as lines:
    for line in lines:
        row = json.loads(line)
        question = [{"role": "user", "content": row["question"]}]
        whole = [*question, {"role": "assistant", "content": row["answer"]}]
        prompt = tokenizer.apply_chat_template(question, tokenize=False, add_generation_prompt=True)
        text = tokenizer.apply_chat_template(whole, tokenize=False)
        n_prompt = len(tokenizer(prompt, add_special_tokens=False)["input_ids"])
        rows.append((tokenizer(text, add_special_tokens=False)["input_ids"][:512], n_prompt))
by_length = sorted(range(len(rows)), key=lambda i: len(rows[i][0]))
batches = [by_length[i : i + 8] for i in range(0, len(rows), 8)]
random.Random(int(seed)).shuffle(batches)
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate, weight_decay=0.0)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 - step / len(batches))
model.train()
losses = []
start = time.perf_counter()
for batch in batches:
    width = max(len(rows[i][0]) for i in batch)
    ids = torch.full((len(batch), width), tokenizer.pad_token_id)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
    for b, i in enumerate(batch):
        row, n_prompt = rows[i]
        ids[b, : len(row)] = torch.tensor(row)
        mask[b, : len(row)] = 1
        labels[b, n_prompt : len(row)] = ids[b, n_prompt : len(row)]
    with torch.autocast("cpu", torch.bfloat16, enabled="bf16" in flags):
        loss = model(input_ids=ids, attention_mask=mask, labels=labels, use_cache=False).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    optimizer.zero_grad()
    losses.append(float(loss.detach()))
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
model.save_pretrained(out)
n_tokens = sum(len(row) for row, _ in rows)
print(json.dumps({"tokens": n_tokens, "seconds": seconds, "peak_memory_bytes": peak, "losses": losses}))
