"""Processes that have trained together leave each other without waiting for themselves."""

from __future__ import annotations

import gc
import random
import weakref
from pathlib import Path

import pytest
import torch
from torch import distributed

from shared.clock import monotonic
from tests.integration.parallel.running import session_of, spec_for, start, wait_for_lines
from worker.protocol import ExitCode
from worker.supervision.warm_launcher import WarmLauncher
from worker.training.parallel.joining import joined
from worker.training.parallel.launcher import Say, run_ranks
from worker.training.parallel.world import World
from worker.training.shutdown import StopFlag

SPEC = spec_for(2, checkpoint={"every_steps": 1})


def leave(world: World, listener: int | None, _say: Say) -> int:
    with joined(world, torch.device("cpu"), StopFlag(), 60, listener) as group:
        group.meet()
        process_group = weakref.ref(distributed.group.WORLD)
    del group
    gc.collect()
    return ExitCode.CRASHED if process_group() is None else ExitCode.DONE


def test_a_process_group_is_never_dropped_as_that_waits_for_threads_that_wait_for_us() -> None:
    assert run_ranks(leave, 2, StopFlag(), monotonic) == (ExitCode.DONE, None)


@pytest.mark.nemesis
def test_no_cancel_of_many_waits_forever(tmp_path: Path, warm: WarmLauncher) -> None:
    randomness = random.Random(5)
    for number in range(100):
        root = tmp_path / str(number)
        trainer = start(warm, root, 1, SPEC)
        wait_for_lines(trainer, root, 1, randomness.randint(12, 26))
        trainer.terminate()
        assert trainer.wait(60) in (ExitCode.INTERRUPTED, ExitCode.DONE), number
        assert session_of(trainer.pid) == []
