"""`trainer.compile`: the forward pass of training steps compiled, and what torch says of it in a sentence."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import nn

from shared.clock import Monotonic
from shared.errors import TrainingError
from worker.training.context import Task
from worker.workloads.interface import Batch, Outputs

BACKEND = "inductor"
SHAPES = 64
"""Kernels for so many shapes of batches; torch's own limit of 8 would go on uncompiled, without an error."""

log = logging.getLogger(__name__)

Forward = Callable[[nn.Module, Batch], Outputs]


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

    try:
        yield
    except TorchDynamoException as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        what = " ".join(lines[:2])[:300]
        raise TrainingError(
            f"trainer.compile: torch.compile failed with {type(error).__name__}: {what}; set trainer.compile "
            "to false, or see that a C++ compiler (g++) is installed where the trainer runs"
        ) from error
