"""Samples cut out of prepared signals, read from disk when asked for.

n samples, L leads, T length, R rhythm features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

OPEN_FILES = 64


@dataclass(frozen=True)
class Cuts:
    """One split: where each sample lies, and its class."""

    files: tuple[Path, ...]
    names: tuple[str, ...]
    """The record of each file."""
    patients: tuple[str, ...]
    """The patient of each file."""
    file: NDArray[np.int64]
    """[n] place in `files`."""
    start: NDArray[np.int64]
    """[n] first sample; what lies outside the signal is zero."""
    labels: NDArray[np.int64]
    """[n]"""
    weights: NDArray[np.float32]
    """[n] of its class in the loss."""
    rhythm: NDArray[np.float32]
    """[n, R]"""
    samples: int
    """T"""

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int, /) -> dict[str, Tensor]:
        signal = open_signal(self.files[self.file[index]])
        return {
            "signal": torch.from_numpy(cut(signal, int(self.start[index]), self.samples)),
            "rhythm": torch.from_numpy(self.rhythm[index].copy()),
            "label": torch.tensor(int(self.labels[index])),
            "weight": torch.tensor(float(self.weights[index])),
        }


@lru_cache(maxsize=OPEN_FILES)
def open_signal(path: Path) -> NDArray[np.float32]:
    """A prepared signal [L, N], mapped and not read."""
    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def cut(signal: NDArray[np.float32], start: int, samples: int) -> NDArray[np.float32]:
    """[L, samples] from `start` on."""
    out = np.zeros((signal.shape[0], samples), np.float32)
    first, last = max(start, 0), min(start + samples, signal.shape[1])
    if first < last:
        out[:, first - start : last - start] = signal[:, first:last]
    return out
