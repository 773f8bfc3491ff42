"""The metrics of a validation pass, in scaled units: errors of the mean, and how good the distribution is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from shared.specs.celestial_mdn import CelestialMdnSpec
from worker.evaluation.arrays import to_numpy
from worker.evaluation.metrics import MEASURES, RegressionSums, directional_accuracy
from worker.evaluation.mixtures import (
    LEVELS,
    Floats,
    inside,
    mixture_cdf,
    mixture_crps,
    mixture_variance,
)
from worker.layers.mixture import Mixture
from worker.workloads.celestial_mdn.model.decoders import MixtureForecast
from worker.workloads.celestial_mdn.moves import rank_correlations
from worker.workloads.celestial_mdn.objective import Forecast, point_of
from worker.workloads.interface import Splits
from worker.workloads.sky.results import FLAT
from worker.workloads.sky.targets import TARGET_NAMES, check_shape
from worker.workloads.sky.windows import Series


class MdnMeter:
    """Adds up batch by batch.

    `direction` is the share of moves from one asked day to the next whose sign is right. The flat rule: moves
    of at most 0.0001 in log price, forecast or true, are not counted. `rank_correlation` is Spearman's of the
    moves of a window, `joint_nll` that of the four prices of a day together, and `variance_within` and
    `variance_between` components add up to the variance.
    """

    def __init__(self, least_std: float, scale: Floats) -> None:
        self._least_std, self._scale = least_std, scale
        self._sums = RegressionSums(len(TARGET_NAMES))
        # values, nll, crps, joint nll of the targets of a day, variances, then one count a level
        self._told = np.zeros(6 + len(LEVELS))
        self._hits, self._ranked = np.zeros(2), np.zeros(2)

    def update(self, outputs: Forecast, batch: Mapping[str, Tensor]) -> None:
        y = batch["y"]
        told = point_of(outputs)
        check_shape(told, y)
        forecast, truth = to_numpy(told), to_numpy(y)
        self._sums.add(forecast, truth)
        moves, came = (np.diff(one, axis=1) * self._scale for one in (forecast, truth))
        found = directional_accuracy(moves, came, np.zeros((len(moves), len(TARGET_NAMES))), FLAT)
        if found["counted"]:
            self._hits += (found["accuracy"] * found["counted"], found["counted"])
        ranked = rank_correlations(moves, came)
        self._ranked += (np.nansum(ranked), np.isfinite(ranked).sum())
        if isinstance(outputs, MixtureForecast):
            self._told += self._distribution(outputs.mixture, y)

    def merge(self, other: MdnMeter) -> None:
        self._sums.merge(other._sums)
        self._told += other._told
        self._hits += other._hits
        self._ranked += other._ranked

    def compute(self) -> dict[str, float]:
        overall = self._sums.overall()
        metrics = {measure: overall[measure] for measure in MEASURES}
        for at, name in enumerate(TARGET_NAMES):
            metrics[f"mae.{name.lower()}"] = self._sums.column(at)["mae"]
        metrics |= {"direction": _share(self._hits), "rank_correlation": _share(self._ranked)}
        values, nll, crps, joint, within, between, *held = (float(value) for value in self._told)
        if values:
            metrics |= {"nll": nll / values, "crps": crps / values}
            metrics |= {"joint_nll": len(TARGET_NAMES) * joint / values}
            metrics |= {"variance_within": within / values, "variance_between": between / values}
            metrics |= {
                f"coverage_{100 * level:g}": n / values for level, n in zip(LEVELS, held, strict=True)
            }
        return metrics

    def _distribution(self, mixture: Mixture, y: Tensor) -> Floats:
        parts = named_parts(mixture)
        pit = to_numpy(mixture_cdf(y, **parts))
        sums = (
            -mixture.log_prob(y, self._least_std),
            mixture_crps(y, **parts),
            -mixture.joint_log_prob(y, self._least_std),
            *mixture_variance(**parts),
        )
        held = (inside(pit, level).sum() for level in LEVELS)
        return np.array([y.numel(), *(to_numpy(one).sum() for one in sums), *held])


def _share(sums: Floats) -> float:
    """A sum over its count; NaN of none."""
    return float(sums[0] / sums[1]) if sums[1] else float("nan")


def named_parts(mixture: Mixture) -> dict[str, Tensor]:
    """What the measures of worker.evaluation.mixtures take: each [B, P, C, K]."""
    means, stds, log_weights = mixture.expanded()
    return {"means": means, "stds": stds, "weights": log_weights.exp()}


def mdn_meter(spec: CelestialMdnSpec, splits: Splits) -> MdnMeter:
    """A fresh meter."""
    series: Series = splits.fitted
    return MdnMeter(spec.model.mdn_sigma_min, series.target_scaler.scale)
