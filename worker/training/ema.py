"""The exponential moving average of the weights, which is validated, named best and evaluated. Stateful.

Training itself goes on with the weights it moves; a checkpoint holds both. Buffers are those of training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from shared.specs.parts import EmaSpec

NAME = "ema"
"""Of the component in a checkpoint."""
WARMUP = 10
"""With warm-up the decay after n updates is at most (1 + n) / (10 + n), as in TensorFlow's averages."""


class Ema:
    """`average = decay * average + (1 - decay) * weight` after every step."""

    def __init__(self, spec: EmaSpec, model: nn.Module) -> None:
        self._spec = spec
        self._live = {name: one for name, one in model.named_parameters() if one.requires_grad}
        self._averages: dict[str, Tensor] = {}
        self._updates = 0

    @property
    def begun(self) -> bool:
        """Whether there are averages."""
        return bool(self._averages)

    def begin(self) -> None:
        """Take the weights as they are for their averages."""
        self._averages = {name: weight.detach().clone() for name, weight in self._live.items()}
        self._updates = 0

    @torch.no_grad()
    def update(self) -> None:
        """A step has moved the weights."""
        self._updates += 1
        decay = self._spec.decay
        if self._spec.warmup:
            decay = min(decay, (1 + self._updates) / (WARMUP + self._updates))
        torch._foreach_lerp_(list(self._averages.values()), list(self._live.values()), 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """While entered, the model holds the averages."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def put_in_place(self) -> None:
        """Have the model hold the averages for good: its own weights are given up."""
        put_averages(self._live, self._averages)

    def _swap(self) -> None:
        for name, weight in self._live.items():
            weight.data, self._averages[name] = self._averages[name], weight.data

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self._updates, "averages": dict(self._averages)}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        self.begin()
        put_averages(self._averages, state["averages"])
        self._updates = state["updates"]


@torch.no_grad()
def put_averages(target: Mapping[str, Tensor], averages: Mapping[str, Tensor]) -> None:
    """Copy them in by name. Raises ValueError where names or shapes differ."""
    if set(target) != set(averages):
        raise ValueError(f"the averages are of {len(averages)} parameters, the model has {len(target)}")
    for name, tensor in target.items():
        if tensor.shape != averages[name].shape:
            raise ValueError(
                f"{name} has shape {list(tensor.shape)}, its average {list(averages[name].shape)}"
            )
        tensor.copy_(averages[name])
