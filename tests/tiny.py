"""Tiny random models with a byte tokenizer, made by the tests: every byte is a token, every architecture is real."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from tunewright.core.values import ModelCard

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""The shape of SmolLM2's and many others' templates."""

THINKING = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['role'] == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
"""The shape of Qwen3's template: the last answer carries an empty thought, earlier answers lose it."""

DECODER_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
ENCODER_SPECIAL = ("[PAD]", "[CLS]", "[SEP]", "[UNK]")


def byte_tokenizer(special: tuple[str, ...], *, template: str | None = None) -> PreTrainedTokenizerFast:
    """Ids 0.. are the special tokens, then one id a byte, nothing merged."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate((*special, *alphabet))}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    if "[CLS]" in special:
        inner.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
        )
        names = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    else:
        names = {"bos_token": "<|im_start|>", "eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=512, **names)
    if template:
        tokenizer.chat_template = template
    return tokenizer


def save_tiny_encoder(folder: Path, *, seed: int = 0) -> Path:
    """A BERT of 2 blocks, 32 wide, 128 positions."""
    torch.manual_seed(seed)
    tokenizer = byte_tokenizer(ENCODER_SPECIAL)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        pad_token_id=0,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_tiny_decoder(folder: Path, *, seed: int = 0, template: str | None = CHATML, tied: bool = True) -> Path:
    """A Llama of 2 blocks, 32 wide, 512 positions, with pad = end token as SmolLM2 has it."""
    torch.manual_seed(seed)
    tokenizer = byte_tokenizer(DECODER_SPECIAL, template=template)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        intermediate_size=64,
        max_position_embeddings=512,
        tie_word_embeddings=tied,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def tiny_card(folder: Path, architecture: str) -> ModelCard:
    """Facts of a tiny model, without reading them from its files. architecture: encoder or decoder."""
    is_decoder = architecture == "decoder"
    return ModelCard(
        name=str(folder),
        path=str(folder),
        architecture="decoder" if is_decoder else "encoder",
        model_type="llama" if is_decoder else "bert",
        n_parameters=30_000,
        n_layers=2,
        hidden_size=32,
        n_heads=2,
        vocabulary_size=259 if is_decoder else 260,
        context_tokens=512 if is_decoder else 128,
        licence="CC0-1.0",
        has_chat_template=is_decoder,
        n_key_value_heads=1 if is_decoder else 2,
        head_size=16,
        intermediate_size=64,
        is_gated_mlp=is_decoder,
        is_tied=is_decoder,
    )
