"""The ECG workload passes every guard, and its hints see weights that were fitted on the wrong labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shared.errors import GuardFailed
from shared.specs.guards import GUARDS
from tests.workloads.ecg_cases import cuts, ecg_spec, planted_splits
from tests.workloads.test_guards import outcomes, task_of
from worker.workloads.ecg import workload as ecg
from worker.workloads.ecg.weights import class_weights
from worker.workloads.interface import Splits, Workload

XRESNET = {"name": "xresnet", "width": 8, "stages": [1, 1]}


@pytest.fixture
def splits(tmp_path: Path) -> Splits:
    return planted_splits(tmp_path)


@pytest.mark.parametrize("model", [{"name": "small_resnet"}, XRESNET])
def test_both_networks_pass_every_guard(splits: Splits, model: dict[str, Any]) -> None:
    task = task_of(ecg.WORKLOAD, ecg_spec(model=model), splits)
    assert outcomes(task) == dict.fromkeys(GUARDS, "passed")


def only(guard: str) -> dict[str, Any]:
    return {"guards": {"skip": {name: "another test" for name in GUARDS if name != guard}}}


def refused(workload: Workload, splits: Splits, guard: str) -> str:
    with pytest.raises(GuardFailed) as failed:
        outcomes(task_of(workload, ecg_spec(**only(guard)), splits))
    return failed.value.message


def test_p11_weights_of_the_first_batches_are_seen(splits: Splits) -> None:
    few = class_weights(np.array([0] * 30 + [1, 2, 3, 4], np.int64), 5, ecg_spec().loss)
    train = cuts(splits.train)
    planted = replace(
        splits,
        train=replace(train, weights=few[train.labels]),
        fitted=replace(splits.fitted, class_weights=few),
    )
    assert "class weights in use differ" in refused(ecg.WORKLOAD, planted, "leaked_statistics")


def test_a_record_in_two_splits_is_seen(splits: Splits) -> None:
    planted = replace(splits, val=splits.train)
    assert "is validation sample" in refused(ecg.WORKLOAD, planted, "leaked_samples")


def test_p60_labels_that_are_all_the_same_are_seen(splits: Splits) -> None:
    train = cuts(splits.train)
    planted = replace(splits, train=replace(train, labels=np.zeros_like(train.labels)))
    assert "one and the same target class" in refused(ecg.WORKLOAD, planted, "constant_labels")
