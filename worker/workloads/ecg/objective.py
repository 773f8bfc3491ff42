"""What the classifier is asked and what it minimises: cross-entropy, samples by the weight of their class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from shared.errors import TrainingError
from worker.workloads.interface import LossTerms


def forward(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """Logits [B, K]."""
    logits = model(batch["signal"], batch["rhythm"])
    assert isinstance(logits, Tensor)
    return logits


def loss(_spec: Any, outputs: Tensor, batch: Mapping[str, Tensor]) -> LossTerms:
    """Mean over the samples of weight times cross-entropy: the same however a batch is divided.

    Raises TrainingError where there are not as many answers as labels.
    """
    label_B, weight_B = batch["label"], batch["weight"]
    if outputs.dim() != 2 or len(outputs) != len(label_B):
        raise TrainingError(f"the model answers {list(outputs.shape)} to {len(label_B)} samples")
    entropy_B = functional.cross_entropy(outputs.float(), label_B, reduction="none")
    right = (outputs.argmax(dim=1) == label_B).float().mean()
    return LossTerms((weight_B * entropy_B).mean(), len(label_B), measures={"accuracy": right})
