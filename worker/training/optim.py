"""The optimizer of a spec."""

from __future__ import annotations

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from shared.errors import TrainingError
from shared.specs.parts import OptimizerSpec


def build_optimizer(spec: OptimizerSpec, model: nn.Module) -> Optimizer:
    """Adam (L2 decay), AdamW (decoupled decay) or SGD over every parameter that asks for a gradient."""
    parameters = trainable(model)
    if spec.name == "sgd":
        return SGD(parameters, lr=spec.lr, momentum=spec.momentum, weight_decay=spec.weight_decay)
    kind = Adam if spec.name == "adam" else AdamW
    return kind(parameters, lr=spec.lr, betas=spec.betas, eps=spec.eps, weight_decay=spec.weight_decay)


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
