"""The classifier's loop that people write: an encoder, mean pooling, a linear head, batches of like length, autocast.

usage: python plain_classify.py MODEL_DIR TRAIN.csv TEST.csv SEED [bf16]
The CSVs have the columns text and category. Trains five epochs with the schedule of classify.py and prints one JSON
line. It needs torch and transformers, and nothing of tunewright.
"""

import csv
import json
import math
import os
import random
import resource
import sys
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from torch.nn import functional as F
from transformers import AutoModel, AutoTokenizer

model_dir, train_path, test_path, seed, *flags = sys.argv[1:]
torch.set_num_threads(os.cpu_count() or 1)
torch.manual_seed(int(seed))
dtype = torch.bfloat16 if "bf16" in flags else torch.float32
tokenizer = AutoTokenizer.from_pretrained(model_dir)
encoder = AutoModel.from_pretrained(model_dir, dtype=torch.float32)


def read(path):
    with Path(path).open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    ids = tokenizer([row["text"] for row in rows], truncation=True, max_length=64)["input_ids"]
    return ids, [row["category"] for row in rows]


train_ids, train_labels = read(train_path)
test_ids, test_labels = read(test_path)
names = sorted(set(train_labels))
head = torch.nn.Linear(encoder.config.hidden_size, len(names))
torch.nn.init.zeros_(head.weight)
torch.nn.init.zeros_(head.bias)
targets = torch.tensor([names.index(label) for label in train_labels])


def logits_of(rows):
    width = max(map(len, rows))
    ids, mask = torch.zeros(len(rows), width, dtype=torch.long), torch.zeros(len(rows), width, dtype=torch.long)
    for b, row in enumerate(rows):
        ids[b, : len(row)] = torch.tensor(row)
        mask[b, : len(row)] = 1
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        vectors = encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    weights = mask[..., None].float()
    return head((vectors * weights).sum(1) / weights.sum(1))


by_length = sorted(range(len(train_ids)), key=lambda i: len(train_ids[i]))
batches = [by_length[i : i + 32] for i in range(0, len(by_length), 32)]
groups = [{"params": encoder.parameters(), "lr": 1e-4}, {"params": head.parameters(), "lr": 4e-3}]
optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
n_steps, rng = 5 * len(batches), random.Random(int(seed))
n_warm = round(0.1 * n_steps)


def factor(step):
    if step < n_warm:
        return (step + 1) / n_warm
    return 0.5 * (1 + math.cos(math.pi * (step - n_warm) / (n_steps - n_warm)))


schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
trained = [*encoder.parameters(), *head.parameters()]
encoder.train()
start = time.perf_counter()
for _ in range(5):
    rng.shuffle(batches)
    for batch in batches:
        loss = F.cross_entropy(logits_of([train_ids[i] for i in batch]), targets[batch])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
encoder.eval()
with torch.inference_mode():
    found = [names[int(i)] for j in range(0, len(test_ids), 64) for i in logits_of(test_ids[j : j + 64]).argmax(-1)]
right = sum(a == b for a, b in zip(found, test_labels, strict=True))
n_tokens = 5 * sum(map(len, train_ids))
facts = {"tokens": n_tokens, "seconds": seconds, "peak_memory_bytes": peak, "accuracy": right / len(test_labels)}
print(json.dumps(facts))
