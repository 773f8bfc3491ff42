"""What the forecaster is asked and what it minimises: terms over all horizons, and penalties of the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from shared.errors import TrainingError
from shared.specs.equities import EquitiesSpec
from worker.workloads.equities.answers import Answer, point, unwrap
from worker.workloads.equities.horizons import matched
from worker.workloads.equities.losses import (
    direction,
    huber,
    pinball,
    rank_correlation,
    student_t,
    variance_floor,
)
from worker.workloads.equities.model.penalties import wanted
from worker.workloads.interface import LossTerms


def forward(model: nn.Module, batch: Mapping[str, Any]) -> Answer:
    """The model's output contract."""
    outputs: Answer = model(
        batch["features"], batch["listed"], batch["nodes"], batch["edges"], batch["usable"]
    )
    return outputs


def loss(spec: EquitiesSpec, outputs: Mapping[str, Any], batch: Mapping[str, Any]) -> LossTerms:
    """Terms weighted by the spec, each a mean over horizons by their weights, and the model's penalties.

    Raises NoMatchingHorizons where predictions and targets do not name the same horizons, never a zero, and
    TrainingError where a penalty has a weight and the model does not tell it.
    """
    pairs = matched(unwrap(outputs), batch["targets"])
    known = batch["known"]
    shares = [weight / sum(spec.loss.horizon_weights) for weight in spec.loss.horizon_weights]
    raw: dict[str, Tensor] = {}
    for (name, told, came), share in zip(pairs, shares, strict=True):
        check_shape(name, told, came)
        for term, days_B in _terms(spec, told.float(), came, known[name]).items():
            part = share * days_B.mean()
            raw[term] = raw[term] + part if term in raw else part
    raw |= {name: days_B.mean() for name, days_B in _penalties(spec, outputs).items()}
    weights = {term: getattr(spec.loss, term) for term in raw}
    total = torch.stack([weights[term] * value for term, value in raw.items()]).sum()
    return LossTerms(total=total, count=len(batch["listed"]), raw=raw, weights=weights)


def check_shape(name: str, told: Tensor, came: Tensor) -> None:
    """Refuse what broadcasting would compare in silence."""
    if told.dim() != 3 or told.shape[:2] != came.shape:
        raise TrainingError(
            f"the model forecasts {name} as {list(told.shape)} where the returns are {list(came.shape)}; it "
            "must be [days, stocks, quantiles]"
        )


def _penalties(spec: EquitiesSpec, outputs: Mapping[str, Any]) -> dict[str, Tensor]:
    """Those that have a weight, each [B]."""
    told = outputs.get("penalties", {})
    if missing := [name for name in wanted(spec.loss) if name not in told]:
        raise TrainingError(f"the loss gives {', '.join(missing)} a weight and the model does not tell it")
    return {name: told[name] for name in wanted(spec.loss)}


def _terms(spec: EquitiesSpec, told_BNQ: Tensor, came_BN: Tensor, known_BN: Tensor) -> dict[str, Tensor]:
    """The terms that have a weight, each [B]."""
    levels, delta = spec.model.quantiles, spec.loss.huber_delta
    point_BN = point(told_BNQ, levels)
    every: dict[str, Callable[[], Tensor]] = {
        "huber": lambda: huber(point_BN, came_BN, known_BN, delta),
        "pinball": lambda: pinball(told_BNQ, came_BN, known_BN, levels),
        "rank": lambda: rank_correlation(point_BN, came_BN, known_BN),
        "direction": lambda: direction(point_BN, came_BN, known_BN),
        "student_t": lambda: student_t(told_BNQ, came_BN, known_BN, levels),
        "variance_floor": lambda: variance_floor(point_BN, known_BN),
    }
    return {term: of_days() for term, of_days in every.items() if getattr(spec.loss, term)}
