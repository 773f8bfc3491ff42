"""`trainer.compile`: the forward pass of training steps compiled, and what torch says of it in a sentence."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from shared.clock import Monotonic
from shared.errors import FieldProblem, InvalidSpec, TrainingError
from shared.specs.job import JobSpec
from worker.training.context import Task
from worker.workloads.interface import Batch, Outputs

BACKEND = "inductor"
SHAPES = 64
"""Kernels for so many shapes of batches; torch's own limit of 8 would go on uncompiled, without an error."""

log = logging.getLogger(__name__)

Forward = Callable[[nn.Module, Batch], Outputs]


def check_compiler(spec: JobSpec, device: torch.device) -> None:
    """Look for the compiler of torch.compile before any data is read. Raises InvalidSpec without one."""
    if not spec.trainer.compile or spec.kind == "eval" or BACKEND != "inductor":
        return
    missing = _missing_for_cpu() if device.type == "cpu" else _missing_for_gpu(os.environ)
    if missing is not None:
        sentence = (
            f"trainer.compile needs {missing} is not found where the trainer runs; install g++ there, or set "
            "trainer.compile to false"
        )
        raise InvalidSpec(sentence, (FieldProblem("trainer.compile", sentence),))


def _missing_for_cpu() -> str | None:
    """Kernels are C++, compiled by what torch itself looks for."""
    from torch._inductor import config
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        return f"a C++ compiler and {config.cpp.cxx[-1]}"
    return None


def _missing_for_gpu(environ: Mapping[str, str]) -> str | None:
    """Triton has a C compiler make what launches its kernels. Source: triton/runtime/build.py."""
    if environ.get("CC") or shutil.which("gcc") or shutil.which("clang"):
        return None
    return "a C compiler and gcc"


def with_compiled_steps(task: Task, clock: Monotonic) -> Task:
    """The task with its forward pass compiled while the model trains; evaluations run as they are.

    Every shape of a batch has kernels of its own: if they depended on the shapes that came before, no resume
    would be exact.
    """
    if not task.spec.trainer.compile:
        return task
    import torch._dynamo.config as dynamo
    import torch._inductor.config as inductor

    # In this process alone: a pool of compilers would outlive a trainer that is killed.
    inductor.compile_threads = 1
    dynamo.recompile_limit = SHAPES
    forward = task.workload.forward
    compiled = _telling_the_first(torch.compile(forward, backend=BACKEND, dynamic=False), clock)

    def choose(model: nn.Module, batch: Batch) -> Outputs:
        return compiled(model, batch) if model.training else forward(model, batch)

    return replace(task, workload=replace(task.workload, forward=choose))


def _telling_the_first(compiled: Forward, clock: Monotonic) -> Forward:
    told = False

    def call(model: nn.Module, batch: Batch) -> Outputs:
        nonlocal told
        if told:
            return compiled(model, batch)
        log.info("torch.compile is at work; the first batch of each size waits for it")
        began = clock()
        outputs = compiled(model, batch)
        told = True
        log.info("torch.compile: the first forward pass took %.1f s", clock() - began)
        return outputs

    return call


@contextmanager
def compile_failures_told(task: Task) -> Iterator[None]:
    """Turn what torch.compile raises within into a TrainingError."""
    if not task.spec.trainer.compile:
        yield
        return
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor.exc import CppCompileError

    try:
        yield
    except (TorchDynamoException, CppCompileError) as error:
        raise TrainingError(
            f"trainer.compile: torch.compile failed with {type(error).__name__}: {_told(error)}; set "
            "trainer.compile to false, or see that a C++ compiler (g++) and Python's headers (python3-dev) "
            "are installed where the trainer runs"
        ) from error


def _told(error: Exception) -> str:
    """What went wrong, and of a C++ compiler's pages the line that says it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    of_compiler = [line for line in lines if " error: " in line]
    return " ".join([lines[0], of_compiler[0]] if of_compiler else lines[:2])[:300]
