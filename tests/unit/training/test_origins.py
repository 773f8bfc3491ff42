"""Weights and data that come from elsewhere: evaluations, starts from another job, resumes on other data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from shared.rundir import RunDir
from tests.integration import planted
from tests.integration.planted import ended, spec_of, told, write_order
from worker.protocol import ExitCode
from worker.training.checkpoint import read_folder
from worker.training.main import run_order


def test_an_eval_job_measures_the_given_weights_and_trains_nothing(tmp_path: Path) -> None:
    run_order(write_order(tmp_path / "a"))
    best = told(tmp_path / "a", "finished")[0]["results"]
    folder = RunDir(tmp_path / "a").checkpoints / best["run"]["evaluated_checkpoint"]
    order = write_order(tmp_path / "b", spec=spec_of(kind="eval"), init_checkpoint=str(folder))
    assert run_order(order) == ExitCode.DONE
    assert ended(tmp_path / "b")["results"]["test"] == best["test"]
    assert told(tmp_path / "b", "points") == []


def test_a_job_may_start_from_the_weights_of_another(tmp_path: Path) -> None:
    run_order(write_order(tmp_path / "a"))
    folder = next(RunDir(tmp_path / "a").checkpoints.glob("step-*12.a0001"))
    frozen = spec_of(
        optimizer={"name": "sgd", "lr": 1e-10, "weight_decay": 0},
        schedule={"name": "constant"},
        guards={"skip": {"unmoved_parameters": "they are to stay"}},
    )
    run_order(write_order(tmp_path / "b", spec=frozen, init_checkpoint=str(folder)))
    assert told(tmp_path / "b", "resumed")[0]["step"] == 0
    last = read_folder(folder, ["model"]).tensors["model"]["outer.weight"]
    newest = planted.checkpoint_ids(tmp_path / "b")[0]
    moved = read_folder(RunDir(tmp_path / "b").checkpoints / newest, ["model"])
    torch.testing.assert_close(moved.tensors["model"]["outer.weight"], last)


def test_no_attempt_goes_on_with_other_data_than_the_checkpoint_was_trained_on(
    tmp_path: Path, workload: Callable[..., None]
) -> None:
    load = planted.load_splits

    def data_are(rows: int) -> None:
        identity = {"file": "f00d", "rows": rows}
        workload(load_splits=lambda spec, root: replace(load(spec, root), identity=identity))

    data_are(3)
    assert run_order(write_order(tmp_path)) == ExitCode.DONE
    data_are(4)
    longer = spec_of(trainer={"epochs": 4}, schedule={"name": "constant"})
    assert run_order(write_order(tmp_path, 2, longer, has_checkpoints=True)) == ExitCode.REFUSED
    (failed,) = told(tmp_path, "failed", 2)
    assert failed["code"] == "invalid_data"
    assert "rows was 3 and is 4. Bring them back" in failed["message"] and "f00d" not in failed["message"]
    data_are(3)
    assert run_order(write_order(tmp_path, 3, longer, has_checkpoints=True)) == ExitCode.DONE


def test_an_evaluation_on_other_data_says_so(tmp_path: Path, workload: Callable[..., None]) -> None:
    load = planted.load_splits
    for rows, found in ((3, []), (4, ["rows was 3 and is 4"])):
        workload(load_splits=lambda spec, root, rows=rows: replace(load(spec, root), identity={"rows": rows}))
        if not found:
            run_order(write_order(tmp_path / "a"))
        folder = RunDir(tmp_path / "a").checkpoints / planted.checkpoint_ids(tmp_path / "a")[0]
        order = write_order(tmp_path / f"b{rows}", spec=spec_of(kind="eval"), init_checkpoint=str(folder))
        assert run_order(order) == ExitCode.DONE
        run = ended(tmp_path / f"b{rows}")["results"]["run"]
        assert run["data_not_as_trained_on"] == found


def test_weights_of_other_data_are_told_of_in_the_job_that_starts_from_them(
    tmp_path: Path, workload: Callable[..., None]
) -> None:
    load = planted.load_splits
    for rows, warned in ((3, 0), (4, 1)):
        workload(load_splits=lambda spec, root, rows=rows: replace(load(spec, root), identity={"rows": rows}))
        if not warned:
            run_order(write_order(tmp_path / "a"))
        folder = RunDir(tmp_path / "a").checkpoints / planted.checkpoint_ids(tmp_path / "a")[0]
        assert run_order(write_order(tmp_path / f"b{rows}", init_checkpoint=str(folder))) == ExitCode.DONE
        warnings = [one for one in told(tmp_path / f"b{rows}", "warning") if "other data" in one["message"]]
        assert len(warnings) == warned


def test_a_checkpoint_of_before_goes_on_inexactly_for_it_does_not_tell_its_data(
    tmp_path: Path, workload: Callable[..., None]
) -> None:
    run_order(write_order(tmp_path))
    load = planted.load_splits
    workload(load_splits=lambda spec, root: replace(load(spec, root), identity={"rows": 3}))
    longer = spec_of(trainer={"epochs": 4}, schedule={"name": "constant"})
    assert run_order(write_order(tmp_path, 2, longer, has_checkpoints=True)) == ExitCode.DONE
    (resumed,) = told(tmp_path, "resumed", 2)
    assert resumed["exact"] is False and "does not say what data" in resumed["why"]
