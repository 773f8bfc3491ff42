"""A worker of the stack that is deaf in its first life: its canaries are never heard, and it is impatient."""

from __future__ import annotations

import os
import sys

from worker.stack import bench, canary
from worker.stack.__main__ import main

LIVED = "TESTS_LIVED_BEFORE"


def deafen() -> None:
    canary.DEAF_SECONDS = 4.0
    vars(bench)["CHIRP_SECONDS"] = 1.0
    setattr(bench.Bench, "heard", lambda _: None)  # noqa: B010  mypy would not have it otherwise


if __name__ == "__main__":
    if LIVED not in os.environ:
        os.environ[LIVED] = "yes"
        deafen()
    sys.exit(main(sys.argv[1:]))
