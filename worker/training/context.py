"""Everything the loop works with, in one place. No behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn
from torch.optim import Optimizer

from shared.clock import Monotonic
from shared.rundir import RunDir
from shared.specs.job import JobSpec
from worker.training import ema
from worker.training.alarms import Alarms
from worker.training.ema import Ema
from worker.training.files import Files
from worker.training.guards.record import GuardRecord
from worker.training.history import BestMetric, EarlyStopping, History
from worker.training.journal import Journal
from worker.training.loader import Loading
from worker.training.nonfinite import Skips
from worker.training.parallel.follower import Follower
from worker.training.parallel.group import Alone, Group
from worker.training.position import Elapsed, EpochSums, Progress
from worker.training.precision import Precision
from worker.training.recovery import Recovery
from worker.training.reporter import Reporter
from worker.training.rng import RngState
from worker.training.sampler import EpochPlan
from worker.training.saving import Saver
from worker.training.schedule import Schedule
from worker.training.shutdown import StopFlag
from worker.training.state import AppState
from worker.workloads.interface import Splits, Workload


@dataclass(frozen=True)
class Means:
    """What an attempt works with besides its order; tests pass their own."""

    directory: RunDir
    report: Reporter
    stop: StopFlag
    files: Files
    clock: Monotonic
    lock: int | None
    """Descriptor of the held run lock; none in a process that is not rank 0."""
    group: Group = field(default_factory=Alone)
    """The processes that train together."""


@dataclass(frozen=True)
class Task:
    """A model and its data, ready to be trained or evaluated."""

    workload: Workload
    spec: JobSpec
    splits: Splits
    model: nn.Module
    device: torch.device
    precision: Precision
    loading: Loading
    stop: StopFlag
    micro_batch: int | None = None
    """Samples of one pass, where a plan chose others than the spec."""


@dataclass(frozen=True)
class Living:
    """The parts of a training that change, each Stateful."""

    optimizer: Optimizer
    schedule: Schedule
    progress: Progress
    sums: EpochSums
    elapsed: Elapsed
    history: History
    best: BestMetric
    stopping: EarlyStopping
    guards: GuardRecord
    skips: Skips
    alarms: Alarms
    ema: Ema | None
    rng: RngState


@dataclass
class Training:
    """All that `fit` uses. Only the plan is ever replaced, by a recovery."""

    task: Task
    living: Living
    parameters: list[nn.Parameter]
    plan: EpochPlan
    saver: Saver | Follower
    journal: Journal
    report: Reporter
    recovery: Recovery
    group: Group = field(default_factory=Alone)


def app_state(task: Task, living: Living) -> AppState:
    """Everything that must survive, by the name it has in a checkpoint."""
    averages: AppState = {} if living.ema is None else {ema.NAME: living.ema}
    return {
        "model": task.model,
        "optimizer": living.optimizer,
        "schedule": living.schedule,
        "scaler": task.precision.scaler,
        "progress": living.progress,
        "sums": living.sums,
        "elapsed": living.elapsed,
        "history": living.history,
        "best": living.best,
        "early_stopping": living.stopping,
        "guards": living.guards,
        "skips": living.skips,
        "alarms": living.alarms,
        **averages,
        "rng": living.rng,
    }
