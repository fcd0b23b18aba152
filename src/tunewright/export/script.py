"""predict.py and requirements.txt of an exported folder: how it is used on a machine without us.

In: what the folder holds. Out: texts of two files. Its own file because they are programs of their own: a test runs
each where tunewright cannot be imported. Encoders bring theirs from training (model/predict_script).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from tunewright.core.label_sets import THRESHOLD
from tunewright.core.values import Task
from tunewright.model.load import Loaded
from tunewright.model.predict_script import ENDINGS
from tunewright.text.chat import THINKING_SWITCH

Form = Literal["encoder", "classifier", "language", "gguf", "onnx"]
PACKAGES: Mapping[Form, tuple[str, ...]] = {
    "encoder": ("torch", "transformers", "safetensors"),
    "classifier": ("torch", "transformers", "safetensors"),
    "language": ("torch", "transformers", "safetensors"),
    "gguf": ("llama-cpp-python",),
    "onnx": ("onnxruntime", "tokenizers", "numpy"),
}
N_NEW = 256
"""Tokens of an answer at most, as the lines of every folder say."""

_CLASSIFIER = '''"""{WHAT} for texts, in plain transformers: python predict.py "first text" "second text"."""
import json, sys, torch
from pathlib import Path
from transformers import AutoTokenizer, logging
from {PACKAGE} import {AUTO}
logging.set_verbosity_error()
here = str(Path(__file__).resolve().parent)
model, tokenizer = {AUTO}.from_pretrained(here{CLASSES}).eval(), AutoTokenizer.from_pretrained(here)
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
model.config.pad_token_id = tokenizer.pad_token_id
here = Path(here)
with torch.inference_mode():
    batch = tokenizer(sys.argv[1:], padding=True, truncation=True, max_length={MAX_LENGTH}, return_tensors="pt")
    out = model(**batch).logits
'''
_LANGUAGE = '''"""{WHAT}, in plain transformers: python predict.py "first text" "second text"."""
import sys
from pathlib import Path
from transformers import AutoTokenizer, logging
from {PACKAGE} import {AUTO}
logging.set_verbosity_error()
here = str(Path(__file__).resolve().parent)
model, tokenizer = {AUTO}.from_pretrained(here).eval(), AutoTokenizer.from_pretrained(here)
for text in sys.argv[1:]:
    {ASK}
    ids = model.generate(**asked, max_new_tokens={N_NEW}, do_sample=False{ENDS})
    print(tokenizer.decode(ids[0, asked["input_ids"].shape[1]:], skip_special_tokens=True))
'''
_ASK_CHAT = (
    'asked = tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True, '
    'return_tensors="pt", return_dict=True{SWITCH})'
)
_ASK_TEXT = 'asked = tokenizer(text, add_special_tokens=False, return_tensors="pt")'
_GGUF = '''"""{WHAT}, by llama.cpp: python predict.py "first text" "second text"."""
import sys
from pathlib import Path
from llama_cpp import Llama
llama = Llama(str(Path(__file__).resolve().with_name("model.gguf")), n_ctx={CONTEXT}, verbose=False)
greedy = {"temperature": 0.0, "repeat_penalty": 1.0, "max_tokens": {N_NEW}}
for text in sys.argv[1:]:
    print({ASK})
'''
_ASK_LLAMA = (
    'llama.create_chat_completion([{"role": "user", "content": text}], **greedy)["choices"][0]["message"]["content"]'
)
_ASK_LLAMA_TEXT = 'llama(text, **greedy)["choices"][0]["text"]'
_ONNX = '''"""{WHAT} for texts, by onnxruntime alone: python predict.py "first text" "second text"."""
import json, sys
from pathlib import Path
import numpy as np, onnxruntime
from tokenizers import Tokenizer
here = Path(__file__).resolve().parent
tokenizer = Tokenizer.from_file(str(here / "tokenizer.json"))
tokenizer.enable_truncation({MAX_LENGTH})
tokenizer.enable_padding(pad_id={PAD_ID}, pad_token={PAD!r})
rows = tokenizer.encode_batch(sys.argv[1:])
ids, mask = np.array([row.ids for row in rows]), np.array([row.attention_mask for row in rows])
fed = {"input_ids": ids, "attention_mask": mask}
out = onnxruntime.InferenceSession(str(here / "model.onnx")).run(["logits"], fed)[0].astype(float)
'''
_ONE = """labels = here.joinpath("labels.txt").read_text(encoding="utf-8").splitlines()
odds = np.exp(out - out.max(-1, keepdims=True))
for text, p in zip(sys.argv[1:], odds / odds.sum(-1, keepdims=True)):
    print(f"{labels[int(p.argmax())]}\\t{p.max():.4f}\\t{text}")
"""
_SEVERAL = f"""labels = here.joinpath("labels.txt").read_text(encoding="utf-8").splitlines()
for text, p in zip(sys.argv[1:], 1 / (1 + np.exp(-out))):
    found = sorted(name for name, one in zip(labels, p) if one >= {THRESHOLD})
    print(f"{{json.dumps(found, ensure_ascii=False)}}\\t{{text}}")
"""
_NUMBER = """unit = json.loads(here.joinpath("target.json").read_text(encoding="utf-8"))
for text, number in zip(sys.argv[1:], unit["mean"] + unit["deviation"] * out[:, 0]):
    print(f"{number:.6g}\\t{text}")
"""
_ENDINGS: Mapping[Task, str] = {"classify": _ONE, "multilabel": _SEVERAL, "regress": _NUMBER}


def requirements(form: Form, *, is_adapter: bool) -> str:
    """requirements.txt: what it was compared with, of what is installed here."""
    names = (*PACKAGES[form], *(("peft",) if is_adapter else ()))
    return "".join(f"{_pinned(name)}\n" for name in names)


def classifier_script(loaded: Loaded, *, max_length: int, is_adapter: bool) -> str:
    """For transformers' own head."""
    what, ending = ENDINGS[loaded.task]
    body = _auto(_CLASSIFIER, "ModelForSequenceClassification", is_adapter=is_adapter)
    classes = f", num_labels={len(loaded.labels)}" if is_adapter else ""
    return _put(body, WHAT=what, CLASSES=classes, MAX_LENGTH=max_length) + ending


def language_script(loaded: Loaded, *, ends: tuple[int, ...], is_adapter: bool) -> str:
    """For a model that writes. ends: said where the folder cannot say them (an adapter's); else empty."""
    switch = f", {THINKING_SWITCH}=False" if THINKING_SWITCH in str(loaded.tokenizer.chat_template) else ""
    ask = _ASK_TEXT if loaded.task == "text" else _ASK_CHAT.replace("{SWITCH}", switch)
    body = _auto(_LANGUAGE, "ModelForCausalLM", is_adapter=is_adapter)
    named = f", eos_token_id={list(ends)}" if ends else ""
    return _put(body, WHAT=_writes(loaded), ASK=ask, N_NEW=N_NEW, ENDS=named)


def gguf_script(loaded: Loaded) -> str:
    """The same prompt through llama.cpp."""
    ask = _ASK_LLAMA_TEXT if loaded.task == "text" else _ASK_LLAMA
    return _put(_GGUF, WHAT=_writes(loaded), CONTEXT=loaded.card.context_tokens, N_NEW=N_NEW, ASK=ask)


def onnx_script(loaded: Loaded, *, max_length: int) -> str:
    """For a graph with its head inside."""
    pad = loaded.tokenizer.convert_ids_to_tokens(loaded.pad_id)
    body = _ONNX.replace("{PAD!r}", repr(pad))
    return _put(body, WHAT=ENDINGS[loaded.task][0], MAX_LENGTH=max_length, PAD_ID=loaded.pad_id) + _ENDINGS[loaded.task]


def _auto(body: str, what: str, *, is_adapter: bool) -> str:
    return _put(
        body, PACKAGE="peft" if is_adapter else "transformers", AUTO=f"AutoPeft{what}" if is_adapter else f"Auto{what}"
    )


def _writes(loaded: Loaded) -> str:
    return "The rest of texts" if loaded.task == "text" else "Answers to questions"


def _put(body: str, **values: object) -> str:
    """Words in braces that are no Python: a format string would read the script's own braces."""
    for name, value in values.items():
        body = body.replace(f"{{{name}}}", str(value))
    return body


def _pinned(name: str) -> str:
    try:
        return f"{name}=={version(name).partition('+')[0]}"
    except PackageNotFoundError:
        return name
