"""Warnings by the course of the metrics: when they come, and that they come once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import pytest

from tests.integration.planted import PlantedSpec, spec_of, told, write_order
from tests.integration.trainers import train
from worker.protocol import ExitCode
from worker.training.alarms import DIVERGENCE_EPOCHS, PLATEAU_EPOCHS, Alarms

STILL = [1.0] * (PLATEAU_EPOCHS + 1)
NAN = float("nan")


def plateaus(values: list[float], mode: Literal["min", "max"] = "min") -> list[int]:
    """Epochs after which a plateau was told; the train loss goes on falling."""
    alarms = Alarms("val/loss", mode)
    return [
        epoch
        for epoch, value in enumerate(values, start=1)
        for alarm in alarms.update(epoch, value, 1 / epoch)
        if alarm.code == "plateau"
    ]


def divergences(losses: list[float]) -> list[int]:
    """Epochs after which a divergence was told; the monitored metric goes on falling."""
    alarms = Alarms("val/loss", "min")
    return [
        epoch
        for epoch, loss in enumerate(losses, start=1)
        for alarm in alarms.update(epoch, 1 / epoch, loss)
        if alarm.code == "divergence"
    ]


def test_a_plateau_is_told_once_however_long_it_lasts() -> None:
    assert plateaus(STILL * 3) == [PLATEAU_EPOCHS + 1]
    assert plateaus(STILL[:-1]) == []


def test_a_gain_ends_a_plateau_and_another_is_told_again() -> None:
    assert plateaus([*STILL, 0.9, *([0.9] * PLATEAU_EPOCHS)]) == [PLATEAU_EPOCHS + 1, 2 * PLATEAU_EPOCHS + 2]
    assert plateaus([*STILL[:-1], 0.9, *STILL[:-2]]) == []


def test_crumbs_are_no_gain_and_steady_gains_are_no_plateau() -> None:
    assert plateaus([1 - 1e-5 * epoch for epoch in range(15)]) == [PLATEAU_EPOCHS + 1]
    assert plateaus([0.99**epoch for epoch in range(100)]) == []


def test_a_metric_that_should_grow_is_on_a_plateau_while_it_falls() -> None:
    assert plateaus([1 - 0.01 * epoch for epoch in range(15)], "max") == [PLATEAU_EPOCHS + 1]
    assert plateaus([1 + 0.01 * epoch for epoch in range(15)], "max") == []


@pytest.mark.parametrize(
    ("losses", "told_after"),
    [
        ([1.0, 0.5, 2.0, 3.0, 4.0, 5.0, 6.0], [5]),
        ([1.0, 0.5, 2.0, 3.0, 0.9, 2.0, 3.0], []),
        ([1.0, 0.5, 2.0, 2.0, 2.0, 0.4, 2.0, 2.0, 2.0], [5, 9]),
        ([1.0, 1.01, 1.02, 1.03, 1.04], []),
        ([1.0, 2.0, 4.0, 8.0], [4]),
        ([1.0, 0.5, NAN, NAN, NAN, NAN], [5]),
        ([-1.0, -2.0, -0.5, -0.5, -0.5], [5]),
        ([-1.0, -2.0, -1.5, -1.4, -1.3, -1.2], []),
        ([NAN, NAN, 1.0, 0.5, 0.4], []),
    ],
)
def test_a_loss_worse_than_it_began_is_told_once(losses: list[float], told_after: list[int]) -> None:
    assert DIVERGENCE_EPOCHS == 3
    assert divergences(losses) == told_after


def test_what_is_told_names_the_numbers_and_what_to_do() -> None:
    alarms = Alarms("val/loss", "min")
    for epoch, loss in enumerate([1.0, 0.5, 2.0, 3.0], start=1):
        assert alarms.update(epoch, 1 / epoch, loss) == []
    (alarm,) = alarms.update(5, 0.1, 4.0)
    assert alarm.message == (
        "the train loss is 4 and was for 3 epochs worse than the 1 of the first; it was best after epoch 2 "
        "with 0.5; lower optimizer.lr or set trainer.clip_grad_norm"
    )


def test_the_count_goes_on_where_its_state_stood() -> None:
    first, second = Alarms("val/loss", "min"), Alarms("val/loss", "min")
    for epoch in range(1, PLATEAU_EPOCHS + 1):
        assert first.update(epoch, 1.0, 1.0) == []
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert [alarm.code for alarm in second.update(PLATEAU_EPOCHS + 1, 1.0, 1.0)] == ["plateau"]


def standing_still() -> PlantedSpec:
    """Judged by a number that never moves."""
    return spec_of(trainer={"epochs": 14, "monitor": "train/lr"}, schedule={"name": "constant"})


def test_a_training_that_stands_still_says_so_once_over_all_its_attempts(tmp_path: Path) -> None:
    assert train(write_order(tmp_path, 1, standing_still()), stop_at=30) is ExitCode.INTERRUPTED
    assert train(write_order(tmp_path, 2, standing_still()), stop_at=48) is ExitCode.INTERRUPTED
    assert train(write_order(tmp_path, 3, standing_still())) is ExitCode.DONE
    codes = [[said["code"] for said in told(tmp_path, "warning", attempt)] for attempt in (1, 2, 3)]
    assert codes == [[], ["plateau"], []]


def test_each_epoch_tells_the_norm_of_the_weights_and_the_wait_for_data(tmp_path: Path) -> None:
    assert train(write_order(tmp_path)) is ExitCode.DONE
    epochs = [point["values"] for point in told(tmp_path, "points") if "lr" in point["values"]]
    assert len(epochs) == 3
    assert all(values["param_norm"] > 0 for values in epochs)
    assert all(0 < values["data_wait_share"] < 1 for values in epochs)
    assert 0 < told(tmp_path, "progress")[-1]["data_wait_share"] < 1
