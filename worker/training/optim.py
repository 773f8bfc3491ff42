"""The optimizer of a spec."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.optim import SGD, Adafactor, Adam, AdamW, Optimizer

from shared.errors import FieldProblem, InvalidSpec, TrainingError
from shared.specs.parts import OptimizerSpec


def build_optimizer(spec: OptimizerSpec, model: nn.Module) -> Optimizer:
    """Adam (L2 decay), AdamW (decoupled), SGD or Adafactor over every parameter that asks for a gradient.

    Raises InvalidSpec where torch has no fused form for these parameters.
    """
    groups = parameter_groups(spec, model)
    if spec.fused:
        _check_fused(spec, trainable(model))
    return _optimizer(spec, groups)


def parameter_groups(spec: OptimizerSpec, model: nn.Module) -> list[dict[str, Any]]:
    """One group, or one that decays and one that does not."""
    parameters = trainable(model)
    if spec.decay == "all":
        return [{"params": parameters}]
    kept = {id(parameter) for parameter in _never_decayed(model)}
    decayed = [one for one in parameters if one.ndim >= 2 and id(one) not in kept]
    chosen = {id(parameter) for parameter in decayed}
    others = [one for one in parameters if id(one) not in chosen]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


def groups_text(optimizer: Optimizer) -> str:
    """Such as `weight decay 0.01 on 3 tensors of 96 numbers, 0 on 4 tensors of 20 numbers`."""
    parts = []
    for group in optimizer.param_groups:
        tensors = group["params"]
        numbers = sum(parameter.numel() for parameter in tensors)
        parts.append(f"{group['weight_decay']:g} on {len(tensors)} tensors of {numbers:,} numbers")
    return "weight decay " + ", ".join(parts)


def _optimizer(spec: OptimizerSpec, groups: list[dict[str, Any]]) -> Optimizer:
    fused = True if spec.fused else None
    if spec.name == "sgd":
        return SGD(groups, lr=spec.lr, momentum=spec.momentum, weight_decay=spec.weight_decay, fused=fused)
    if spec.name == "adafactor":
        return Adafactor(groups, lr=spec.lr, weight_decay=spec.weight_decay)
    kind = Adam if spec.name == "adam" else AdamW
    return kind(
        groups, lr=spec.lr, betas=spec.betas, eps=spec.eps, weight_decay=spec.weight_decay, fused=fused
    )


def _check_fused(spec: OptimizerSpec, parameters: list[nn.Parameter]) -> None:
    """Torch itself says so at the first step only."""
    for device, dtype in {(parameter.device, parameter.dtype) for parameter in parameters}:
        one = nn.Parameter(torch.zeros(1, device=device, dtype=dtype))
        one.grad = torch.zeros_like(one)
        try:
            _optimizer(spec, [{"params": [one]}]).step()
        except RuntimeError as error:
            sentence = f"torch has no fused {spec.name} for {dtype} on {device}; set optimizer.fused to false"
            raise InvalidSpec(
                f"optimizer.fused: {sentence}", (FieldProblem("optimizer.fused", sentence),)
            ) from error


def _never_decayed(model: nn.Module) -> Iterator[nn.Parameter]:
    """Of norms and embeddings, whatever their shape. A norm is told by its class or the name of its class."""
    for module in model.modules():
        if isinstance(module, (nn.Embedding, nn.EmbeddingBag)) or "Norm" in type(module).__name__:
            yield from module.parameters(recurse=False)


def trainable(model: nn.Module) -> list[nn.Parameter]:
    """The parameters that ask for a gradient. Raises TrainingError where there are none, or lazy ones."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if any(isinstance(parameter, nn.parameter.UninitializedParameter) for parameter in parameters):
        raise TrainingError(
            "build_model left lazy parameters without a shape; it must create every parameter"
        )
    if not parameters:
        raise TrainingError("the model has no parameter to train")
    return parameters
