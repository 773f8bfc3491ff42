"""The four prices that are forecast: their names, and that forecasts of them have the shape of the truth."""

from __future__ import annotations

from torch import Tensor

from shared.errors import TrainingError

TARGET_NAMES = ("Open", "High", "Low", "Close")


def check_shape(outputs: Tensor, y: Tensor) -> None:
    """Refuse what broadcasting would compare in silence."""
    if outputs.shape != y.shape:
        raise TrainingError(f"the model forecasts {list(outputs.shape)} where the truth is {list(y.shape)}")
