"""The least time that a step's arithmetic takes on this machine: its counted FLOPs over the matmul peak."""

from __future__ import annotations

import time
from collections.abc import Callable

SIDE, ROUNDS = 4096, 5


def matmul_gflops() -> float:
    """Best rate of a square float32 matrix product here, in GFLOP/s, with torch's own threads."""
    import torch

    a, b = torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        torch.mm(a, b)
        seconds.append(time.perf_counter() - began)
    return 2 * SIDE**3 / min(seconds) / 1e9


def counted_gflop(step: Callable[[], object]) -> float:
    """GFLOP of the matrix products, convolutions and attention of one call, forward and backward."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        step()
    return float(counter.get_total_flops()) / 1e9
