"""First values of weights: Xavier-uniform matrices, zero biases, small embeddings.

Called once on the whole model; what a module sets on purpose comes after it, so nothing is overwritten (P46).
"""

from __future__ import annotations

from torch import Tensor, nn


def initialise(model: nn.Module) -> None:
    """Set every linear, convolutional and embedding weight beneath `model` in module order."""
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d)):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)


def xavier_stack_(weight_NIO: Tensor) -> None:
    """Xavier-uniform for N stacked matrices from I to O channels, each with its own fans."""
    for weight in weight_NIO:
        nn.init.xavier_uniform_(weight)
