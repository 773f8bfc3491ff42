"""A worker of the stack that goes deaf in its first life: no canary is heard while its first job runs."""

from __future__ import annotations

import os
import sys

from worker.stack import bench, canary
from worker.stack.__main__ import main

LIVED = "TESTS_LIVED_BEFORE"


def deafen() -> None:
    hears = bench.Bench.heard

    def heard(self: bench.Bench) -> None:
        station = self._station
        assert station is not None
        if not station.slots._running:
            hears(self)

    canary.DEAF_SECONDS = 5.0
    vars(bench)["CHIRP_SECONDS"] = 0.5
    setattr(bench.Bench, "heard", heard)  # noqa: B010  mypy would not have it otherwise


if __name__ == "__main__":
    if LIVED not in os.environ:
        os.environ[LIVED] = "yes"
        deafen()
    sys.exit(main(sys.argv[1:]))
