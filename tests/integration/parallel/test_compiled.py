"""`trainer.compile` where there is no compiler, in trainers that a warm parent forked, alone and in two."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.parallel.running import run, spec_for
from tests.integration.planted import told
from worker.protocol import ExitCode
from worker.supervision.warm_launcher import WarmLauncher


@pytest.mark.parametrize("processes", [1, 2])
def test_a_machine_without_a_compiler_is_told_of_before_anything_is_read(
    tmp_path: Path, warm: WarmLauncher, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    spec = spec_for(processes, trainer={"compile": True})
    assert run(warm, tmp_path, 1, spec, "PLAIN") == ExitCode.REFUSED
    (failed,) = told(tmp_path, "failed")
    assert (failed["code"], failed["message"]) == (
        "invalid_spec",
        "trainer.compile needs a C++ compiler and g++ is not found where the trainer runs; install g++ "
        "there, or set trainer.compile to false",
    )
    assert told(tmp_path, "stage") == []
