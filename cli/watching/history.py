"""A job's history in sentences: what a watcher wants to hear of checkpoints, recoveries and resumes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cli import figures

Json = dict[str, Any]


def sentences(events: Sequence[Json]) -> list[str]:
    """What these lines of the history say; of several checkpoints at once only the newest is told."""
    written = [event["id"] for event in events if event["type"] == "checkpoint"]
    old = set(written[:-1])
    told = (_sentence(event) for event in events if event["id"] not in old)
    return [sentence for sentence in told if sentence]


def _sentence(event: Json) -> str:
    say = _SAY.get(event["type"])
    return say(event["data"]) if say else ""


def _checkpoint(data: Json) -> str:
    best = ", the best so far" if data["best"] else ""
    return f"checkpoint at step {data['step']} (epoch {data['epoch']}), {figures.size(data['bytes'])}{best}"


def _resumed(data: Json) -> str:
    """Nothing of an attempt that began at the beginning, and of the request, which the status tells."""
    if not data.get("checkpoint"):
        return ""
    exact = "exactly" if data["exact"] else f"not exactly: {data['why']}"
    return f"went on from {data['checkpoint']} (step {data['step']}), {exact}"


def _requeued(data: Json) -> str:
    why = data.get("message") or str(data.get("reason")).replace("_", " ")
    return f"queued again: {why}"


_SAY: Mapping[str, Callable[[Json], str]] = {
    "checkpoint": _checkpoint,
    "checkpoint_failed": lambda data: f"no checkpoint at step {data['step']}: {data['why']}",
    "checkpoint_bad": lambda data: f"checkpoint {data['id']} cannot be used: {data['why']}",
    "resumed": _resumed,
    "recovered": lambda data: f"recovered: {data['why']}",
    "requeued": _requeued,
    "warning": lambda data: f"warning: {data['message']}",
}
