"""Model weights alone, from a checkpoint that is verified first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from worker.training import ema
from worker.training.checkpoint import component_names, read_folder, read_manifest, verify_folder
from worker.training.manifest import Manifest
from worker.training.state import load_component

MODEL = "model"


def load_weights(model: nn.Module, folder: Path) -> Manifest:
    """Replace the model's weights, by their moving averages where the checkpoint holds such.

    Raises CorruptCheckpoint, or InvalidSpec where the model is another.
    """
    manifest = verify_folder(folder, read_manifest(folder))
    load_component(model, MODEL, read_folder(folder, [MODEL]))
    if ema.NAME in component_names(folder):
        load_component(_Averages(model), ema.NAME, read_folder(folder, [ema.NAME]))
    return manifest


class _Averages:
    """Takes a checkpoint's averages for the weights of a model."""

    def __init__(self, model: nn.Module) -> None:
        self._weights = {name: one for name, one in model.named_parameters() if one.requires_grad}

    def state_dict(self) -> dict[str, Any]:
        return {"averages": self._weights}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        ema.put_averages(self._weights, state["averages"])
