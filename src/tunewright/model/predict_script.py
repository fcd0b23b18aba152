"""predict.py, shipped beside an encoder's weights: what the model answers, in plain transformers and without us.

In: the task, max_length. Out: the script's text. Its own file because it is a program of its own: it must say what
evaluation measured, and the three tasks differ in its last lines alone.
"""

from __future__ import annotations

from tunewright.core.label_sets import THRESHOLD
from tunewright.core.values import Task

SCRIPT = '''"""{WHAT} for texts, in plain transformers: python predict.py "first text" "second text"."""
import json, sys, torch
from pathlib import Path
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer, logging
logging.set_verbosity_error()
here = Path(__file__).resolve().parent
model, tokenizer = AutoModel.from_pretrained(here).eval(), AutoTokenizer.from_pretrained(here)
head = load_file(here / "head.safetensors")
with torch.inference_mode():
    batch = tokenizer(sys.argv[1:], padding=True, truncation=True, max_length={MAX_LENGTH}, return_tensors="pt")
    vectors, mask = model(**batch).last_hidden_state, batch["attention_mask"][..., None].float()
    out = (vectors * mask).sum(1) / mask.sum(1) @ head["weight"].T + head["bias"]
'''
_LABELS = 'labels = here.joinpath("labels.txt").read_text(encoding="utf-8").splitlines()\n'
ONE_LABEL = f"""{_LABELS}for text, p in zip(sys.argv[1:], out.softmax(-1)):
    print(f"{{labels[int(p.argmax())]}}\\t{{p.max():.4f}}\\t{{text}}")
"""
SEVERAL_LABELS = f"""{_LABELS}for text, p in zip(sys.argv[1:], out.sigmoid()):
    found = sorted(name for name, one in zip(labels, p.tolist()) if one >= {THRESHOLD})
    print(f"{{json.dumps(found, ensure_ascii=False)}}\\t{{text}}")
"""
NUMBER = """unit = json.loads(here.joinpath("target.json").read_text(encoding="utf-8"))
for text, number in zip(sys.argv[1:], unit["mean"] + unit["deviation"] * out[:, 0].double()):
    print(f"{number:.6g}\\t{text}")
"""
ENDINGS: dict[Task, tuple[str, str]] = {
    "classify": ("Labels", ONE_LABEL),
    "multilabel": ("Labels", SEVERAL_LABELS),
    "regress": ("Numbers", NUMBER),
}
"""By task: what it gives, and the lines that say it."""


def predict_script(task: Task, *, max_length: int) -> str:
    """task: one with a head. max_length: tokens, as in training."""
    what, ending = ENDINGS[task]
    return SCRIPT.replace("{WHAT}", what).replace("{MAX_LENGTH}", str(max_length)) + ending
