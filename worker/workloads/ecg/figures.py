"""The figures of an ECG job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from worker.evaluation.classification_plots import (
    ClassifiedSignal,
    confusion_figure,
    per_class_figure,
    precision_recall_figure,
    progress_figure,
    roc_figure,
    signals_figure,
)
from worker.evaluation.plots import memory_figure, save_figure
from worker.workloads.ecg.answers import Answers
from worker.workloads.interface import Evaluation

PANELS = {
    "loss": {"train": "train/loss_epoch", "validation": "val/loss"},
    "accuracy": {"train": "train/accuracy", "validation": "val/accuracy"},
    "F1": {"macro": "val/f1_macro", "weighted": "val/f1_weighted"},
    "learning rate": {"rate": "train/lr"},
}
SHOWN = 6


def draw_figures(run: Evaluation, answers: Answers, results: Mapping[str, Any]) -> list[Path]:
    """Write every figure there is something to show in; those of training only where training was seen."""
    labels, probabilities, classes = answers.labels, answers.probabilities, answers.classes
    counts = np.array(results["confusion_matrix"], np.int64)
    figures = {
        "confusion_matrix": confusion_figure("Test split, shares of each class", counts, classes),
        "per_class_metrics": per_class_figure("Test split by class (how many)", results["per_class"]),
        "roc_curves": roc_figure("ROC, each class against the rest", labels, probabilities, classes),
        "precision_recall_curves": precision_recall_figure(
            "Precision by recall, each class against the rest", labels, probabilities, classes
        ),
        "prediction_samples": signals_figure(
            "Samples of the test split", [_shown(run, answers, at) for at in shown_places(answers)], classes
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


def shown_places(answers: Answers) -> list[int]:
    """Places of a sample of each class in turn, right and wrong ones as they come."""
    places: list[int] = []
    for turn in range(SHOWN):
        of_class = np.flatnonzero(answers.labels == turn % len(answers.classes))
        free = [at for at in of_class.tolist() if at not in places]
        places += free[len(free) // 2 :][:1]
    return places


def _shown(run: Evaluation, answers: Answers, at: int) -> ClassifiedSignal:
    split, classes = answers.split, answers.classes
    label, said = int(answers.labels[at]), int(answers.said[at])
    title = f"{split.names[split.file[at]]}: {classes[label]}, said {classes[said]}"
    signal = split[at]["signal"].double().numpy()
    return ClassifiedSignal(title, signal, run.spec.data.sampling_rate, answers.probabilities[at], label)
