"""What axolotl, LLaMA-Factory and TRL write in their configurations, and what it is in a plan.

In: nothing. Out: TOOLS. Its own file because it is a table that grows with what people bring. Sources: the tools' own
examples and documented options (axolotl 0.13, LLaMA-Factory 0.9.5, TRL 1.16).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tunewright.core.aliases import NO_COUNTERPART

COMMON: Mapping[str, str] = {
    "learning_rate": "train.learning_rate",
    "gradient_accumulation_steps": "train.gradient_accumulation_steps",
    "gradient_checkpointing": "train.gradient_checkpointing",
    "weight_decay": "train.weight_decay",
    "max_grad_norm": "train.max_grad_norm",
    "max_steps": "train.max_steps",
    "lora_r": "train.lora_r",
    "lora_alpha": "train.lora_alpha",
    "lora_dropout": "train.lora_dropout",
    "lora_target_modules": "train.target_modules",
    "use_dora": "train.use_dora",
    "use_rslora": "train.use_rslora",
    "warmup_ratio": "train.warmup_ratio",
    "warmup_steps": "train.warmup_steps",
    "lr_scheduler_type": "train.lr_scheduler_type",
    "per_device_train_batch_size": "train.batch_size",
    "num_train_epochs": "train.epochs",
    "save_steps": "train.save_steps",
    "eval_steps": "train.eval_steps",
    "report_to": "train.trackers",
    "packing": "train.packing",
    "load_in_4bit": "model.quantization",
    "load_in_8bit": "model.quantization",
    "trust_remote_code": "model.trust_remote_code",
    "seed": "run.seed",
    "run_name": "run.name",
}
"""Whose values mean the same in all three."""

COMMON_WHY: Mapping[str, str] = {
    **NO_COUNTERPART,
    "bf16": "model.dtype is chosen for the machine",
    "fp16": "products are in bfloat16 or float32: model.dtype",
    "tf32": "model.dtype is chosen for the machine",
    "chat_template": "the model's own chat template is used",
    "deepspeed": "several processes: torchrun, as a-bigger-model-on-a-gpu-box says",
    "fsdp": "several processes: torchrun, as a-bigger-model-on-a-gpu-box says",
    "flash_attention": "the attention is chosen for the machine",
    "attn_implementation": "the attention is chosen for the machine",
    "per_device_eval_batch_size": "batches of scoring are as large as memory allows",
    "logging_steps": "every step is kept in train/steps.jsonl",
    "save_strategy": "checkpoints are kept by train.save_steps",
    "eval_strategy": "validations come by train.eval_steps",
    "push_to_hub": "tunewright export RUN --push NAME",
    "train_on_inputs": "only answers are trained on; a message with train: false is not",
}
"""Why a key of any of the three does not stand in the plan."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One."""

    fields: Mapping[str, str]
    """Its key to ours, where the value means the same."""
    why: Mapping[str, str]
    """Of keys that have no counterpart."""


TOOLS: Mapping[str, Tool] = {
    "axolotl": Tool(
        fields={
            **COMMON,
            "base_model": "model.name",
            "revision_of_model": "model.revision",
            "sequence_len": "prepare.max_length",
            "micro_batch_size": "train.batch_size",
            "num_epochs": "train.epochs",
            "lr_scheduler": "train.lr_scheduler_type",
            "sample_packing": "train.packing",
            "peft_use_dora": "train.use_dora",
            "peft_use_rslora": "train.use_rslora",
            "early_stopping_patience": "train.patience",
            "default_system_message": "data.system",
        },
        why={
            **COMMON_WHY,
            "special_tokens": "the tokenizer's own are used",
            "pad_to_sequence_len": "rows are batched by length, with little padding",
            "evals_per_epoch": "train.eval_steps counts steps, not parts of an epoch",
            "saves_per_epoch": "train.save_steps counts steps, not parts of an epoch",
            "dataset_prepared_path": "prepared data lies in the run",
            "group_by_length": "rows are always batched by length",
            "rl": "preferences are not trained on in this version",
        },
    ),
    "llamafactory": Tool(
        fields={
            **COMMON,
            "model_name_or_path": "model.name",
            "cutoff_len": "prepare.max_length",
            "lora_rank": "train.lora_r",
            "quantization_bit": "model.quantization",
            "max_samples": "data.limit",
            "default_system": "data.system",
        },
        why={
            **COMMON_WHY,
            "template": "the model's own chat template is used",
            "do_train": "tunewright run always trains",
            "overwrite_output_dir": "nothing finished is overwritten",
            "overwrite_cache": "prepared data is made anew when anything it depends on changed",
            "preprocessing_num_workers": "the machine's cores are used: run.threads",
            "dataloader_num_workers": "the machine's cores are used: run.threads",
            "plot_loss": "the report draws it",
            "ddp_timeout": "rows are tokenised before processes wait for each other",
        },
    ),
    "trl": Tool(
        fields={
            **COMMON,
            "model_name_or_path": "model.name",
            "model_revision": "model.revision",
            "max_length": "prepare.max_length",
            "max_seq_length": "prepare.max_length",
            "dtype": "model.dtype",
            "torch_dtype": "model.dtype",
        },
        why={
            **COMMON_WHY,
            "dataset_train_split": "hf:// reads the splits by their names",
            "dataset_test_split": "hf:// reads the splits by their names",
            "completion_only_loss": "only answers are trained on",
            "assistant_only_loss": "only answers are trained on",
            "eos_token": "the template's own end is used, and checked before training",
            "lora_task_type": "it follows from the task",
        },
    ),
}
"""By the word after --from."""
