"""The test split's forecasts: the model's and the baselines' beside the truth, in three units."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from shared.errors import TrainingError
from worker.evaluation.arrays import to_numpy
from worker.evaluation.robustness import Scenario
from worker.workloads.interface import Batch, Evaluation
from worker.workloads.sky.baselines import (
    LAST_CLOSE,
    PERSISTENCE,
    last_close,
    linear,
    persistence,
)
from worker.workloads.sky.positions import Days, Floats
from worker.workloads.sky.targets import check_shape
from worker.workloads.sky.windows import Series, Windows

Point = Callable[[nn.Module, Batch], Tensor]
"""(model, batch) -> scaled forecasts [B, P, 4]; of a distribution, its mean."""

UNITS = {
    "scaled": "standard deviations of the train rows",
    "log_price": "natural logarithm of the price, as in the data file",
    "price": "price",
}


@dataclass(frozen=True)
class Forecasts:
    """N windows of P days and 4 targets, all [N, P, 4] in scaled units."""

    series: Series
    windows: Windows
    truth: Floats
    model: Floats
    baselines: Mapping[str, Floats]
    """By name."""
    descriptions: Mapping[str, str]
    """Of the baselines, in words."""

    def last_known(self) -> Floats:
        """[N, 4] scaled targets of the day before each window."""
        return to_numpy(self.series.targets)[self.windows.origins() - 1]

    def days(self) -> Days:
        """[N, P] the days asked for."""
        rows = self.windows.origins()[:, None] + np.arange(self.truth.shape[1])
        return np.asarray(self.series.days[rows])

    def to(self, unit: str, scaled: Floats) -> Floats:
        """Scaled values [..., 4] in one of UNITS."""
        if unit == "scaled":
            return scaled
        logarithms = self.series.target_scaler.inverse(scaled)
        return logarithms if unit == "log_price" else np.exp(logarithms)


def collect_forecasts(run: Evaluation, point: Point) -> Forecasts:
    """Run the model over the test split and put the baselines beside it. Raises TrainingError."""
    train, test = run.splits.train, run.splits.test
    assert isinstance(train, Windows) and isinstance(test, Windows)
    model, truth, _ = run_model(run, point)
    by_ridge, how = linear(train, test)
    return Forecasts(
        series=test.series,
        windows=test,
        truth=truth,
        model=model,
        baselines={
            "persistence": persistence(test),
            "last_close": last_close(train, test),
            "linear": by_ridge,
        },
        descriptions={"persistence": PERSISTENCE, "last_close": LAST_CLOSE, "linear": how},
    )


def run_model(run: Evaluation, point: Point, scenario: Scenario | None = None) -> tuple[Floats, Floats, int]:
    """Forecasts and truth of the test split [N, P, 4], and how many batches they took.

    A scenario disturbs the encoder's x and nothing else, as in the original. Raises TrainingError.
    """
    change = _unchanged if scenario is None else _disturbance(scenario, run.spec.trainer.seed)
    forecasts, truths = [], []
    with torch.inference_mode():
        for batch in _changed(run.batches(run.splits.test), change):
            outputs = point(run.model, batch)
            check_shape(outputs, batch["y"])
            forecasts.append(to_numpy(outputs))
            truths.append(to_numpy(batch["y"]))
    if not forecasts:
        raise TrainingError("the test split gave no batch to evaluate")
    return np.concatenate(forecasts), np.concatenate(truths), len(forecasts)


def save_forecasts(forecasts: Forecasts, path: Path) -> None:
    """Plain arrays: `day` [N, P] and, in price units, `actual`, `model` and each baseline [N, P, 4]."""
    every = {"actual": forecasts.truth, "model": forecasts.model, **forecasts.baselines}
    arrays: dict[str, Any] = {name: forecasts.to("price", scaled) for name, scaled in every.items()}
    np.savez_compressed(path, day=forecasts.days().astype("U10"), **arrays)


def _unchanged(x: Tensor) -> Tensor:
    return x


def _disturbance(scenario: Scenario, seed: int) -> Callable[[Tensor], Tensor]:
    generator = scenario.generator(seed)
    return lambda x: scenario.change(x, generator)


def _changed(
    batches: Iterable[Mapping[str, Tensor]], change: Callable[[Tensor], Tensor]
) -> Iterable[dict[str, Tensor]]:
    return ({**batch, "x": change(batch["x"])} for batch in batches)
