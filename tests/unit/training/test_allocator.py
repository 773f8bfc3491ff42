"""Freed memory is kept where asked, the numbers stay what they are, and who cannot have it is told."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.planted import final_state, messages, spec_of, told, write_order
from worker.training import allocator
from worker.training.allocator import Choice, use_allocator

FAULTS = """
import resource, sys, torch
from worker.training.allocator import release_freed, use_allocator
from worker.hostmem import read_process
use_allocator(sys.argv[1], "cpu", {})
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    torch.ones(16 * 1024**2).sum()
for _ in range(30):
    work()
before = faults()
work()
again, held = faults() - before, read_process().rss_bytes
release_freed()
print(again, held - read_process().rss_bytes)
"""

RUN = "import sys; from worker.training.main import run_order; from pathlib import Path; \
sys.exit(run_order(Path(sys.argv[1])))"


# The first rounds find memory of their own each: aligned blocks leave holes that become useful once joined.


def _python(code: str, argument: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, argument], check=True, capture_output=True, text=True)
    return done.stdout


def test_kept_memory_is_not_faulted_in_again_and_can_be_given_back() -> None:
    again, released = map(int, _python(FAULTS, "keep").split())
    assert again < 100
    assert released > 60 * 1024**2
    again, released = map(int, _python(FAULTS, "default").split())
    assert again > 1000 or released < 60 * 1024**2


def test_both_ways_give_the_same_bits(tmp_path: Path) -> None:
    states = []
    for way in ("keep", "default"):
        order = write_order(tmp_path / way, spec=spec_of(memory={"allocator": way}))
        _python(RUN, str(order))
        assert told(tmp_path / way, "started")[0]["allocator"] == way
        results = json.loads((tmp_path / way / "artifacts" / "results.json").read_text())
        assert results["run"]["allocator"] == way
        states.append(final_state(tmp_path / way))
    assert states[0] == states[1]


def test_cuda_and_an_environment_that_decides_keep_the_default() -> None:
    assert use_allocator("keep", "cuda", {}) == Choice("default")
    assert use_allocator("default", "cpu", {}) == Choice("default")
    for name in ("MALLOC_ARENA_MAX", "GLIBC_TUNABLES", "LD_PRELOAD"):
        assert use_allocator("keep", "cpu", {name: "1"}) == Choice("environment")


def test_another_libc_is_said_and_harms_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "_glibc", lambda _name: None)
    choice = use_allocator("keep", "cpu", {})
    assert choice.used == "default"
    assert choice.problem is not None and "needs glibc" in choice.problem
    allocator.release_freed()


def test_a_refusal_of_the_allocator_becomes_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from worker.training.main import run_order

    monkeypatch.setattr(allocator, "_glibc", lambda _name: lambda *_: 0)
    monkeypatch.setattr(
        "worker.training.attempt.use_allocator", lambda wanted, device: use_allocator(wanted, device, {})
    )
    run_order(write_order(tmp_path))
    warnings = [message["message"] for message in messages(tmp_path) if message["type"] == "warning"]
    assert any("glibc refused" in warning for warning in warnings)
