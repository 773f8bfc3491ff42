"""Every Prometheus series of epochd: name, kind, labels, help, and how many there can be at once.

Labels hold words of our own only: statuses, reasons, installed workloads, parts of a loss, a numbered slot;
never a job id, a name, a path or anything a user typed. A running job is shown in one of SLOTS numbered
places, keeps it until it ends, and leaves it to the next; `GET /slots` says which job sits where. The jobs
beyond are counted and nothing else. So the sum of `most`, at most SERIES, holds whatever anybody submits, and
no series is ever made that was not there before: a job id as a label would leave one behind for every job.

What is counted in the database falls when jobs are deleted, so it is a gauge however much it looks like a
counter. The counters are those the API keeps in its own memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.jobs.status import INTERRUPTIONS, RETRYABLE, JobStatus, Reason

SERIES = 300
"""The most series in all."""

SLOTS = 6
"""Running jobs shown one by one: so many as SERIES leaves room for."""

LOSS_TERMS = 4
"""Terms of a loss that are shown beside its total, of a workload that has more the first."""

WORKLOADS = 8
"""Words of the label `workload`, OTHER among them."""

OTHER = "other"
"""The label of a workload that is not among the first installed, and of a reason nobody knows."""

RUNNING = "running"
"""The outcome of an attempt that has not ended."""

ASKED = "asked"
"""The reason of a retry that a user asked for after the job's end."""

TOTAL = "total"
"""The part of a loss that is all of it."""

OUTCOMES = (RUNNING, *(reason.value for reason in Reason if reason is not Reason.RESUMED_BY_USER), OTHER)
RETRY_REASONS = (*sorted(reason.value for reason in RETRYABLE | INTERRUPTIONS), ASKED)
RECOVERY_CAUSES = (
    Reason.CUDA_OUT_OF_MEMORY.value,
    Reason.HOST_OUT_OF_MEMORY.value,
    Reason.OOM_KILLED.value,
    Reason.LOADER_OOM_KILLED.value,
    Reason.SWAP_THRASH.value,
    OTHER,
)
QUEUES = ("cpu", "gpu")
WORKER_STATES = ("alive", "silent")
SLOT_STATES = ("busy", "free")
DEGREES = ("some", "full")
CALLS = ("submit", "change", "read")
STATUS_CLASSES = ("2xx", "3xx", "4xx", "5xx")


@dataclass(frozen=True)
class Series:
    """One Prometheus metric family."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    most: int = 1
    """Samples of one scrape: of a histogram its buckets, sum and count."""
    buckets: tuple[float, ...] = ()


JOBS = Series(
    "epochd_jobs", "gauge", "Jobs in the database.", ("status", "workload"), len(JobStatus) * WORKLOADS
)
QUEUE_DEPTH = Series("epochd_queue_depth", "gauge", "Queued jobs that are due.", ("queue",), len(QUEUES))
QUEUE_OLDEST = Series(
    "epochd_queue_oldest_seconds", "gauge", "How long the oldest due job has waited.", ("queue",), len(QUEUES)
)
QUEUE_STUCK = Series(
    "epochd_queue_stuck_seconds",
    "gauge",
    "How long the oldest due job has waited that no worker takes: none serves its queue or is large enough, "
    "or one has room and nothing starts.",
    ("queue",),
    len(QUEUES),
)
CANCELS_PENDING = Series("epochd_cancels_pending", "gauge", "Running jobs that were asked to stop.")
ATTEMPTS = Series(
    "epochd_attempts",
    "gauge",
    "Attempts in the database by how they ended: lease losses are lease_expired, failed guards guard_failed.",
    ("outcome",),
    len(OUTCOMES),
)
LOSS_FAILED_AT = Series(
    "epochd_loss_failed_timestamp_seconds",
    "gauge",
    "When the newest attempt ended that failed as its loss was no finite number, Unix time; 0: none did.",
)
RETRIES = Series(
    "epochd_retries",
    "gauge",
    "Attempts after a job's first, by how the one before ended; asked: a user resumed the job.",
    ("reason",),
    len(RETRY_REASONS),
)
RECOVERIES = Series(
    "epochd_recoveries",
    "gauge",
    "Times a job took fewer samples at once, by what had run out.",
    ("cause",),
    len(RECOVERY_CAUSES),
)
CHECKPOINT_FAILURES = Series(
    "epochd_checkpoint_failures", "gauge", "Tries to write a checkpoint that disk or memory refused."
)
WORKERS = Series(
    "epochd_workers",
    "gauge",
    "Workers by whether they were heard from in time.",
    ("state",),
    len(WORKER_STATES),
)
WORKER_SLOTS = Series(
    "epochd_worker_slots", "gauge", "Slots of living workers, busy and free.", ("state",), len(SLOT_STATES)
)
HOST_MEMORY_AVAILABLE = Series(
    "epochd_host_memory_available_bytes",
    "gauge",
    "Memory left on the host of a living worker that has least.",
)
HOST_SWAP_USED = Series(
    "epochd_host_swap_used_bytes", "gauge", "Swap used on the host of a living worker that uses most."
)
HOST_STALLED = Series(
    "epochd_host_memory_stalled_ratio",
    "gauge",
    "Share of time in which some task, or every task, waited for memory, on the worst host of a worker.",
    ("degree",),
    len(DEGREES),
)
RUNS_FREE = Series(
    "epochd_runs_free_bytes", "gauge", "Room left for run directories on the volume that holds them."
)
RUNS_SIZE = Series("epochd_runs_size_bytes", "gauge", "Size of the volume that holds the run directories.")

_SLOT = ("slot",)
RUNNING_INFO = Series(
    "epochd_running_info",
    "gauge",
    "1 where a running job sits in the slot; `GET /slots` says which.",
    ("slot", "kind", "workload"),
    SLOTS,
)
RUNNING_PROGRESS = Series("epochd_running_progress_ratio", "gauge", "Work done, 0 to 1.", _SLOT, SLOTS)
RUNNING_EPOCH = Series("epochd_running_epoch", "gauge", "Epoch the job is in.", _SLOT, SLOTS)
RUNNING_STEP = Series("epochd_running_step", "gauge", "Optimizer steps done.", _SLOT, SLOTS)
RUNNING_ETA = Series("epochd_running_eta_seconds", "gauge", "Time the job still needs.", _SLOT, SLOTS)
RUNNING_SPEED = Series(
    "epochd_running_samples_per_second", "gauge", "Samples trained a second.", _SLOT, SLOTS
)
RUNNING_LEARNING_RATE = Series(
    "epochd_running_learning_rate", "gauge", "Learning rate of the epoch.", _SLOT, SLOTS
)
RUNNING_LOSS = Series(
    "epochd_running_loss",
    "gauge",
    f"Newest loss: total of train and val, the first {LOSS_TERMS} unweighted terms of train; NaN as it came.",
    ("slot", "split", "part"),
    SLOTS * (2 + LOSS_TERMS),
)
RUNNING_METRIC = Series(
    "epochd_running_metric_value", "gauge", "Newest value of the monitored metric.", _SLOT, SLOTS
)
RUNNING_BEST = Series(
    "epochd_running_best_value", "gauge", "Best value of the monitored metric so far.", _SLOT, SLOTS
)
RUNNING_RSS = Series(
    "epochd_running_memory_bytes",
    "gauge",
    "Resident memory of all processes of the job; shared pages count for each.",
    _SLOT,
    SLOTS,
)
RUNNING_SWAP = Series(
    "epochd_running_swap_bytes", "gauge", "Swapped memory of all processes of the job.", _SLOT, SLOTS
)
RUNNING_SWAP_IN = Series(
    "epochd_running_swap_in_bytes_per_second", "gauge", "Read back from swap on the job's host.", _SLOT, SLOTS
)
RUNNING_SWAP_OUT = Series(
    "epochd_running_swap_out_bytes_per_second", "gauge", "Written to swap on the job's host.", _SLOT, SLOTS
)
RUNNING_STALLED = Series(
    "epochd_running_memory_stalled_ratio",
    "gauge",
    "Share of the time in which some task, or every task, waited for memory where the job runs.",
    ("slot", "degree"),
    SLOTS * len(DEGREES),
)
RUNNING_CUDA = Series(
    "epochd_running_cuda_allocated_bytes", "gauge", "GPU memory that the job's tensors hold.", _SLOT, SLOTS
)
RUNNING_CUDA_PEAK = Series(
    "epochd_running_cuda_peak_bytes", "gauge", "Most GPU memory of tensors in the epoch.", _SLOT, SLOTS
)
RUNNING_CHECKPOINT_BYTES = Series(
    "epochd_running_checkpoint_bytes", "gauge", "Size of the job's newest checkpoint.", _SLOT, SLOTS
)
RUNNING_CHECKPOINT_SECONDS = Series(
    "epochd_running_checkpoint_seconds",
    "gauge",
    "Time from the copy of the state until the newest checkpoint was on the disk.",
    _SLOT,
    SLOTS,
)
RUNNING_UNSAVED = Series(
    "epochd_running_unsaved_seconds",
    "gauge",
    "What a crash would cost: time since the attempt's newest checkpoint, or since it began to train.",
    _SLOT,
    SLOTS,
)
RUNNING_BEYOND_SLOTS = Series(
    "epochd_running_beyond_slots", "gauge", f"Running jobs not shown one by one: those beyond {SLOTS}."
)

WORST_STEP_AGE = Series(
    "epochd_worst_step_age_seconds",
    "gauge",
    "Longest time that a running job which trains, in a slot or not, has stood at its step, seen by scrapes.",
)
LOSSES_NOT_FINITE = Series(
    "epochd_losses_not_finite",
    "gauge",
    "Running jobs, in a slot or not, whose newest loss of train or val is no finite number.",
)
WORST_UNSAVED = Series(
    "epochd_worst_unsaved_seconds",
    "gauge",
    "What a crash would cost of that running job, in a slot or not, which it would cost most.",
)
WORST_SWAP = Series(
    "epochd_worst_swap_bytes_per_second",
    "gauge",
    "Read from and written to swap on the host that swaps most of a running job's, in a slot or not.",
)

_SECONDS = (0.005, 0.025, 0.05, 0.1, 1.0, 5.0)
REQUEST_SECONDS = Series(
    "epochd_request_seconds",
    "histogram",
    "Time from a request to the start of its answer, long polls without their wait.",
    ("call",),
    len(CALLS) * (len(_SECONDS) + len(("+Inf", "sum", "count"))),
    _SECONDS,
)
RESPONSES = Series(
    "epochd_responses_total", "counter", "Answers by class of status.", ("status",), len(STATUS_CLASSES)
)
UNEXPECTED_ERRORS = Series("epochd_unexpected_errors_total", "counter", "Answers with status 500.")


ALL = tuple(item for item in tuple(globals().values()) if isinstance(item, Series))
"""In the order they stand here."""
