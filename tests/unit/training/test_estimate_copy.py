"""The estimate and the copy that checkpoints are written from: as large as it becomes, one, and no need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.specs.footprint import copy_bytes
from shared.specs.parts import CheckpointSpec, OptimizerSpec, TrainerSpec
from tests.integration.planted import spec_of, told, write_order
from worker.protocol import ExitCode
from worker.training import outlook, way
from worker.training.estimate import Beside, Model, Pass, Room, estimate
from worker.training.files import BLOCK
from worker.training.main import run_order

GIB = 1024**3
TIB = 1024 * GIB
ADAM = OptimizerSpec(name="adam")


def test_what_has_room_but_for_the_copy_fits() -> None:
    room = Room(10_000 + 4000 + 8000, "the machine")
    made = estimate(Model(1000, 4000, 4000), ADAM, TrainerSpec(), [], 10_000, Beside(0, GIB), room, "no")
    assert made.fits
    assert (made.total_bytes, made.copy_bytes) == (room.bytes + GIB, GIB)
    assert "(and 1.00 GiB once for the copy that checkpoints are written from)" in made.message


def test_a_smaller_micro_batch_leaves_no_room_for_the_copy() -> None:
    passes = [Pass(2, 4000 + 2 * GIB, 0, 0, False), Pass(4, 4000 + 4 * GIB, 0, 0, False)]
    room = Room(4 * GIB + 100_000, "the machine")
    trainer = TrainerSpec(batch_size=16)
    made = estimate(Model(1000, 4000, 4000), ADAM, trainer, passes, 10_000, Beside(0, 2 * GIB), room, "m")
    assert made.message.endswith("set trainer.batch_size to 4 and trainer.accumulate to 4")


def test_a_copy_for_which_there_is_no_room_refuses_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Training stands still while its checkpoints are written, and ends.
    monkeypatch.setattr(outlook, "copy_bytes", lambda *_: 32 * TIB)
    monkeypatch.setattr(way, "no_room_because", lambda _: "the machine has 3 bytes")
    spec = spec_of(
        checkpoint={"background_from_mib": 0},
        memory={"policy": "stop", "probe": "never"},
        resources={"memory_gib": 65_536},
    )
    assert run_order(write_order(tmp_path, spec=spec)) == ExitCode.DONE
    assert told(tmp_path, "estimate")[0]["fits"]
    assert [said["background"] for said in told(tmp_path, "checkpoint_way")] == [False]


def test_a_copy_counts_in_what_the_job_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlook, "copy_bytes", lambda *_: 8 * GIB)
    spec = spec_of(memory={"policy": "stop", "probe": "never"}, resources={"memory_gib": 8})
    assert run_order(write_order(tmp_path, spec=spec)) == ExitCode.REFUSED
    (failed,) = told(tmp_path, "failed")
    assert "(8.00 GiB for this job, less 8.00 GiB for the copy) has 0 MiB; set" in failed["message"]


@pytest.mark.parametrize("trainer", [{}, {"ema": {"decay": 0.9}}])
def test_the_copy_that_is_made_takes_what_was_estimated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer: dict[str, Any]
) -> None:
    monkeypatch.setattr(way, "no_room_because", lambda _: "")
    spec = spec_of(
        model={"hidden": 20_000},
        trainer={**trainer, "epochs": 1},
        checkpoint={"background_from_mib": 0},
        memory={"probe": "never"},
    )
    assert run_order(write_order(tmp_path, spec=spec)) == ExitCode.DONE
    (said,) = told(tmp_path, "estimate")
    (made,) = told(tmp_path, "checkpoint_way")
    # Headers, generators and whole blocks are beside it: some KiB of each component.
    assert 0 < made["copy_bytes"] - said["copy_bytes"] < 16 * BLOCK < said["parameter_bytes"] // 4


def test_averages_make_a_state_large_enough_to_be_copied() -> None:
    mib, checkpoint = 1024**2, CheckpointSpec(background_from_mib=4)
    averaged = TrainerSpec.model_validate({"ema": {"decay": 0.9}})
    assert copy_bytes(ADAM, TrainerSpec(), checkpoint, mib, mib) == 0
    assert copy_bytes(ADAM, averaged, checkpoint, mib, mib) == 4 * mib
