"""What a spec of the equities workload refuses, each in one sentence, and what its presets resolve to."""

from __future__ import annotations

from typing import Any

import pytest

from shared.errors import InvalidSpec
from shared.specs.catalogue import installed_workloads
from shared.specs.equities import EQUITIES, EquitiesSpec
from shared.specs.resolve import resolve_spec


def resolved(**over: Any) -> EquitiesSpec:
    spec = resolve_spec({"workload": "equities", **over}, installed_workloads()).spec
    assert isinstance(spec, EquitiesSpec)
    return spec


@pytest.mark.parametrize(
    ("over", "sentence"),
    [
        ({"data": {"embargo_days": 10}}, "embargo_days 10 must be at least the longest horizon, 20"),
        ({"data": {"horizons": [5, 1]}}, "horizons [5, 1] must ascend, each named once"),
        ({"data": {"fold": 4, "folds": 3}}, "fold 4 must not exceed folds 3"),
        ({"data": {"horizons": [1, 5]}}, "loss.horizon_weights has 4 values and data.horizons 2"),
        ({"model": {"heads": 3}}, "hidden 16 must be a multiple of heads 3"),
        ({"model": {"hidden": 18, "heads": 2}}, "hidden 18 must be a multiple of 4"),
        ({"model": {"quantiles": [0.1, 0.9]}}, "quantiles [0.1, 0.9] must hold 0.5, the point forecast"),
        ({"model": {"quantiles": [0.5, 0.1]}}, "quantiles [0.5, 0.1] must ascend"),
        ({"model": {"adaptive_norm": "fan"}}, "rolling_fan_san"),
        ({"data": {"seq_len": 2}}, "greater than or equal to 3"),
        ({"loss": {"pinball": 0}}, "no other term teaches the quantiles beside the median"),
        ({"loss": {"huber": 0, "pinball": 0}}, "huber or pinball must be above 0"),
    ],
)
def test_values_that_do_not_fit_are_refused_in_one_sentence(over: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        resolved(**over)
    assert sentence in refused.value.message


def test_presets_are_the_sizes_the_original_published() -> None:
    sizes = {name: resolved(preset=name).model for name in EQUITIES.presets}
    assert (sizes["production"].hidden, sizes["production"].graph_heads) == (256, (8, 4))
    assert (sizes["v1"].hidden, sizes["v1"].heads, sizes["v1"].graph_heads) == (64, 4, (4, 2))
    mini = resolved(preset="mini")
    assert (mini.trainer.epochs, mini.optimizer.lr, mini.trainer.precision) == (3, 2e-4, "fp32")
    assert resolved(preset="smoke", model={"knots": None}).model.knots is None
