"""Steps whose loss or gradient is NaN or infinite: named, and left out as often as the spec allows."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from shared.errors import NonFiniteLoss

SHOWN = 3
"""Parameters that a sentence names."""

log = logging.getLogger(__name__)


class Skips:
    """Steps of the whole job that were left out, at most so many. Stateful."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.count = 0

    def take(self, error: NonFiniteLoss, step: int) -> str:
        """Leave a step out; what to tell of it. Raises NonFiniteLoss where no more may be."""
        if self.count >= self.most:
            raise NonFiniteLoss(self._exhausted(error)) from error
        self.count += 1
        sentence = f"step {step} is left out, the {self.count}. of at most {self.most}: {error.message}"
        log.warning("%s", sentence)
        return sentence

    def _exhausted(self, error: NonFiniteLoss) -> str:
        if self.most == 0:
            return error.message
        return (
            f"{error.message}; trainer.skip_non_finite allows a job {self.most} such steps, and {self.count} "
            "were left out before"
        )

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count}

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        self.count = state["count"]


class Buffers:
    """What a forward pass moves beside the weights, such as running means: a NaN must not stay in them."""

    def __init__(self, model: nn.Module) -> None:
        self._kept = [
            (module, name, buffer.detach().clone())
            for module in model.modules()
            for name, buffer in module._buffers.items()
            if buffer is not None
        ]

    def put_back(self) -> None:
        """What did not move is not written to: that would look like a move to whoever counts writes."""
        for module, name, value in self._kept:
            buffer = module._buffers[name]
            assert buffer is not None
            if not torch.equal(buffer, value):
                buffer.detach().copy_(value)


def loss_sentence(means: Mapping[str, float], step: int) -> str:
    """The loss is not finite, and by which of its terms."""
    raw = {
        name.removeprefix("loss_"): value
        for name, value in means.items()
        if name != "loss_epoch" and not name.endswith("_weighted")
    }
    bad = [f"{name} is {value}" for name, value in raw.items() if not math.isfinite(value)]
    terms = f" ({', '.join(bad)})" if bad else ""
    loss = means["loss_epoch"]
    return f"the loss of step {step} is {loss}{terms}; lower the learning rate or look at the data"


def gradient_sentence(bad: Sequence[str], norm: float, loss: float, step: int) -> str:
    """The gradient is not finite, and where."""
    if bad:
        more = f" and of {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        where = f", by that of {', '.join(bad[:SHOWN])}{more}"
    else:
        where = ", too large for its own norm"
    return (
        f"the gradient of step {step} is {norm} while its loss is {loss:.6g}{where}; "
        "set trainer.clip_grad_norm or lower the learning rate"
    )


def names_of(model: nn.Module, gradients: Iterable[tuple[Tensor, float]]) -> list[str]:
    """The parameters whose gradients, given with their norms, are not finite."""
    bad = {id(gradient) for gradient, norm in gradients if not math.isfinite(norm)}
    return [name for name, parameter in model.named_parameters() if id(parameter.grad) in bad]
