"""The lines of `epochd top`. Pure: a look and the time in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cli import figures
from cli.console import table_lines
from cli.top.look import Look

Json = dict[str, Any]

WORKERS = ("WORKER", "STATE", "SLOTS", "CPUS", "MEMORY FREE", "SWAP", "PRESSURE", "GPUS", "LOAD", "HEARD")
JOBS = ("JOB", "STATUS", "WORKLOAD", "NAME", "PROGRESS", "EPOCH", "SPEED", "BEST", "RSS", "SWAP", "TIME")
NAME_WIDTH = 24
BAR_WIDTH = 10


def screen(look: Look, url: str, now: datetime, trouble: str | None = None) -> list[str]:
    """Who runs jobs, and which: the running first, then those that wait, then those that ended last."""
    lines = [_headline(look, url, now)]
    if trouble:
        lines.append(trouble)
    return [*lines, "", *_workers(look.workers, now), "", *_jobs(look, now)]


def _headline(look: Look, url: str, now: datetime) -> str:
    alive = [worker for worker in look.workers if worker["alive"]]
    busy, slots = (sum(worker[name] for worker in alive) for name in ("busy", "slots"))
    running = _count(look.running, look.more_running)
    queued = _count(look.queued, look.more_queued)
    clock = now.astimezone().strftime("%H:%M:%S")
    return (
        f"epochd at {url}  {clock}  {len(alive)} of {len(look.workers)} workers alive  "
        f"slots {busy}/{slots}  jobs {running} running, {queued} queued"
    )


def _count(jobs: Sequence[Json], more: bool) -> str:
    return f"{len(jobs)}+" if more else str(len(jobs))


def _workers(workers: Sequence[Json], now: datetime) -> list[str]:
    if not workers:
        return ["No worker has ever called; start one with: epochd up"]
    return table_lines(WORKERS, [_worker(worker, now) for worker in workers])


def _worker(worker: Json, now: datetime) -> list[str]:
    host = worker["pressure"]
    free, total = host.get("memory_available_bytes"), host.get("memory_total_bytes")
    load = host.get("load_1m")
    return [
        worker["id"],
        "alive" if worker["alive"] else "gone",
        f"{worker['busy']}/{worker['slots']}",
        f"{worker['cpus']:g}",
        figures.UNKNOWN if free is None else f"{figures.size(free)} of {figures.size(total)}",
        figures.size(host.get("swap_used_bytes")),
        _percent(host.get("pressure_some_percent")),
        str(worker["gpus"]),
        figures.UNKNOWN if load is None else f"{load:.2f}",
        f"{figures.age(worker['heartbeat_at'], now)} ago",
    ]


def _percent(share: float | None) -> str:
    return figures.UNKNOWN if share is None else f"{share:.1f} %"


def _jobs(look: Look, now: datetime) -> list[str]:
    jobs = [*look.running, *look.queued, *look.ended]
    if not jobs:
        return ["No jobs yet; hand one in with: epochd submit --workload noop --watch"]
    return table_lines(JOBS, [_job(job, now) for job in jobs])


def _job(job: Json, now: datetime) -> list[str]:
    progress, memory = job["progress"], job["memory"].get("latest", {})
    running = job["status"] == "running"
    epochs, speed = progress["epochs"], progress["samples_per_second"]
    return [
        job["id"],
        "stopping" if running and job["cancel_requested_at"] else job["status"],
        f"{job['workload']}/{job['preset']}",
        _cut(job["name"]),
        figures.bar(progress["percent"], BAR_WIDTH) if running else _percent_done(progress),
        "" if epochs is None else f"{progress['epoch']}/{epochs}",
        f"{speed:.3g}/s" if running and speed is not None else "",
        figures.value(job["best"]["value"]) if job["best"] else "",
        figures.size(figures.of_job(memory, "rss_bytes")) if running and memory else "",
        figures.size(figures.of_job(memory, "swap_bytes")) if running and memory else "",
        _when(job, now),
    ]


def _percent_done(progress: Json) -> str:
    return "" if progress["percent"] is None else f"{progress['percent']:.0f} %"


def _when(job: Json, now: datetime) -> str:
    """What is left of a running job; how long another has been what it is."""
    if job["status"] == "running":
        left = job["progress"]["eta_seconds"]
        return "" if left is None else f"{figures.duration(left)} left"
    since = job["updated_at"] if job["status"] == "queued" else job["finished_at"]
    return f"{figures.age(since, now)} ago"


def _cut(name: str) -> str:
    return name if len(name) <= NAME_WIDTH else name[: NAME_WIDTH - 1] + "…"
