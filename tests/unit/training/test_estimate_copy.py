"""The estimate and the copy that checkpoints are written from: as large as it becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.specs.footprint import copy_bytes
from shared.specs.parts import CheckpointSpec, OptimizerSpec, TrainerSpec
from tests.integration.planted import spec_of, told, write_order
from worker.protocol import ExitCode
from worker.training import way
from worker.training.files import BLOCK
from worker.training.main import run_order

ADAM = OptimizerSpec(name="adam")


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
