"""The lock and the fence behind it: who may train in a run directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import RunDirectoryBusy
from shared.rundir import RunDir
from worker.training.lock import refuse_superseded


def test_a_trainer_that_slept_past_the_begin_of_a_newer_attempt_does_not_train(tmp_path: Path) -> None:
    directory = RunDir(tmp_path)
    directory.create(1)
    refuse_superseded(directory, 1)
    directory.create(3)  # the second died before it had a folder
    with pytest.raises(RunDirectoryBusy, match="attempt 3 of this job has begun; attempt 1 came too late"):
        refuse_superseded(directory, 1)
    refuse_superseded(directory, 3)
