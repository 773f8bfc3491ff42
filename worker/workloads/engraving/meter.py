"""The metrics of a validation pass: how near the images come, and how many tokens are told right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from worker.workloads.engraving.model.multimodal import Answers
from worker.workloads.engraving.objective import check_shapes, reconstruction_error
from worker.workloads.engraving.tokenizer import END, UNK
from worker.workloads.interface import Splits


class EngravingMeter:
    """Adds up. `mse` and `mae` are of pixels between 0 and 1, `token_accuracy` of words and END.

    A word that the vocabulary does not have is asked for and never right: UNK tells it from no other.
    """

    def __init__(self) -> None:
        self._square = self._absolute = 0.0
        self._pixels = self._right = self._tokens = 0

    def update(self, answers: Answers, batch: Mapping[str, Tensor]) -> None:
        check_shapes(answers, batch)
        error = reconstruction_error(answers, batch) / 2.0
        self._square += float(error.square().double().sum())
        self._absolute += float(error.abs().double().sum())
        self._pixels += error.numel()
        tokens = batch["tokens"]
        asked = tokens >= END
        known = asked & (tokens != UNK)
        self._right += int(((answers.logits.argmax(dim=2) == tokens) & known).sum())
        self._tokens += int(asked.sum())

    def merge(self, other: EngravingMeter) -> None:
        self._square += other._square
        self._absolute += other._absolute
        self._pixels += other._pixels
        self._right += other._right
        self._tokens += other._tokens

    def compute(self) -> dict[str, float]:
        return {
            "mse": self._square / self._pixels,
            "mae": self._absolute / self._pixels,
            "token_accuracy": self._right / self._tokens,
        }


def engraving_meter(_spec: Any, _splits: Splits) -> EngravingMeter:
    """A fresh meter."""
    return EngravingMeter()
