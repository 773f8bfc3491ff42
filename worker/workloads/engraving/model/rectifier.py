"""Normalisation and rectifier behind a convolution, with the convolution's bias where it acts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable


class Rectifier(nn.Module):
    """[B, C, H, W] -> the same: batch normalisation, ReLU, and a shift of each channel; 3 C parameters.

    A bias within the convolution would be cancelled by the normalisation behind it and never learn (pitfall
    P44). Its C numbers stand behind the rectifier: FReLU of Qiu et al. 2018.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.shift = nn.Parameter(torch.zeros(channels))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        norm = self.norm
        momentum = 0.0
        if self.training:
            assert norm.num_batches_tracked is not None
            norm.num_batches_tracked.add_(1)
            # Without a momentum all batches count alike, as in nn.BatchNorm2d.
            momentum = 1.0 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
        parameters = (norm.weight, norm.bias, self.shift)
        averages = (norm.running_mean, norm.running_var)
        out: Tensor = _Rectified.apply(x_BCHW, *parameters, *averages, self.training, momentum, norm.eps)  # type: ignore[no-untyped-call]
        return out


class _Rectified(Function):
    """relu(batch_norm(x)) + shift, of which only x and the result are kept: one tensor less than by parts."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        shift: Tensor,
        running_mean: Tensor,
        running_var: Tensor,
        training: bool,
        momentum: float,
        eps: float,
    ) -> Tensor:
        out, mean, deviation = torch.native_batch_norm(
            x, weight, bias, running_mean, running_var, training, momentum, eps
        )
        out = out.relu_().add_(shift.to(out.dtype)[:, None, None])
        ctx.save_for_backward(x, weight, shift, running_mean, running_var, mean, deviation, out)
        ctx.training, ctx.eps = training, eps
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight, shift, running_mean, running_var, mean, deviation, out = ctx.saved_tensors
        passed = gradient * (out > shift.to(out.dtype)[:, None, None])
        inner, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            passed, x, weight, running_mean, running_var, mean, deviation, ctx.training, ctx.eps, [True] * 3
        )
        of_shift = gradient.sum(dim=(0, 2, 3), dtype=shift.dtype)
        return inner, of_weight, of_bias, of_shift, None, None, None, None, None
