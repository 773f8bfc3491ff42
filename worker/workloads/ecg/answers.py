"""What a model says of the test split.

N samples, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from worker.workloads.ecg.cuts import Cuts
from worker.workloads.ecg.objective import forward
from worker.workloads.interface import Evaluation


@dataclass(frozen=True)
class Answers:
    """One row a sample, in the order of the split."""

    split: Cuts
    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    """[N, K]"""

    @property
    def labels(self) -> NDArray[np.int64]:
        return self.split.labels

    @property
    def records(self) -> list[str]:
        """[N] the record of each."""
        return [self.split.names[at] for at in self.split.file.tolist()]

    @property
    def said(self) -> NDArray[np.int64]:
        """[N] the likeliest class."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)


def collect_answers(run: Evaluation) -> Answers:
    """Ask the model about every test sample."""
    test = run.splits.test
    assert isinstance(test, Cuts)
    with torch.no_grad():
        found = [
            torch.softmax(forward(run.model, batch).double(), dim=1).cpu() for batch in run.batches(test)
        ]
    return Answers(test, run.splits.fitted.classes, torch.cat(found).numpy())
