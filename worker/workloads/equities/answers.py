"""The model's output contract, and the one place where it is unwrapped.

A model answers `{"predictions": {horizon: [B, N, Q]}, "features": [B, N, D], "output_type":
"multi_horizon"}`, with `"penalties": {name: [B]}` where the loss gives one a weight. Training, validation,
guards and evaluation all read it through `unwrap` (P20).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from shared.errors import TrainingError
from shared.specs.equities import MEDIAN
from worker.workloads.equities.horizons import NoMatchingHorizons, canonical

OUTPUT_TYPE = "multi_horizon"

Answer = dict[str, Any]


def wrap(
    predictions: Mapping[str, Tensor], features_BND: Tensor, penalties: Mapping[str, Tensor] | None = None
) -> Answer:
    """The contract's form."""
    answer = {"predictions": dict(predictions), "features": features_BND, "output_type": OUTPUT_TYPE}
    return answer | {"penalties": dict(penalties)} if penalties else answer


def unwrap(outputs: Mapping[str, Any]) -> dict[str, Tensor]:
    """Canonical horizon -> [B, N, Q], of the contract's form or of the bare predictions.

    Raises NoMatchingHorizons where neither holds a horizon, and TrainingError for another output type.
    """
    inner = outputs.get("predictions", outputs)
    kind = outputs.get("output_type", OUTPUT_TYPE)
    if kind != OUTPUT_TYPE:
        raise TrainingError(f"the model's output_type is {kind!r}; it must be {OUTPUT_TYPE!r}")
    found = canonical(inner) if isinstance(inner, Mapping) else {}
    if not found:
        raise NoMatchingHorizons(
            f"the model's output has the keys {', '.join(map(str, outputs)) or 'none'} and names no horizon; "
            'it must be {"predictions": {"horizon_1": ...}, "features": ..., "output_type": ...}'
        )
    return found


def median_place(levels: Sequence[float]) -> int:
    """Where the point forecast stands among the levels; a spec without a median is refused before."""
    return list(levels).index(MEDIAN)


def point(quantiles: Tensor, levels: Sequence[float]) -> Tensor:
    """[..., Q] -> [...]: the median, never the last level (P69)."""
    if quantiles.shape[-1] != len(levels):
        raise TrainingError(f"the model tells {quantiles.shape[-1]} quantiles where the levels are {levels}")
    return quantiles[..., median_place(levels)]
