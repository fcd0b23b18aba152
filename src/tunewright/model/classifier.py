"""An encoder with a classification head: mean of the token vectors, then one linear layer.

In: ids_BT and mask_BT. Out: logits_BC. Its own file because what it saves must load without us: the encoder as an
AutoModel folder, the head as head.safetensors, and a 10-line predict.py.
Axes: B rows, T positions, H hidden, C classes.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

HEAD_FILE = "head.safetensors"
LABELS_FILE = "labels.txt"


def mean_pooled(vectors_BTH: Tensor, *, mask_BT: Tensor) -> Tensor:
    """Mean over real tokens, shape BH, in float32. Source: sentence-transformers' mean pooling."""
    mask_BT1 = mask_BT[..., None].float()
    return (vectors_BTH.float() * mask_BT1).sum(1) / mask_BT1.sum(1).clamp(min=1.0)


class EncoderClassifier(nn.Module):
    """encoder + mean pooling + linear head; the head starts at zero, so every class starts equally likely."""

    def __init__(self, encoder: nn.Module, *, hidden_size: int, n_classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(hidden_size, n_classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, ids_BT: Tensor, mask_BT: Tensor) -> Tensor:
        vectors_BTH = self.encoder(input_ids=ids_BT, attention_mask=mask_BT).last_hidden_state
        logits: Tensor = self.head(mean_pooled(vectors_BTH, mask_BT=mask_BT).to(self.head.weight.dtype))
        return logits


def save_head(folder: Path, *, head: nn.Linear, labels: tuple[str, ...], script: str) -> None:
    """head.safetensors, labels.txt (one a line, in class order) and predict.py, whose text is the script."""
    save_file(
        {"weight": head.weight.detach().contiguous(), "bias": head.bias.detach().contiguous()}, folder / HEAD_FILE
    )
    write_labels(folder, labels)
    (folder / "predict.py").write_text(script, encoding="utf-8")


def write_labels(folder: Path, labels: tuple[str, ...]) -> None:
    """labels.txt: one a line, in class order."""
    (folder / LABELS_FILE).write_text("".join(f"{one_line}\n" for one_line in labels_lines(labels)), encoding="utf-8")


def labels_lines(labels: tuple[str, ...]) -> tuple[str, ...]:
    """As labels.txt holds them: line breaks in a name become spaces."""
    return tuple(" ".join(name.splitlines()) for name in labels)


def load_head(folder: Path, *, head: nn.Linear) -> None:
    """Put the saved weights into `head`."""
    state = load_file(folder / HEAD_FILE)
    with torch.no_grad():
        head.weight.copy_(state["weight"])
        head.bias.copy_(state["bias"])
