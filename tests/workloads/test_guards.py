"""The built-in workloads pass every guard, and the hints of celestial see a planted bug."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from shared.clock import monotonic
from shared.errors import GuardFailed
from shared.specs.celestial import CelestialSpec
from shared.specs.guards import GUARDS
from shared.specs.job import JobSpec
from shared.specs.noop import NoopSpec
from tests.workloads.celestial_cases import MODEL
from tests.workloads.celestial_series import LENGTHS, planted_ohlc, write_rows
from worker.training.context import Task
from worker.training.guards.record import GuardRecord
from worker.training.guards.runner import run_guards
from worker.training.loader import Loading
from worker.training.optim import build_optimizer
from worker.training.precision import choose_precision
from worker.training.shutdown import StopFlag
from worker.workloads.celestial import workload as celestial
from worker.workloads.interface import Splits, Workload
from worker.workloads.noop.workload import WORKLOAD as NOOP
from worker.workloads.sky.columns import body_columns
from worker.workloads.sky.data import scaled_series
from worker.workloads.sky.source import load_source
from worker.workloads.sky.windows import Windows

CPU = torch.device("cpu")


class Silent:
    def emit(self, *_: Any, **__: Any) -> None:
        pass


def celestial_spec(**over: Any) -> Any:
    data = {"path": "prices.csv", **LENGTHS}
    return CelestialSpec.model_validate({"preset": "smoke", "data": data, "model": MODEL, **over})


def task_of(workload: Workload, spec: JobSpec, splits: Splits, seed: int = 1) -> Task:
    torch.manual_seed(seed)
    model = workload.build_model(spec, splits)
    loading, precision = Loading(splits, spec.trainer, CPU), choose_precision(spec.trainer, CPU)
    return Task(workload, spec, splits, model, CPU, precision, loading, StopFlag())


def outcomes(task: Task) -> dict[str, str]:
    record, reporter = GuardRecord(), Silent()
    telling: Any = reporter
    run_guards(task, build_optimizer(task.spec.optimizer, task.model), record, telling, monotonic)
    return {name: said["outcome"] for name, said in record.said.items()}


@pytest.fixture
def splits(tmp_path: Path) -> Splits:
    write_rows(tmp_path / "prices.csv", planted_ohlc())
    return celestial.WORKLOAD.load_splits(celestial_spec(), tmp_path)


def test_celestial_passes_every_guard(splits: Splits) -> None:
    task = task_of(celestial.WORKLOAD, celestial_spec(), splits)
    assert outcomes(task) == dict.fromkeys(GUARDS, "passed")


def test_scalers_fitted_on_all_rows_are_seen(tmp_path: Path, splits: Splits) -> None:
    spec = celestial_spec()
    source = load_source(spec.data, tmp_path)
    columns = body_columns(source.table.columns)
    leaked = scaled_series(source.table, columns, train_rows=len(source.table.days))
    train = splits.train
    assert isinstance(train, Windows)
    planted = replace(splits, train=replace(train, series=leaked), fitted=leaked)
    skip = {name: "another test" for name in GUARDS if name != "leaked_statistics"}
    task = task_of(celestial.WORKLOAD, celestial_spec(guards={"skip": skip}), planted)
    with pytest.raises(GuardFailed, match="feature means in use differ by up to"):
        outcomes(task)


@pytest.mark.parametrize("seed", range(6))
def test_noop_passes_every_guard_from_any_seed(tmp_path: Path, seed: int) -> None:
    spec = NoopSpec.model_validate({"preset": "smoke", "trainer": {"seed": seed}})
    passed = outcomes(task_of(NOOP, spec, NOOP.load_splits(spec, tmp_path), seed))
    assert passed == {**dict.fromkeys(GUARDS, "passed"), "leaked_statistics": "skipped"}
