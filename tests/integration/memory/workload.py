"""The torch side of `hungry`: its first sample eats memory, waits, or is refused memory."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from tests.integration import planted
from tests.integration.memory.contract import HungrySpec
from worker.workloads.interface import Dataset, Splits

CHUNK = 32 * 1024**2
ROOM = 256 * 1024**2


class Hungry:
    """Does what it is told before it gives a sample."""

    def __init__(self, inner: Dataset, act: Callable[[], None]) -> None:
        self._inner, self._act = inner, act

    def __len__(self) -> int:
        return len(self._inner)

    def __getitem__(self, index: int, /) -> Any:
        self._act()
        return self._inner[index]


def eat() -> None:
    """Take memory and touch it, until somebody stops it."""
    eaten = []
    while True:
        eaten.append(bytearray(b"x") * CHUNK)


def wait() -> None:
    """Hear of nothing any more."""
    while True:
        signal.pause()


def refused_bytes() -> None:
    _limit()
    bytearray(4 * ROOM)


def refused_tensor() -> None:
    _limit()
    torch.empty(4 * ROOM, dtype=torch.uint8)


def cuda() -> None:
    """What torch raises on a GPU; there need not be one."""
    error: Any = torch.OutOfMemoryError
    raise error("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.10 GiB.")


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


WAYS: Mapping[str, Callable[[], None]] = {
    "eat": eat,
    "wait": wait,
    "refused_bytes": refused_bytes,
    "refused_tensor": refused_tensor,
    "cuda": cuda,
}


def load_splits(spec: HungrySpec, root: Path) -> Splits:
    splits = planted.load_splits(planted.PlantedSpec(), root)
    return replace(splits, train=Hungry(splits.train, WAYS[spec.data.way]))


def build_model(_spec: Any, _splits: Splits) -> planted.Net:
    return planted.Net(planted.PlantedData().features, planted.PlantedModel())


WORKLOAD = replace(planted.WORKLOAD, name="hungry", load_splits=load_splits, build_model=build_model)
