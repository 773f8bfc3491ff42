"""One warm parent for all trainings."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from worker.supervision.prepare import trainer_env
from worker.supervision.warm_launcher import WarmLauncher


@pytest.fixture(scope="session")
def warm() -> Iterator[WarmLauncher]:
    launcher = WarmLauncher(trainer_env(os.environ))
    yield launcher
    launcher.close()
