"""What a module of benchmarks.plain gives: a model and its loss on one batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Plain:
    """A model in training mode and its loss on one batch that stays the same."""

    model: nn.Module
    loss: Callable[[], Tensor]
    """Forward and loss, a scalar to call backward of. The optimizer is that of the spec, on both sides."""
