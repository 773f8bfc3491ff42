"""Every random number generator of the process as one Stateful: Python, NumPy, torch CPU, all CUDA."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from typing import Any

import torch


def seed_everything(seed: int) -> None:
    """Seed every generator there is; torch's call covers all CUDA devices."""
    random.seed(seed)
    torch.manual_seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)


def cuda_in_use() -> bool:
    """Whether this process has touched CUDA."""
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


class RngState:
    """The draw after a save equals the draw after its restore."""

    def begin(self, _seed: int, _step: int) -> None:
        """A process alone goes on with the generators as they are."""

    def state_dict(self) -> dict[str, Any]:
        return {
            "python": random.getstate(),
            "numpy": _numpy_state(),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if cuda_in_use() else [],
        }

    def load_state_dict(self, state: Mapping[str, Any], /) -> None:
        random.setstate(state["python"])
        torch.set_rng_state(state["torch"])
        if state["numpy"] is not None:
            import numpy as np

            name, keys, *rest = state["numpy"]
            np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
        for device, saved in enumerate(state["cuda"][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(saved, device)


def _numpy_state() -> tuple[Any, ...] | None:
    if "numpy" not in sys.modules:
        return None
    name, keys, *rest = sys.modules["numpy"].random.get_state()
    return (name, keys.tolist(), *rest)
