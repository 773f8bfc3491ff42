"""The parts of a job spec that every workload shares: optimizer, schedule, trainer, checkpoints, limits."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from shared.specs.spelling import CHECKPOINT, JOB_ID, METRIC


class Part(BaseModel):
    """A frozen piece of a spec: unknown keys, NaN and infinity are refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        protected_namespaces=(),
    )


class OptimizerSpec(Part):
    """How weights move."""

    name: Literal["adam", "adamw", "sgd", "adafactor"] = "adamw"
    """`adam` adds weight decay to the gradient (L2), `adamw` decouples it. `adafactor` keeps a row and a
    column of squared gradients a matrix, where these keep two values a weight: next to no memory. It moves
    a weight by `lr`, or less after 1 / lr^2 steps, times the root mean square of its matrix; 0.01 is its
    usual `lr`."""
    lr: float = Field(1e-3, gt=0, le=10)
    """Base learning rate; the schedule scales from it."""
    weight_decay: float = Field(0.0, ge=0, le=1)
    """How strongly weights are drawn to zero."""
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.999)
    """Moment decay rates of `adam` and `adamw`."""
    eps: float = Field(1e-8, gt=0, le=1)
    """Added to the denominator, so that it is never zero."""
    momentum: float = Field(0.0, ge=0, lt=1)
    """Momentum of `sgd`."""
    decay: Literal["all", "matrices"] = "all"
    """Which parameters `weight_decay` acts on: `all`, or `matrices`, which leaves out biases, norms,
    embeddings and whatever else has fewer than two dimensions."""
    fused: bool = False
    """Move all weights in one pass of torch's fused optimizer: faster, and other in the last bits."""

    @model_validator(mode="after")
    def _can_be_fused(self) -> OptimizerSpec:
        if self.fused and self.name == "adafactor":
            raise ValueError("fused is not there for adafactor; set it to false")
        return self


class ScheduleSpec(Part):
    """The learning rate of each epoch, set before the epoch begins."""

    name: Literal["constant", "cosine", "warmup_cosine", "step", "plateau"] = "constant"
    """How the rate changes from epoch to epoch."""
    warmup_epochs: int = Field(0, ge=0, le=100_000)
    """Epochs of linear warm-up of `warmup_cosine`."""
    min_lr: float = Field(0.0, ge=0, le=10)
    """Where the cosine ends, and the least rate of `plateau`."""
    step_epochs: int = Field(10, ge=1, le=100_000)
    """`step` multiplies the rate by `gamma` every so many epochs."""
    gamma: float = Field(0.1, gt=0, le=1)
    """Factor of `step` and `plateau`."""
    patience: int = Field(10, ge=1, le=100_000)
    """`plateau` multiplies the rate by `gamma` after more epochs than this in which `trainer.monitor` did not
    improve by a ten-thousandth of its best value."""


class EarlyStoppingSpec(Part):
    """Stop when the monitored metric has not improved for a while."""

    patience: int = Field(10, ge=1, le=100_000)
    """Epochs without improvement before training stops."""
    min_delta: float = Field(0.0, ge=0, le=1e9)
    """The least change that counts as an improvement."""


class EmaSpec(Part):
    """An exponential moving average of the weights, made after every step beside training."""

    decay: float = Field(0.999, gt=0, lt=1)
    """How much of the average each step keeps."""
    warmup: bool = True
    """Keep less at first, at most (1 + n) / (10 + n) after n steps: the first weights are soon forgotten."""


class TrainerSpec(Part):
    """The training loop."""

    epochs: int = Field(1, ge=1, le=1_000_000)
    """Passes over the train split."""
    batch_size: int = Field(16, ge=1, le=1_048_576)
    """Samples of one forward pass (the micro-batch). Several processes divide the samples of a step, so that
    each passes at most so many at once and often fewer."""
    accumulate: int = Field(1, ge=1, le=65_536)
    """Micro-batches of one optimizer step; the effective batch is `batch_size * accumulate` in any number of
    processes, so the same spec means the same steps."""
    eval_batch_size: int | None = Field(None, ge=1, le=1_048_576)
    """Samples of one evaluation pass; `batch_size` where not given."""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """`fp16` needs CUDA; `bf16` works on CPU and CUDA."""
    compile: bool = False
    """Compile the forward and backward passes of training steps with torch.compile. The first batch of each
    size waits for it, for a minute or so; needs g++ on a CPU. Numbers differ in the last bits."""
    gradient_checkpointing: bool | None = None
    """Compute activations again in the backward pass instead of keeping them: less memory, more time. Only
    where the workload offers it; not given, its own fields decide."""
    clip_grad_norm: float | None = Field(None, gt=0, le=1e6)
    """Largest global gradient norm; nothing is clipped where not given."""
    skip_non_finite: int = Field(0, ge=0, le=10_000)
    """Optimizer steps of the whole job that may be left out because their loss or gradient is NaN or
    infinite; one more ends it. 0 ends it at the first. Those by which `fp16` finds its scale do not count."""
    seed: int = Field(42, ge=0, lt=2**63)
    """Seed of weights, data order, dropout and augmentation."""
    shuffle: bool = True
    """Another order of the samples in every epoch, given by `seed`."""
    drop_last: bool = False
    """Leave out the last incomplete micro-batch of the train split."""
    monitor: Annotated[str, StringConstraints(pattern=METRIC)] = "val/loss"
    """The metric that names the best checkpoint, as `split/name`."""
    monitor_mode: Literal["min", "max"] = "min"
    """Whether less or more of the monitored metric is better."""
    early_stopping: EarlyStoppingSpec | None = None
    """Stop when the monitored metric no longer improves (`{}` takes the defaults)."""
    ema: EmaSpec | None = None
    """Average the weights (`{}` takes the defaults). The averages are what is validated, named best,
    evaluated at the end, and taken by jobs that start from a checkpoint of this one; a resume keeps both."""
    max_steps_per_epoch: int | None = Field(None, ge=1, le=1_000_000_000)
    """Cut every epoch after so many optimizer steps; for dry runs."""
    num_workers: int = Field(0, ge=0, le=64)
    """DataLoader worker processes."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """`auto` is the GPU where the job has one."""
    threads: int | None = Field(None, ge=1, le=1024)
    """CPU threads of torch; the job's share of the cores where not given."""
    log_every_steps: int = Field(1, ge=1, le=1_000_000)
    """Optimizer steps between two step metrics."""


class CheckpointSpec(Part):
    """When checkpoints are written and which are kept. The newest and the best are always kept."""

    every_epochs: int | None = Field(1, ge=1, le=1_000_000)
    """Epochs between two checkpoints."""
    every_steps: int | None = Field(None, ge=1, le=1_000_000_000)
    """Optimizer steps between two checkpoints."""
    every_minutes: float | None = Field(None, gt=0, le=100_000)
    """Minutes between two checkpoints."""
    lost_work_minutes: float | None = Field(5.0, gt=0, le=100_000)
    """Also write one so often that a death costs no more work than this, as far as `stall_percent` allows."""
    stall_percent: float = Field(2.0, gt=0, le=100)
    """The share of training time that checkpoints for `lost_work_minutes` may cost, as measured."""
    background_from_mib: float = Field(64.0, ge=0, le=1e9)
    """States of at least this size are copied, and written while training goes on; smaller ones at once."""
    keep_last: int = Field(2, ge=1, le=1000)
    """How many of the newest checkpoints are kept."""
    keep_best: bool = True
    """Keep the checkpoint with the best monitored metric."""
    keep_every_epochs: int | None = Field(None, ge=1, le=1_000_000)
    """Keep the checkpoint of every so-many-th epoch for good."""


class MemorySpec(Part):
    """How memory is watched."""

    sample_seconds: float = Field(1.0, ge=0.05, le=3600)
    """Seconds between two samples."""
    log_every_steps: int = Field(25, ge=1, le=1_000_000)
    """Optimizer steps between two memory lines in the log."""
    allocator: Literal["keep", "default"] = "keep"
    """`keep` has a CPU trainer keep the memory it frees, which the next step takes again: faster for large
    tensors. What is kept counts in every figure of resident memory. `default` gives it back."""
    probe: Literal["auto", "always", "never"] = "auto"
    """Whether two trial batches measure, before the first step, what memory it will take. `auto` leaves out
    models that are tiny beside the memory there is."""
    plan: Literal["spec", "measured"] = "spec"
    """`measured` tries micro-batches for a few passes each, in processes of their own, and takes the fastest
    that does not press on memory. The effective batch and the order of samples stay as the spec says."""
    policy: Literal["recover", "warn", "stop"] = "recover"
    """Where memory runs out, or training spends its time swapping: `recover` halves the micro-batch and
    doubles accumulation, at most three times a job, and takes the step that was cut short again; effective
    batch and order of samples stay. `warn` tells, and counts the end of a trainer as a crash. `stop` ends
    the job. An estimate that does not fit is a warning, under `stop` the end of the job."""


class ResourceSpec(Part):
    """What a job needs of a machine, all of its processes together."""

    gpus: int = Field(0, ge=0, le=64)
    """GPUs at once; a training runs one process on each, which divide every step's samples."""
    processes: int | None = Field(None, ge=1, le=64)
    """Training processes on CPU, which divide every step's samples; one where not given, on GPUs one each."""
    cpus: float = Field(1.0, gt=0, le=4096)
    """CPU cores; a worker takes no more jobs than its cores allow."""
    memory_gib: float = Field(1.0, gt=0, le=65_536)
    """Host memory the job is expected to need."""
    collective_timeout_seconds: float = Field(600.0, ge=1, le=86_400)
    """Longest wait of one of several processes for the others, after which the attempt ends."""


class RetrySpec(Part):
    """What happens after a crash. Interruptions and attempts that made progress do not count."""

    max_attempts: int = Field(3, ge=1, le=1000)
    """Attempts without a newer checkpoint before the job fails."""
    backoff_seconds: float = Field(2.0, ge=0, le=86_400)
    """Wait after the first crash; doubled after each further one."""
    max_backoff_seconds: float = Field(300.0, ge=0, le=86_400)
    """The longest wait."""


class InitFrom(Part):
    """Weights to start from: a checkpoint of an earlier job."""

    job: Annotated[str, StringConstraints(pattern=JOB_ID)]
    """Id of the earlier job."""
    checkpoint: Annotated[str, StringConstraints(pattern=CHECKPOINT)] = "best"
    """A checkpoint id, `best` or `last`."""
