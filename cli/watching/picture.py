"""What is known of a watched job, and the lines that show it. Pure: updates in, text out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cli import figures
from cli.watching import history
from cli.watching.epochs import Epochs
from cli.watching.follow import Update

Json = dict[str, Any]

LAST_TOLD = 3
"""Lines of the history in the panel."""
MOST_COMPONENTS = 6


@dataclass
class Picture:
    """The newest state of a job, its curves and its history."""

    job: Json = field(default_factory=dict)
    epochs: Epochs = field(default_factory=Epochs)
    told: list[str] = field(default_factory=list)
    """The history in sentences."""
    trouble: str | None = None

    def take(self, update: Update) -> None:
        """Add what one look brought."""
        self.trouble = update.trouble
        if update.job is not None:
            self.job = update.job
        self.told += history.sentences(update.events)
        for point in (*update.train, *update.val):
            self.epochs.add(point)
        for event in update.events:
            if event["type"] == "resumed" and "step" in event["data"]:  # a mere request to resume names none
                self.epochs.rewind(event["attempt"], event["data"]["step"])


def panel(picture: Picture) -> list[str]:
    """Ten lines at most: who, how far, the curves, memory, what happened, and trouble where there is any."""
    job = picture.job
    lines = [_headline(job), _progress(job)]
    lines += [line for name, curve in _curves(picture) if (line := _curve(name, curve))]
    lines += [line for line in (_components(picture), _best(job), _memory(job)) if line]
    lines += picture.told[-LAST_TOLD:]
    if job.get("message") and job["status"] != "running":
        lines.append(job["message"])
    if job.get("waiting") and job.get("attempt"):
        lines.append(job["waiting"])
    if picture.trouble:
        lines.append(picture.trouble)
    return lines


def epoch_line(picture: Picture, epoch: int) -> str:
    """All there is to say of one finished epoch, in one line."""
    progress = picture.job.get("progress") or {}
    train, val = picture.epochs.train, picture.epochs.val
    parts = [
        f"epoch {epoch}/{progress.get('epochs', '?')}",
        f"train {figures.value(train.get(epoch))}",
        f"val {figures.value(val[epoch])}" if epoch in val else "",
        _components(picture) if epoch == max(val, default=None) else "",
        _best(picture.job),
        _speed(progress),
        f"ETA {figures.duration(progress.get('eta_seconds'))}",
        _memory(picture.job),
    ]
    return "  ".join(part for part in parts if part)


def status_line(job: Json) -> str:
    """Where the job stands: status, stage, attempt, and the reason where there is one."""
    stage = (job.get("progress") or {}).get("stage")
    parts = [job["status"]]
    if job["status"] == "running" and stage:
        parts.append(stage)
    if job.get("cancel_requested_at") and job["status"] == "running":
        parts.append("cancel requested")
    if job.get("waiting") and not job.get("attempt"):
        parts.append(job["waiting"])
    if job.get("attempt"):
        parts.append(f"attempt {job['attempt']}")
    if job.get("reason") and job["status"] != "running":
        parts.append(str(job["reason"]).replace("_", " "))
    return " · ".join(parts)


def _headline(job: Json) -> str:
    name = f"  {job['name']}" if job.get("name") else ""
    return f"{job['id']}  {job['workload']}/{job['preset']}{name}  {status_line(job)}"


def _progress(job: Json) -> str:
    progress = job.get("progress") or {}
    parts = [figures.bar(progress.get("percent"))]
    if progress.get("epochs"):
        parts.append(f"epoch {progress.get('epoch', 0)}/{progress['epochs']}")
        parts.append(f"step {progress.get('step', 0)}/{progress.get('steps', '?')}")
        parts.append(_speed(progress))
        parts.append(f"ETA {figures.duration(progress.get('eta_seconds'))}")
    return "  ".join(part for part in parts if part)


def _speed(progress: Json) -> str:
    speed = progress.get("samples_per_second")
    return "" if speed is None else f"{speed:.3g} samples/s"


def _curves(picture: Picture) -> list[tuple[str, dict[int, float | None]]]:
    return [("train", picture.epochs.train), ("val", picture.epochs.val)]


def _curve(name: str, curve: dict[int, float | None]) -> str:
    numbers = [number for _, number in sorted(curve.items()) if number is not None]
    if not numbers:
        return ""
    return f"{name:<6} {figures.sparkline(numbers)}  {figures.value(numbers[-1])}"


def _components(picture: Picture) -> str:
    shown = sorted(picture.epochs.components.items())[:MOST_COMPONENTS]
    return "parts  " + "  ".join(f"{name} {figures.value(value)}" for name, value in shown) if shown else ""


def _best(job: Json) -> str:
    best = job.get("best")
    return f"best {figures.value(best['value'])} (epoch {best['epoch']})" if best else ""


def _memory(job: Json) -> str:
    memory = job.get("memory") or {}
    latest, peak = memory.get("latest") or {}, memory.get("peak") or {}
    resident = figures.of_job(latest, "rss_bytes")
    if resident is None:
        return ""
    most = peak.get("job_rss_bytes", peak.get("rss_peak_bytes", peak.get("rss_bytes")))
    parts = [
        f"RSS {figures.size(resident)}",
        f"peak {figures.size(most)}",
        f"swap {figures.size(figures.of_job(latest, 'swap_bytes'))}",
    ]
    swapping = [latest.get(f"swap_{way}_bytes_per_second") or 0.0 for way in ("in", "out")]
    if any(swapping):
        parts.append(f"in {figures.size(swapping[0])}/s out {figures.size(swapping[1])}/s")
    if "cuda_allocated_bytes" in latest:
        parts.append(
            f"GPU {figures.size(latest['cuda_allocated_bytes'])} peak {figures.size(peak['cuda_peak_bytes'])}"
        )
    return " ".join(parts)
