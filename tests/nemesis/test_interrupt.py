"""A run that is told to end: its processes are gone, and what it did until then is judged."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.nemesis.ground import ground
from tests.nemesis.interrupt import Interrupted, interruptible
from tests.nemesis.run import Plan, run

KILL = "kill trainer"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_an_exception(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Interrupted), interruptible():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


@pytest.mark.timeout(300)
def test_a_run_that_is_interrupted_is_judged_and_leaves_no_process(tmp_path: Path) -> None:
    def tell(line: str) -> None:
        if KILL in line and "no victim" not in line:
            os.kill(os.getpid(), signal.SIGTERM)

    with interruptible(), ground(tmp_path, "sqlite") as world:
        verdict = run(world, Plan(seed=1, minutes=5, faults={KILL: 1}), tell)
        assert world.alive() == []
    assert verdict.interrupted and verdict.violations == ()
    assert verdict.struck == {KILL: 1}
