"""Activation checkpointing: forget what lies inside a call and compute it again in the backward pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

T = TypeVar("T")


def recomputed(enabled: bool, function: Callable[..., T], *arguments: Any) -> T:
    """`function(*arguments)`; where enabled and gradients are on, only the arguments are kept for backward.

    The second computation starts from the same random state, so dropout drops the same channels.
    """
    if not enabled or not torch.is_grad_enabled():
        return function(*arguments)
    result: T = checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=True)
    return result


def set_recompute(model: nn.Module, enabled: bool) -> None:
    """Turn it on or off in every module with the attribute `recompute`."""
    for module in model.modules():
        if hasattr(module, "recompute"):
            setattr(module, "recompute", enabled)  # noqa: B010 - a module's attributes are not typed
