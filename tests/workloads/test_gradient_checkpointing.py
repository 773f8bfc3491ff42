"""`trainer.gradient_checkpointing` of the celestial workload: the same training in less memory."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional

from shared.specs.catalogue import installed_workloads
from tests.workloads.celestial_cases import inputs, small_model, small_spec, truth
from worker.workloads.celestial.model.forecaster import CelestialForecaster
from worker.workloads.celestial.workload import WORKLOAD
from worker.workloads.interface import Workload

SPEC = small_spec({"dropout": 0.2, "activation_checkpointing": "none"})


def model_with(on: bool) -> CelestialForecaster:
    model = small_model(SPEC)
    assert WORKLOAD.gradient_checkpointing is not None
    WORKLOAD.gradient_checkpointing(model, on)
    return model


def losses(on: bool) -> list[float]:
    """Of four steps with dropout: the second computation must drop what the first dropped."""
    model = model_with(on)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batch, wanted = inputs(SPEC, 3), truth(SPEC, 3)
    torch.manual_seed(5)
    found = []
    for _ in range(4):
        optimizer.zero_grad()
        loss = functional.mse_loss(model(*batch), wanted)
        torch.autograd.backward(loss)
        optimizer.step()
        found.append(float(loss.detach()))
    return found


def saved_bytes(on: bool) -> int:
    """What the graph keeps for the backward pass, weights aside."""
    model = model_with(on)
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.untyped_storage().data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = functional.mse_loss(model(*inputs(SPEC, 3)), truth(SPEC, 3))
    assert loss.requires_grad
    return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


def test_the_losses_are_the_same_with_and_without() -> None:
    assert losses(True) == pytest.approx(losses(False), rel=1e-5)


def test_less_is_kept_for_the_backward_pass() -> None:
    assert saved_bytes(True) < 0.6 * saved_bytes(False)


def test_every_contract_offers_what_its_workload_does() -> None:
    for name, contract in installed_workloads().items():
        module, attribute = contract.implementation.split(":")
        workload = getattr(import_module(module), attribute)
        assert isinstance(workload, Workload)
        assert (workload.gradient_checkpointing is not None) == contract.gradient_checkpointing, name
