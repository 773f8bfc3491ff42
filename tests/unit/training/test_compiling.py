"""`trainer.compile`: what is compiled, that a resume stays exact, and how a failure reads."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch._inductor.exc import CppCompileError, InvalidCxxCompiler

from shared.errors import InvalidSpec
from tests.integration import planted
from tests.integration.planted import PlantedSpec, final_state, metric_history, spec_of, told, write_order
from tests.integration.trainers import train
from worker.protocol import ExitCode
from worker.training import compiling
from worker.training.compiling import check_compiler
from worker.training.main import run_order


def plain_model(spec: PlantedSpec, _splits: Any) -> nn.Module:
    """Dropout alone makes a resume hard; the planted model reads numbers, which no compiler likes."""
    return nn.Sequential(nn.Linear(spec.data.features, 4), nn.ReLU(), nn.Dropout(0.3), nn.Linear(4, 1))


@pytest.fixture(autouse=True)
def plain_workload(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planted, "WORKLOAD", replace(planted.WORKLOAD, build_model=plain_model))


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    return lambda name: monkeypatch.setattr(compiling, "BACKEND", name)


def compiled(**trainer: Any) -> PlantedSpec:
    return spec_of(trainer={"compile": True, "epochs": 2, **trainer})


def test_steps_are_compiled_evaluations_are_not_and_a_resume_is_exact(
    tmp_path: Path, backend: Callable[[Any], None]
) -> None:
    calls: list[bool] = []

    def counting(graph: Any, _inputs: Any) -> Any:
        def run(*arguments: Any) -> Any:
            calls.append(True)
            return graph.forward(*arguments)

        return run

    backend(counting)
    straight, resumed = tmp_path / "straight", tmp_path / "resumed"
    assert train(write_order(straight, spec=compiled())) is ExitCode.DONE
    assert len(calls) == 2 * 12, "23 samples in micro-batches of 2 and one of 1"
    assert train(write_order(resumed, 1, compiled()), stop_at=3) is ExitCode.INTERRUPTED
    assert train(write_order(resumed, 2, compiled())) is ExitCode.DONE
    assert told(resumed, "resumed", 2)[0]["exact"] is True
    assert final_state(resumed) == final_state(straight)
    assert metric_history(resumed) == metric_history(straight)


COMPILER_SAYS = """In file included from x.cpp:1:
x.cpp:2:10: fatal error: Python.h: No such file or directory
compilation terminated."""


@pytest.mark.parametrize(
    ("error", "told_of_it"),
    [
        (FileNotFoundError("no g++ here"), "no g++ here"),
        (
            CppCompileError(["g++", "x.cpp", "-O3"], COMPILER_SAYS),
            "x.cpp:2:10: fatal error: Python.h: No such file or directory; set trainer",
        ),
    ],
    ids=["another error", "a compiler's error"],
)
def test_a_failed_compilation_is_a_sentence(
    tmp_path: Path, backend: Callable[[Any], None], error: Exception, told_of_it: str
) -> None:
    def broken(_graph: Any, _inputs: Any) -> Any:
        raise error

    backend(broken)
    assert run_order(write_order(tmp_path, spec=compiled())) == ExitCode.REFUSED
    (end,) = told(tmp_path, "failed")
    assert end["code"] == "training_error"
    assert "torch.compile failed" in end["message"]
    assert told_of_it in end["message"]
    assert "set trainer.compile to false" in end["message"]


# Torch's compiler imports what torch itself has deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_machine_without_a_compiler_is_told_before_any_data_is_read(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search() -> str:
        raise InvalidCxxCompiler

    monkeypatch.setattr("torch._inductor.cpp_builder.get_cpp_compiler", search)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(InvalidSpec, match=r"trainer\.compile needs a C.* compiler and g.. is not found"):
        check_compiler(compiled(), torch.device(device))
    check_compiler(compiled(compile=False), torch.device(device))


def test_a_gpu_needs_a_c_compiler_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "/opt/cc")
    check_compiler(compiled(), torch.device("cuda"))
    monkeypatch.delenv("CC")
    (tmp_path / "clang").touch(0o755)
    check_compiler(compiled(), torch.device("cuda"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.nemesis
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++ on a CPU, and there is none")
def test_kernels_of_the_real_compiler_learn_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "kernels"))

    def without_dropout(spec: PlantedSpec, _splits: Any) -> nn.Module:
        return nn.Sequential(nn.Linear(spec.data.features, 4), nn.ReLU(), nn.Linear(4, 1))

    monkeypatch.setattr(planted, "WORKLOAD", replace(planted.WORKLOAD, build_model=without_dropout))
    losses = []
    for name, spec in (("compiled", compiled()), ("eager", compiled(compile=False))):
        root = tmp_path / name
        assert train(write_order(root, spec=spec)) is ExitCode.DONE
        losses.append(
            [point["values"]["loss"] for point in told(root, "points") if "loss" in point["values"]]
        )
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
