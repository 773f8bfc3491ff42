"""The figures of an engraving job: curves, memory, images beside their reconstructions, made-up pairs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from worker.evaluation.classification_plots import progress_figure
from worker.evaluation.image_plots import Shown, sheet_figure
from worker.evaluation.plots import bars_figure, memory_figure, save_figure
from worker.workloads.engraving.invention import Invention
from worker.workloads.engraving.telling import Told
from worker.workloads.interface import Evaluation

PANELS = {
    "loss": {"train": "train/loss_epoch", "validation": "val/loss"},
    **{
        f"{term} loss": {"train": f"train/loss_{term}", "validation": f"val/loss_{term}"}
        for term in ("image", "caption", "alignment")
    },
}
MADE_COLUMNS, MADE_ROWS = 6, 3


def draw_figures(run: Evaluation, told: Told, invention: Invention, results: Mapping[str, Any]) -> list[Path]:
    """Write every figure there is something to show in; those of training only where training was seen."""
    figures = {
        "reconstructions": sheet_figure(
            f"Images of the {results['evaluated_split']} split, and what is drawn and told of them",
            reconstruction_rows(told),
        ),
        "generated": sheet_figure("Made up from seeds", made_rows(invention)),
        "retrieval": bars_figure(
            f"Images and captions that find each other among {results['retrieval']['pairs']}",
            "recall at 5",
            _recalls(results["retrieval"]),
            results["retrieval"]["chance"]["recall_at_5"],
            "chance",
        ),
    }
    panels = {
        name: {label: run.history[key] for label, key in lines.items() if run.history.get(key)}
        for name, lines in PANELS.items()
    }
    panels = {name: lines for name, lines in panels.items() if lines}
    if panels:
        figures["training_curves"] = progress_figure("Training by epoch", panels, results["best_epoch"])
    if run.memory:
        figures["memory"] = memory_figure("Memory of the trainer", run.memory)
    folder = run.folder / "figures"
    return [save_figure(figure, folder / f"{name}.png") for name, figure in figures.items()]


def reconstruction_rows(told: Told) -> list[list[Shown]]:
    """The first images of the split above what the model draws and tells of each."""
    count = len(told.shown)
    pictures = told.split.pictures[:count]
    above = [Shown(_pixels(told.split[at]["image"]), pictures[at].caption) for at in range(count)]
    beneath = [Shown(_pixels(told.shown[at]), told.captions[at] or "-") for at in range(count)]
    return [above, beneath]


def made_rows(invention: Invention) -> list[list[Shown]]:
    """Made-up images with their captions, whole rows of them."""
    made = [
        Shown(_pixels(one.image), one.caption or "-") for one in invention.made[: MADE_COLUMNS * MADE_ROWS]
    ]
    columns = min(MADE_COLUMNS, len(made))
    return [made[start : start + columns] for start in range(0, len(made) - columns + 1, columns)]


def _pixels(image_CSS: Tensor) -> np.ndarray[Any, Any]:
    """Between 0 and 1."""
    return np.asarray((image_CSS.float().cpu().numpy() + 1.0) / 2.0).clip(0.0, 1.0)


def _recalls(retrieval: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"{way.replace('_', ' ')}, {score}": retrieval[score][way]["recall_at_5"]
        for score in ("likelihood", "cosine")
        for way in ("image_to_caption", "caption_to_image")
    }
