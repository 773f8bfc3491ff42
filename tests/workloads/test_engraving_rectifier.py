"""The rectifier in one piece is its three parts, forwards and backwards, and keeps one tensor less."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from worker.workloads.engraving.model.rectifier import Rectifier


def by_parts(rectifier: Rectifier, x: Tensor) -> Tensor:
    return functional.relu(rectifier.norm(x)) + rectifier.shift[:, None, None]


def filled(seed: int = 1) -> Rectifier:
    """Of which no number is what it is at first."""
    torch.manual_seed(seed)
    rectifier = Rectifier(5)
    with torch.no_grad():
        for tensor in (*rectifier.parameters(), rectifier.norm.running_mean):
            assert tensor is not None
            tensor.copy_(torch.randn_like(tensor))
    return rectifier


def outcome(x: Tensor, *, training: bool, whole: bool, momentum: float | None = 0.1) -> dict[str, Tensor]:
    """Everything that two passes and a backward one leave."""
    rectifier = filled().to(x.dtype).train(training)
    rectifier.norm.momentum = momentum
    inner = x.clone().requires_grad_()
    for _ in range(2):
        out = rectifier(inner) if whole else by_parts(rectifier, inner)
    torch.autograd.backward((out * torch.arange(out.numel()).to(x.dtype).sin().view_as(out)).sum())
    told = {"out": out, "inner": inner.grad, **{n: p.grad for n, p in rectifier.named_parameters()}}
    assert all(value is not None for value in told.values())
    return {**{name: value for name, value in told.items() if value is not None}, **rectifier.state_dict()}


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("size", [1, 3])
def test_in_one_piece_it_is_what_it_is_by_parts(size: int, training: bool, momentum: float | None) -> None:
    x = torch.randn(size, 5, 4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    whole = outcome(x, training=training, whole=True, momentum=momentum)
    parts = outcome(x, training=training, whole=False, momentum=momentum)
    assert whole.keys() == parts.keys()
    for name, value in whole.items():
        torch.testing.assert_close(value, parts[name], rtol=1e-9, atol=1e-10, msg=name)


def test_it_keeps_what_goes_in_and_what_comes_out_and_nothing_else_of_that_size() -> None:
    x = torch.randn(2, 5, 32, 32, requires_grad=True)
    rectifier = filled()
    kept: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        kept.append(tensor.untyped_storage().data_ptr() if tensor.numel() == x.numel() else 0)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = rectifier(x)
    assert {pointer for pointer in kept if pointer} == {x.data_ptr(), out.data_ptr()}


def test_half_precision_goes_through_it() -> None:
    x = torch.randn(2, 3, 8, 8)
    convolution, rectifier = torch.nn.Conv2d(3, 5, 3), filled()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = rectifier(convolution(x))
    torch.autograd.backward(out.float().square().mean())
    assert all(one.grad is not None and one.grad.isfinite().all() for one in rectifier.parameters())
