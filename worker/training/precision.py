"""Numeric precision: autocast and loss scaling of a spec on a device."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from shared.errors import InvalidSpec
from shared.specs.parts import TrainerSpec


@dataclass(frozen=True)
class Precision:
    """fp32 as it is; bf16 by autocast; fp16 by autocast with a scaled loss."""

    device_type: str
    dtype: torch.dtype | None
    """What autocast lowers to; none for fp32."""
    scaler: torch.amp.GradScaler
    """Does nothing unless the precision is fp16."""

    def autocast(self) -> AbstractContextManager[Any]:
        if self.dtype is None:
            return nullcontext()
        return torch.autocast(self.device_type, dtype=self.dtype)


def choose_precision(trainer: TrainerSpec, device: torch.device) -> Precision:
    """The precision of a spec. Raises InvalidSpec for fp16 without CUDA."""
    scaler = torch.amp.GradScaler(device.type, enabled=trainer.precision == "fp16")
    if trainer.precision == "fp32":
        return Precision(device.type, None, scaler)
    if trainer.precision == "bf16":
        return Precision(device.type, torch.bfloat16, scaler)
    if device.type != "cuda":
        raise InvalidSpec('trainer.precision "fp16" needs a CUDA device; use "bf16" or "fp32" on a CPU')
    return Precision(device.type, torch.float16, scaler)
