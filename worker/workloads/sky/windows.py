"""One scaled series, cut into windows by position: train rows, then validation rows, then test rows.

R rows, S = seq_len, L = label_len, P = pred_len, F features. A window whose first asked row (its origin) is o
sees rows [o-S, o) and is asked for rows [o, o+P).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from shared.specs.sky import SkyData
from worker.workloads.sky.positions import Days
from worker.workloads.sky.scaling import StandardScaler

Sample = dict[str, Tensor]


@dataclass(frozen=True)
class Series:
    """All rows of a job, scaled once; every window is a view into it."""

    days: Days
    """[R]"""
    features: Tensor
    """[R, F] float32, scaled."""
    targets: Tensor
    """[R, 4] float32, scaled by the target scaler."""
    marks: Tensor
    """[R, 3] int64: weekday, day of month, month, each from 0."""
    target_columns: tuple[int, ...]
    """Where the targets stand among the features."""
    feature_scaler: StandardScaler
    target_scaler: StandardScaler


@dataclass(frozen=True)
class Windows:
    """The windows of rows [start, stop); a dataset."""

    series: Series
    start: int
    stop: int
    data: SkyData

    def __len__(self) -> int:
        return max(0, self.stop - self.start - self.data.seq_len - self.data.pred_len + 1)

    def __getitem__(self, index: int, /) -> Sample:
        """The sample: x [S, F], marks [S, 3], decoder [L+P, F], decoder_marks [L+P, 3], y [P, 4].

        The decoder's future rows keep what is known of the future, calendar and sky; their prices are zero.
        """
        known = self.origin(index)
        start, label, end = known - self.data.seq_len, known - self.data.label_len, known + self.data.pred_len
        decoder = self.series.features[label:end].clone()
        decoder[self.data.label_len :, list(self.series.target_columns)] = 0.0
        return {
            "x": self.series.features[start:known],
            "marks": self.series.marks[start:known],
            "decoder": decoder,
            "decoder_marks": self.series.marks[label:end],
            "y": self.series.targets[known:end],
        }

    def origin(self, index: int) -> int:
        """The first row a window is asked for. Raises IndexError outside the split."""
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        return self.start + index + self.data.seq_len

    def origins(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """[N] the first asked row of every window."""
        return self.start + self.data.seq_len + np.arange(len(self), dtype=np.int64)


def calendar_marks(days: Days) -> Tensor:
    """[R, 3] int64: weekday 0 (Monday) to 6, day of month 0 to 30, month 0 to 11."""
    day, month, year = (days.astype(f"datetime64[{unit}]") for unit in "DMY")
    weekday = (day.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    of_month = (day - month.astype("datetime64[D]")).astype(np.int64)
    of_year = (month - year.astype("datetime64[M]")).astype(np.int64)
    return torch.from_numpy(np.stack([weekday, of_month, of_year], axis=1))
