"""The acts of the demo, each a few REST calls: submit, watch, cancel half way, resume, watch to the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
    "trainer": {"epochs": 8},
}
"""Sized so that two cores train it in a few minutes."""

HALF_WAY_PERCENT = 45.0


def play(client: Client, screen: Screen, tell: Tell) -> Story:
    """The whole demo; what was seen of the job on the way. Raises CliError where an act fails."""
    job_id = _submit(client, tell)
    _watch_half(client, job_id, screen, tell)
    cancelled = _cancel(client, job_id, screen, tell)
    final = _resume(client, job_id, screen, tell)
    return Story(cancelled, final, client.get(job_path(job_id, "artifacts"))["artifacts"])


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


def _cancel(client: Client, job_id: str, screen: Screen, tell: Tell) -> Json:
    tell("\n3. Cancelling it: the trainer finishes its step, writes a checkpoint and ends.")
    client.post(job_path(job_id, "cancel"), {})
    job = watch_until(client, job_id, screen, _never)
    progress = job["progress"]
    tell(f"   It is {job['status']}, at step {progress['step']} of {progress['steps']}.")
    if job["status"] != "cancelled":
        raise ServiceFailed(f"the job should be cancelled and is {job['status']}: {job['message']}")
    return job


def _resume(client: Client, job_id: str, screen: Screen, tell: Tell) -> Json:
    tell("\n4. Resuming it: a new attempt goes on from that checkpoint, to the end.")
    client.post(job_path(job_id, "resume"), {})
    return watch_until(client, job_id, screen, _never)


def _never(job: Json) -> bool:  # noqa: ARG001
    return False
