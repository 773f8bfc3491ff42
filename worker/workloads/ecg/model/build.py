"""Which network a spec means."""

from __future__ import annotations

from torch import nn

from shared.specs.ecg import EcgModel
from worker.workloads.ecg.model.small_resnet import SmallResNet1D
from worker.workloads.ecg.model.xresnet import XResNet1D


def build_network(model: EcgModel, leads: int, rhythm: int, classes: int) -> nn.Module:
    """The network for that many leads, rhythm features and classes, with every parameter it will have."""
    if model.name == "small_resnet":
        return SmallResNet1D(leads, rhythm, classes, model.width, model.dropout)
    return XResNet1D(leads, rhythm, classes, model.width, model.stages, model.dropout)
