"""`trainer.compile` in trainers that a warm parent forked, alone and in two: with a compiler and without."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.parallel.running import run, spec_for
from tests.integration.planted import final_state, metric_history, told
from worker.protocol import ExitCode
from worker.supervision.warm_launcher import WarmLauncher

TOLERANCE = 1e-4
"""Of a metric after three epochs: a compiler may join operations, and rounds less often."""

compiles = pytest.mark.skipif(
    shutil.which("g++") is None, reason="torch.compile needs g++ on a CPU, and there is none"
)


@pytest.mark.parametrize(("processes", "kind"), [(1, "train"), (2, "train"), (1, "preflight")])
def test_a_machine_without_a_compiler_is_told_of_before_anything_is_read(
    tmp_path: Path, warm: WarmLauncher, monkeypatch: pytest.MonkeyPatch, processes: int, kind: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    spec = spec_for(processes, kind=kind, trainer={"compile": True})
    assert run(warm, tmp_path, 1, spec, "PLAIN") == ExitCode.REFUSED
    (failed,) = told(tmp_path, "failed")
    assert (failed["code"], failed["message"]) == (
        "invalid_spec",
        "trainer.compile needs a C++ compiler and g++ is not found where the trainer runs; install g++ "
        "there, or set trainer.compile to false",
    )
    assert told(tmp_path, "stage") == []


@compiles
@pytest.mark.nemesis
@pytest.mark.timeout(600)
@pytest.mark.parametrize("processes", [1, 2])
def test_compiled_steps_learn_what_others_do_and_a_resume_is_exact(
    tmp_path: Path, warm: WarmLauncher, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "kernels"))
    plain = {"dropout": 0.0}
    for name, compiled in (("compiled", True), ("eager", False)):
        spec = spec_for(processes, trainer={"compile": compiled}, model=plain)
        assert run(warm, tmp_path / name, 1, spec, "PLAIN") == ExitCode.DONE
    assert metric_history(tmp_path / "compiled") == pytest.approx(
        metric_history(tmp_path / "eager"), rel=TOLERANCE
    )
    spec = spec_for(processes, trainer={"compile": True}, checkpoint={"every_steps": 1})
    monkeypatch.setenv("RANK", "0")  # of one process; each of several has its own
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    assert run(warm, straight, 1, spec, "PLAIN") == ExitCode.DONE
    assert run(warm, killed, 1, spec, "PLAIN", fault=f"{processes - 1}:9:kill") != ExitCode.DONE
    shutil.rmtree(tmp_path / "kernels")
    assert run(warm, killed, 2, spec, "PLAIN") == ExitCode.DONE
    (resumed,) = told(killed, "resumed", 2)
    assert (resumed["exact"], resumed["step"] > 0) == (True, True)
    assert final_state(killed) == final_state(straight)
    assert metric_history(killed) == metric_history(straight)
