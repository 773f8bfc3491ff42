"""Nothing outlives the process that started it, not even one that was killed with -9."""

from __future__ import annotations

import subprocess
import sys

import psutil

STARTER = """
import subprocess, time
from tests.mortal import mortal
child = subprocess.Popen(mortal(["/bin/sleep", "600"]), start_new_session=True)
print(child.pid, flush=True)
child.wait()
"""


def test_what_was_started_dies_with_its_starter() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        child = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
    child.wait(30)
    assert not child.is_running()
