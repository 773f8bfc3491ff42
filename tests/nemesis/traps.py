"""Says in the record when a failpoint acts, so that a test knows that it did, and in which process."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from shared import failpoints
from tests.nemesis.record import VARIABLE, Recorder


def install(environ: Mapping[str, str]) -> None:
    """Have every action of this process and its children say so first."""
    recorder = Recorder(Path(environ[VARIABLE]))
    told = {name: partial(_tell_and_act, recorder, name, act) for name, act in failpoints._ACTIONS.items()}
    failpoints._ACTIONS = told


def _tell_and_act(recorder: Recorder, action: str, act: Callable[[str], None], point: str) -> None:
    recorder.say("failpoint", point=point, action=action, pid=os.getpid())
    act(point)
