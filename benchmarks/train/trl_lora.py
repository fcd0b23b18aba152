"""TRL's SFTTrainer in the setting that is fastest on a processor, saved so that its adapter can be scored.

usage: python trl_lora.py MODEL_DIR DATA.jsonl SEED OUT [bf16] [full]
DATA.jsonl has one {"question", "answer"} a line. Prints one JSON line. Install beside, not in, the project's
environment: pip install torch==2.13.0 transformers trl peft datasets
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from datasets import Dataset
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer

model_dir, data_path, seed, out, *flags = sys.argv[1:]
torch.set_num_threads(os.cpu_count() or 1)
with Path(data_path).open(encoding="utf-8") as lines:
    rows = [json.loads(line) for line in lines]
data = Dataset.from_list(
    [
        {
            "prompt": [{"role": "user", "content": row["question"]}],
            "completion": [{"role": "assistant", "content": row["answer"]}],
        }
        for row in rows
    ]
)
config = SFTConfig(
    output_dir=out,
    per_device_train_batch_size=8,
    num_train_epochs=1,
    learning_rate=2e-5 if "full" in flags else 2e-4,
    lr_scheduler_type="linear",
    warmup_steps=0,
    weight_decay=0.0,
    logging_steps=1,
    save_strategy="no",
    report_to="none",
    bf16="bf16" in flags,
    use_cpu=True,
    max_length=512,
    gradient_checkpointing=False,
    seed=int(seed),
    model_init_kwargs={"dtype": "float32"},
)
lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
trainer = SFTTrainer(model=model_dir, args=config, train_dataset=data, peft_config=None if "full" in flags else lora)
n_tokens = sum(len(row["input_ids"]) for row in trainer.train_dataset)
start = time.perf_counter()
trainer.train()
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
trainer.save_model(out)
losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
print(json.dumps({"tokens": n_tokens, "seconds": seconds, "peak_memory_bytes": peak, "losses": losses}))
