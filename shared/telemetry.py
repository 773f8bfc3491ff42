"""Every Prometheus series of epochd: name, kind, labels, help. Who fills them imports them from here.

Labels hold words of our own only: statuses, kinds, outcomes, installed workloads, routes, a numbered slot;
never a job id, a name, a path or anything a user typed. So the number of series is bounded: a running job is
shown in one of SLOTS numbered places, keeps it until it ends, and leaves it to the next; the jobs beyond are
counted by RUNNING_BEYOND_SLOTS and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SLOTS = 20
"""Running jobs shown one by one."""

OTHER = "other"
"""The label of a workload that is no longer installed."""


@dataclass(frozen=True)
class Series:
    """One Prometheus metric family."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


JOBS = Series("epochd_jobs", "gauge", "Jobs in the database.", ("status", "kind", "workload"))
QUEUE_DEPTH = Series("epochd_queue_depth", "gauge", "Queued jobs that are due.", ("queue",))
QUEUE_OLDEST = Series(
    "epochd_queue_oldest_seconds", "gauge", "How long the oldest due job has waited.", ("queue",)
)
CANCELS_PENDING = Series("epochd_cancels_pending", "gauge", "Running jobs that were asked to stop.")
ATTEMPTS = Series(
    "epochd_attempts",
    "gauge",
    "Attempts in the database by how they ended; falls as jobs are deleted.",
    ("outcome",),
)
RECOVERIES = Series(
    "epochd_recoveries",
    "gauge",
    "Times a job took fewer samples at once, by what had run out; falls as jobs are deleted.",
    ("cause",),
)
CHECKPOINT_FAILURES = Series(
    "epochd_checkpoint_failures",
    "gauge",
    "Tries to write a checkpoint that disk or memory refused; falls as jobs are deleted.",
)
WORKERS = Series("epochd_workers", "gauge", "Workers by whether they were heard from in time.", ("state",))
WORKER_SLOTS = Series("epochd_worker_slots", "gauge", "Slots of living workers, busy and free.", ("state",))

_RUNNING = ("slot", "kind", "workload")
RUNNING_PROGRESS = Series("epochd_running_progress_ratio", "gauge", "Work done, 0 to 1.", _RUNNING)
RUNNING_EPOCH = Series("epochd_running_epoch", "gauge", "Epoch the job is in.", _RUNNING)
RUNNING_STEP = Series("epochd_running_step", "gauge", "Optimizer steps done.", _RUNNING)
RUNNING_ETA = Series("epochd_running_eta_seconds", "gauge", "Time the job still needs.", _RUNNING)
RUNNING_SPEED = Series("epochd_running_samples_per_second", "gauge", "Samples trained a second.", _RUNNING)
RUNNING_RSS = Series(
    "epochd_running_rss_bytes",
    "gauge",
    "Resident memory of the trainer, of several processes the first.",
    _RUNNING,
)
RUNNING_SWAP = Series(
    "epochd_running_swap_bytes",
    "gauge",
    "Swapped memory of the trainer, of several processes the first.",
    _RUNNING,
)
RUNNING_SWAP_IN = Series(
    "epochd_running_swap_in_bytes_per_second", "gauge", "Read back from swap on the trainer's host.", _RUNNING
)
RUNNING_SWAP_OUT = Series(
    "epochd_running_swap_out_bytes_per_second", "gauge", "Written to swap on the trainer's host.", _RUNNING
)
RUNNING_CUDA = Series(
    "epochd_running_cuda_allocated_bytes", "gauge", "GPU memory the trainer's tensors hold.", _RUNNING
)
RUNNING_CUDA_RESERVED = Series(
    "epochd_running_cuda_reserved_bytes", "gauge", "GPU memory the trainer's allocator holds.", _RUNNING
)
RUNNING_CUDA_PEAK = Series(
    "epochd_running_cuda_peak_bytes", "gauge", "Most GPU memory of tensors in the epoch.", _RUNNING
)
RUNNING_CUDA_RETRIES = Series(
    "epochd_running_cuda_alloc_retries", "gauge", "Allocations that had to empty the cache first.", _RUNNING
)
RUNNING_CUDA_OOMS = Series(
    "epochd_running_cuda_ooms", "gauge", "Allocations that the GPU refused the trainer.", _RUNNING
)
RUNNING_PSS = Series(
    "epochd_running_pss_bytes",
    "gauge",
    "Resident memory of the trainer, shared pages divided; read once a minute.",
    _RUNNING,
)
RUNNING_JOB_PROCESSES = Series(
    "epochd_running_job_processes",
    "gauge",
    "Processes of the job: ranks, their launcher, loader workers.",
    _RUNNING,
)
RUNNING_JOB_RSS = Series(
    "epochd_running_job_rss_bytes",
    "gauge",
    "Resident memory of all processes of the job; shared pages count for each.",
    _RUNNING,
)
RUNNING_JOB_PSS = Series(
    "epochd_running_job_pss_bytes",
    "gauge",
    "Resident memory of all processes of the job, shared pages divided; read once a minute.",
    _RUNNING,
)
RUNNING_JOB_SWAP = Series(
    "epochd_running_job_swap_bytes", "gauge", "Swapped memory of all processes of the job.", _RUNNING
)
RUNNING_JOB_MAJOR_FAULTS = Series(
    "epochd_running_job_major_faults_per_second",
    "gauge",
    "Page faults of all processes of the job that read a disk.",
    _RUNNING,
)
RUNNING_STALLED_SOME = Series(
    "epochd_running_stalled_some_percent", "gauge", "Time in which some task waited for memory.", _RUNNING
)
RUNNING_STALLED_FULL = Series(
    "epochd_running_stalled_full_percent", "gauge", "Time in which every task waited for memory.", _RUNNING
)
RUNNING_MAJOR_FAULTS = Series(
    "epochd_running_major_faults_per_second",
    "gauge",
    "Page faults of the trainer that read a disk.",
    _RUNNING,
)
RUNNING_CGROUP = Series(
    "epochd_running_cgroup_usage_bytes", "gauge", "Memory used in the trainer's cgroup.", _RUNNING
)
RUNNING_CGROUP_LIMIT = Series(
    "epochd_running_cgroup_limit_bytes", "gauge", "Memory limit of the trainer's cgroup.", _RUNNING
)
RUNNING_OOM_KILLS = Series(
    "epochd_running_oom_kills",
    "gauge",
    "OOM kills counted where the trainer lives, since it was made.",
    _RUNNING,
)
RUNNING_BEST = Series(
    "epochd_running_best_value", "gauge", "Best value of the monitored metric so far.", _RUNNING
)
RUNNING_CHECKPOINT_BYTES = Series(
    "epochd_running_checkpoint_bytes", "gauge", "Size of the job's newest checkpoint.", _RUNNING
)
RUNNING_CHECKPOINT_SECONDS = Series(
    "epochd_running_checkpoint_seconds",
    "gauge",
    "Time from the copy of the state until the newest checkpoint was on the disk.",
    _RUNNING,
)
RUNNING_BEYOND_SLOTS = Series(
    "epochd_running_beyond_slots", "gauge", f"Running jobs not shown one by one: those beyond {SLOTS}."
)

REQUEST_SECONDS = Series(
    "epochd_request_seconds",
    "histogram",
    "Time from a request to the start of its answer, long polls without their wait.",
    ("method", "route", "status"),
    (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)
UNEXPECTED_ERRORS = Series("epochd_unexpected_errors", "counter", "Answers with status 500.")
