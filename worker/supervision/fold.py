"""From a trainer's messages to rows: what one stretch of an events file means for the database. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from worker.protocol import Message

_TOLD = frozenset(
    {
        "started", "resumed", "stage", "best", "checkpoint", "checkpoint_gone", "checkpoint_bad",
        "checkpoint_failed", "checkpoint_way", "checkpoint_interval", "estimate", "plan", "recovered",
        "guard",
        "warning", "failed", "finished",
    }
)  # fmt: skip
"""Messages that become lines of the job's history."""


@dataclass
class Fold:
    """Rows and column values of some messages of one attempt."""

    job_id: str
    attempt_number: int
    points: list[dict[str, Any]] = field(default_factory=list)
    memory: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    found_checkpoints: list[dict[str, Any]] = field(default_factory=list)
    """Written down only where they are not known yet."""
    checkpoint_states: dict[str, str] = field(default_factory=dict)
    """Checkpoint id -> deleted or corrupt."""
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    estimate: dict[str, Any] | None = None
    """Of memory, said before the first step."""
    job: dict[str, Any] = field(default_factory=dict)
    """Columns of the job."""
    attempt: dict[str, Any] = field(default_factory=dict)
    """Columns of the attempt."""
    rewind_step: int | None = None
    """The attempt went on from this step: later points of earlier attempts are void."""
    failure: tuple[str, str] | None = None
    finished: bool = False
    moved: bool = False
    """Something else than memory samples was said: the loop itself is alive."""


def fold(job_id: str, attempt: int, messages: Iterable[Message]) -> Fold:
    """Fold messages in the order they were said. One without its fields becomes a warning."""
    folded = Fold(job_id, attempt)
    for message in messages:
        try:
            _take(folded, message)
        except KeyError as missing:
            _take(folded, _incomplete(message, missing))
    return folded


def _take(folded: Fold, message: Message) -> None:
    type_ = message["type"]
    where = {"job_id": folded.job_id, "attempt": folded.attempt_number}
    folded.moved = folded.moved or type_ != "memory"
    if type_ in _TOLD:
        folded.events.append({**where, "type": type_, "data": _data(message), "time": _moment(message)})
    if type_ == "points":
        folded.points.extend(_points(where, message))
    elif type_ == "memory":
        row = {"step": message["step"], "sample": message["sample"], "time": message["time"]}
        folded.memory.append({**where, **row})
    elif type_ in _HANDLERS:
        _HANDLERS[type_](folded, where, message)


def _incomplete(message: Message, missing: KeyError) -> Message:
    text = f"the trainer sent a {message['type'][:40]!r} message without {missing}"
    return {"type": "warning", "time": message["time"], "code": "bad_message", "message": text}


def _points(where: dict[str, Any], message: Message) -> Iterable[dict[str, Any]]:
    at = {
        "epoch": message["epoch"],
        "step": message["step"],
        "split": message["split"],
        "time": message["time"],
    }
    return ({**where, **at, "name": name, "value": value} for name, value in message["values"].items())


def _started(folded: Fold, _where: dict[str, Any], message: Message) -> None:
    folded.attempt["pid"] = message["pid"]


def _resumed(folded: Fold, _where: dict[str, Any], message: Message) -> None:
    folded.rewind_step = message["step"]
    folded.attempt |= {
        "resumed_from": message["checkpoint"],
        "resumed_step": message["step"],
        "exact": message["exact"],
        "exact_why": message["why"],
    }


def _estimate(folded: Fold, _where: dict[str, Any], message: Message) -> None:
    folded.estimate = _data(message)


def _plan(folded: Fold, _where: dict[str, Any], message: Message) -> None:
    folded.job["adjustments"] = message["adjustments"]


def _recovered(folded: Fold, _where: dict[str, Any], message: Message) -> None:
    folded.job["adjustments"] = message["adjustments"]
    folded.attempt |= {"exact": message["exact"], "exact_why": message["why"]}


def _stage(folded: Fold, _where: dict[str, Any], message: Message) -> None:
    folded.job["progress"] = {**folded.job.get("progress", {}), "stage": message["name"]}


def _progress(folded: Fold, _where: dict[str, Any], message: Message) -> None:
    folded.job["progress"] = {**folded.job.get("progress", {}), **_data(message)}


def _best(folded: Fold, _where: dict[str, Any], message: Message) -> None:
    folded.job["best"] = _data(message)


def _checkpoint(folded: Fold, where: dict[str, Any], message: Message) -> None:
    # From here on the newest is what to go on from, even where the attempt began at the best or a chosen one.
    folded.job |= {"checkpoint_step": message["step"], "resume_from": "last"}
    folded.checkpoints.append(_checkpoint_row(where, message) | {"seconds": message.get("seconds")})


def _checkpoint_found(folded: Fold, where: dict[str, Any], message: Message) -> None:
    writer = {**where, "attempt": message["attempt"]}
    folded.found_checkpoints.append(_checkpoint_row(writer, message))


def _checkpoint_row(where: dict[str, Any], message: Message) -> dict[str, Any]:
    columns = {key: message[key] for key in ("id", "epoch", "step", "bytes", "sha256", "best")}
    return {**where, **columns, "state": "ready", "created_at": _moment(message)}


def _checkpoint_gone(folded: Fold, _where: dict[str, Any], message: Message) -> None:
    folded.checkpoint_states[message["id"]] = "deleted"


def _checkpoint_bad(folded: Fold, _where: dict[str, Any], message: Message) -> None:
    folded.checkpoint_states[message["id"]] = "corrupt"


def _artifact(folded: Fold, where: dict[str, Any], message: Message) -> None:
    opaque = hashlib.sha256(f"{where['job_id']}/{message['path']}".encode()).hexdigest()[:20]
    columns = {key: message[key] for key in ("path", "media_type", "bytes", "sha256")}
    folded.artifacts.append({**where, "id": opaque, **columns, "created_at": _moment(message)})


def _failed(folded: Fold, _where: dict[str, Any], message: Message) -> None:
    folded.failure = (message["code"], message["message"])


def _finished(folded: Fold, _where: dict[str, Any], message: Message) -> None:
    folded.finished = True
    folded.job["results"] = message["results"]


_HANDLERS = {
    "started": _started,
    "resumed": _resumed,
    "estimate": _estimate,
    "plan": _plan,
    "recovered": _recovered,
    "stage": _stage,
    "progress": _progress,
    "best": _best,
    "checkpoint": _checkpoint,
    "checkpoint_found": _checkpoint_found,
    "checkpoint_gone": _checkpoint_gone,
    "checkpoint_bad": _checkpoint_bad,
    "artifact": _artifact,
    "failed": _failed,
    "finished": _finished,
}


def _data(message: Message) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key not in ("type", "time", "results")}


def _moment(message: Message) -> datetime:
    return datetime.fromtimestamp(message["time"], UTC)
