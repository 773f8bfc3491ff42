"""The equities workload passes every guard, and planted bugs of its family are seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from shared.errors import GuardFailed
from shared.specs.guards import GUARDS
from tests.workloads.equities_cases import equities_spec, planted_splits, trading_days
from tests.workloads.test_guards import outcomes, task_of
from worker.workloads.equities.answers import unwrap, wrap
from worker.workloads.equities.workload import WORKLOAD
from worker.workloads.interface import Splits, Workload


@pytest.fixture
def splits(tmp_path: Path) -> Splits:
    return planted_splits(tmp_path)


def only(guard: str, workload: Workload, splits: Splits) -> str:
    skip = {name: "another test" for name in GUARDS if name != guard}
    return outcomes(task_of(workload, equities_spec(guards={"skip": skip}), splits))[guard]


def test_equities_passes_every_guard(splits: Splits) -> None:
    assert outcomes(task_of(WORKLOAD, equities_spec(), splits)) == dict.fromkeys(GUARDS, "passed")


def test_p20_a_forward_that_drops_the_predictions_is_seen(splits: Splits) -> None:
    def features_alone(model: Any, batch: Any) -> Any:
        return {"features": WORKLOAD.forward(model, batch)["features"]}

    with pytest.raises(Exception, match="names no horizon"):
        only("zero_loss", replace(WORKLOAD, forward=features_alone), splits)


def test_p74_normalisation_over_the_days_of_a_batch_is_seen(splits: Splits) -> None:
    def centred(model: Any, batch: Any) -> Any:
        outputs = WORKLOAD.forward(model, batch)
        told = {name: one - one.mean(dim=0, keepdim=True) for name, one in unwrap(outputs).items()}
        return wrap(told, outputs["features"])

    with pytest.raises(GuardFailed, match="mixed_samples"):
        only("mixed_samples", replace(WORKLOAD, forward=centred), splits)


def test_p22_horizons_the_model_forecasts_and_nobody_asks_for_are_seen(splits: Splits) -> None:
    def renamed(model: Any, batch: Any) -> Any:
        outputs = WORKLOAD.forward(model, batch)
        told: dict[str, Tensor] = outputs["predictions"]
        return wrap({"horizon_1": told["horizon_1"], "horizon_2": told["horizon_5"]}, outputs["features"])

    with pytest.raises(Exception, match="must name the same horizons"):
        only("unmatched_names", replace(WORKLOAD, forward=renamed), splits)


def test_units_of_targets_taken_from_all_days_are_seen(splits: Splits) -> None:
    train = trading_days(splits.train)
    scales = {name: float(values[values.isfinite()].std()) for name, values in train.market.returns.items()}
    market = replace(train.market, scales=scales)
    planted = replace(splits, train=replace(train, market=market), fitted=market)
    with pytest.raises(GuardFailed, match="deviation of horizon_1 in use differ"):
        only("leaked_statistics", WORKLOAD, planted)


def test_a_train_day_that_is_also_a_test_day_is_seen(splits: Splits) -> None:
    train, test = trading_days(splits.train), trading_days(splits.test)
    days = torch.cat([torch.from_numpy(train.days), torch.from_numpy(test.days[:1])]).numpy()
    with pytest.raises(GuardFailed, match="is test sample 0"):
        only("leaked_samples", WORKLOAD, replace(splits, train=replace(train, days=days)))
