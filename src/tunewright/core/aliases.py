"""Other tools' spellings of our fields.

In: nothing. Out: ALIASES, spelling to canonical field; a spelling works at the top level and inside its section.
Its own file because it is a table that grows with every tool people come from. Sources: the documented options of
transformers TrainingArguments, peft LoraConfig, TRL, axolotl, LLaMA-Factory, torchtune, ms-swift, Unsloth.
"""

from __future__ import annotations

ALIASES: dict[str, str] = {
    "lr": "train.learning_rate",
    "lora_rank": "train.lora_r",
    "lora_target_modules": "train.target_modules",
    "lora_target": "train.target_modules",
    "per_device_train_batch_size": "train.batch_size",
    "micro_batch_size": "train.batch_size",
    "num_train_epochs": "train.epochs",
    "num_epochs": "train.epochs",
    "sample_packing": "train.packing",
    "use_gradient_checkpointing": "train.gradient_checkpointing",
    "activation_checkpointing": "train.gradient_checkpointing",
    "enable_activation_checkpointing": "train.gradient_checkpointing",
    "peft_use_dora": "train.use_dora",
    "max_seq_length": "prepare.max_length",
    "max_seq_len": "prepare.max_length",
    "cutoff_len": "prepare.max_length",
    "sequence_len": "prepare.max_length",
    "model_name_or_path": "model.name",
    "base_model": "model.name",
    "model_name": "model.name",
    "torch_dtype": "model.dtype",
    "load_in_4bit": "model.quantization",
    "load_in_8bit": "model.quantization",
    "quantization_bit": "model.quantization",
    "quant_bits": "model.quantization",
    "train_file": "data.train",
    "train_data": "data.train",
    "dataset": "data.train",
    "validation_file": "data.validation",
    "valid": "data.validation",
    "dev": "data.validation",
    "test_file": "data.test",
    "text": "data.text_column",
    "label": "data.label_column",
    "prompt": "data.prompt_column",
    "completion": "data.completion_column",
    "messages": "data.messages_column",
    "group_by": "data.group_column",
    "system_prompt": "data.system",
    "run_name": "run.name",
    "scheduler": "train.lr_scheduler_type",
    "lr_scheduler": "train.lr_scheduler_type",
    "max_gradient_norm": "train.max_grad_norm",
    "report_to": "train.trackers",
}

WARMUP_STEPS = "warmup_steps"
"""Not an alias: a number of steps, converted to train.warmup_ratio, which needs train.max_steps beside it."""

VALUE_ALIASES: dict[str, dict[str, str]] = {
    "train.layers": {"auto": "find"},
    "train.target_modules": {"all": "all-linear"},
    "model.dtype": {"bf16": "bfloat16", "fp32": "float32", "float": "float32"},
}
"""Other spellings of values. For train.layers auto is more than left out: it asks to measure."""

SPELLED_VALUES: dict[str, dict[object, str | None]] = {
    "load_in_4bit": {True: "nf4", False: None},
    "load_in_8bit": {True: "int8", False: None},
    "quantization_bit": {4: "nf4", 8: "int8"},
    "quant_bits": {4: "nf4", 8: "int8"},
}
"""Values of spellings that say half of it themselves."""

NO_COUNTERPART: dict[str, str] = {
    "output_dir": "runs are kept in ./runs; use --runs-dir DIR for another place and run.name for the folder's name",
    "out_dir": "runs are kept in ./runs; use --runs-dir DIR for another place and run.name for the folder's name",
    "bnb_4bit_quant_type": "leave it out: model.quantization=nf4 says it",
    "bnb_4bit_compute_dtype": "leave it out: model.dtype is the type of the products",
    "bnb_4bit_use_double_quant": "leave it out: with nf4 the scales are always kept in few bits too",
    "double_quantization": "leave it out: with nf4 the scales are always kept in few bits too",
    "quantization_method": "leave it out: model.quantization=nf4 or int8 says it",
    "quant_method": "leave it out: model.quantization=nf4 or int8 says it",
    "optim": "the optimizer is AdamW in this version",
    "optimizer": "the optimizer is AdamW in this version",
    "resume_from_checkpoint": "runs go on by themselves: type the same command again",
}
"""Known spellings that have no field here, and what to do instead."""
