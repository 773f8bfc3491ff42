"""Model weights alone, from a checkpoint that is verified first."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from worker.training.checkpoint import read_folder, read_manifest, verify_folder
from worker.training.manifest import Manifest
from worker.training.state import load_component

MODEL = "model"


def load_weights(model: nn.Module, folder: Path) -> Manifest:
    """Replace the model's weights. Raises CorruptCheckpoint, or InvalidSpec where the model is another."""
    manifest = verify_folder(folder, read_manifest(folder))
    load_component(model, MODEL, read_folder(folder, [MODEL]))
    return manifest
