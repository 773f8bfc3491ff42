"""The acts of the demo, each a few REST calls: submit, watch, cancel half way, resume, watch to the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cli import figures
from cli.client import Client, job_path
from cli.demo.proof import Story
from cli.errors import ServiceFailed
from cli.verbs.submit import curl_line
from cli.watching.screens import Screen
from cli.watching.watch import watch_until

Json = dict[str, Any]
Tell = Callable[[str], None]

SPEC: Json = {
    "workload": "celestial",
    "preset": "medium",
    "name": "demo",
    "tags": ["demo"],
    "data": {"rows": 1000, "seq_len": 64, "label_len": 32},
    "trainer": {"epochs": 12},
}
"""Sized so that two cores train it in a few minutes."""

HALF_WAY_PERCENT = 45.0


def play(client: Client, screen: Screen, tell: Tell) -> Story:
    """The whole demo; what was seen of the job on the way. Raises CliError where an act fails."""
    job_id = _submit(client, tell)
    _watch_half(client, job_id, screen, tell)
    _cancel(client, job_id, screen, tell)
    checkpoint = _newest_checkpoint(client, job_id, tell)
    final = _resume(client, job_id, screen, tell)
    return Story(checkpoint, final, client.get(job_path(job_id, "artifacts"))["artifacts"])


def _submit(client: Client, tell: Tell) -> str:
    tell("1. Submitting a job through the REST API, as this curl line would:")
    tell(f"   {curl_line(client.url, SPEC)}")
    job = client.post("/jobs", SPEC)
    tell(f"   It is job {job['id']}.")
    return str(job["id"])


def _watch_half(client: Client, job_id: str, screen: Screen, tell: Tell) -> None:
    tell("\n2. Watching it train. Half way it will be cancelled.")
    job = watch_until(client, job_id, screen, is_half_done)
    if not is_half_done(job):
        raise ServiceFailed(f"the job {job['status']} before it was half done: {job['message']}")


def is_half_done(job: Json) -> bool:
    """Whether it is time to cancel: in training, far enough that a resume has something to go on from."""
    progress = job["progress"]
    return progress["stage"] == "train" and (progress["percent"] or 0.0) >= HALF_WAY_PERCENT


def _cancel(client: Client, job_id: str, screen: Screen, tell: Tell) -> None:
    tell("\n3. Cancelling it: the trainer finishes its step, writes a checkpoint and ends.")
    client.post(job_path(job_id, "cancel"), {})
    job = watch_until(client, job_id, screen, _never)
    if job["status"] != "cancelled":
        raise ServiceFailed(f"the job should be cancelled and is {job['status']}: {job['message']}")


def _newest_checkpoint(client: Client, job_id: str, tell: Tell) -> Json:
    kept: list[Json] = client.get(job_path(job_id, "checkpoints"))["checkpoints"]
    ready = [checkpoint for checkpoint in kept if checkpoint["state"] == "ready"]
    if not ready:
        raise ServiceFailed("the cancelled job left no checkpoint")
    tell(f"   It is cancelled; {ready[0]['id']} holds everything, {figures.size(ready[0]['bytes'])}.")
    return ready[0]


def _resume(client: Client, job_id: str, screen: Screen, tell: Tell) -> Json:
    tell("\n4. Resuming it: a new attempt goes on from that checkpoint, to the end.")
    client.post(job_path(job_id, "resume"), {})
    return watch_until(client, job_id, screen, _never)


def _never(job: Json) -> bool:  # noqa: ARG001
    return False
