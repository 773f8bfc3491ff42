"""Best epoch, early stopping and the metric they follow."""

from __future__ import annotations

from typing import Literal

import pytest

from shared.errors import InvalidSpec
from shared.specs.parts import EarlyStoppingSpec
from worker.training.history import BestMetric, EarlyStopping, improves, monitored

NAN = float("nan")


@pytest.mark.parametrize(
    ("value", "best", "mode", "delta", "expected"),
    [
        (1.0, None, "min", 0.0, True),
        (0.9, 1.0, "min", 0.0, True),
        (1.0, 1.0, "min", 0.0, False),
        (0.95, 1.0, "min", 0.1, False),
        (1.1, 1.0, "max", 0.0, True),
        (NAN, None, "min", 0.0, False),
        (NAN, 1.0, "max", 0.0, False),
    ],
)
def test_an_improvement_is_strict_and_never_nan(
    value: float, best: float | None, mode: str, delta: float, expected: bool
) -> None:
    assert improves(value, best, mode, delta) is expected  # type: ignore[arg-type]


def test_patience_survives_a_save_and_runs_out_on_time() -> None:
    spec = EarlyStoppingSpec(patience=2)
    first = EarlyStopping(spec, "min")
    for value in (1.0, 0.5, 0.6):
        first.update(value)
    second = EarlyStopping(spec, "min")
    second.load_state_dict(first.state_dict())
    assert not second.stopped
    second.update(0.55)
    assert second.stopped


def test_small_gains_within_min_delta_do_not_restart_patience() -> None:
    stopping = EarlyStopping(EarlyStoppingSpec(patience=3, min_delta=0.1), "min")
    for value in (1.0, 0.95, 0.92, 0.91):
        stopping.update(value)
    assert stopping.stopped


def test_no_early_stopping_never_stops() -> None:
    stopping = EarlyStopping(None, "min")
    for _ in range(100):
        stopping.update(1.0)
    assert not stopping.stopped


def test_the_best_epoch_survives_a_save_with_its_own_value() -> None:
    best = BestMetric("val/mae", "max")
    assert [best.update(value, epoch, epoch * 4) for epoch, value in enumerate((1, 3, 2), 1)] == [
        True,
        True,
        False,
    ]
    loaded = BestMetric("val/mae", "max")
    loaded.load_state_dict(best.state_dict())
    assert loaded.so_far == best.so_far
    assert loaded.so_far is not None
    assert (loaded.so_far.value, loaded.so_far.epoch, loaded.so_far.step) == (3, 2, 8)


def test_train_loss_means_the_loss_of_the_epoch() -> None:
    assert monitored("train/loss", {"train/loss_epoch": 0.5}) == 0.5


def test_an_unknown_metric_is_refused_naming_those_there_are() -> None:
    with pytest.raises(InvalidSpec, match="'val/f1' is not measured; measured are train/lr, val/loss"):
        monitored("val/f1", {"val/loss": 1.0, "train/lr": 0.1})


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_what_is_not_finite_is_never_the_best(mode: Literal["min", "max"], value: float) -> None:
    assert not improves(value, None, mode)
    assert not improves(value, 1.0, mode)
