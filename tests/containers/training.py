"""One training job, left alone or disturbed, and what it comes to."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from tests.containers.curl import Curl, wait
from tests.containers.stack import WORKER, Stack

SPEC = {
    "kind": "train",
    "workload": "celestial",
    "preset": "smoke",
    "data": {"rows": 320},
    "retry": {"max_attempts": 20, "backoff_seconds": 0},
}

TIMED = {"samples_per_second", "data_wait_share"}
"""Series that measure the machine, not the model."""

WORK_SECONDS = 60.0
"""How long a run left alone is to train: long enough to be disturbed four times, on this very machine."""

CHECKPOINTS = 10
END_SECONDS = 600.0
START_SECONDS = 120.0
"""More than a lease, its grace and a start."""


@dataclass(frozen=True)
class Essence:
    """What a run comes to, and must come to however it was disturbed."""

    tensors: dict[str, str]
    """File of the newest checkpoint -> SHA-256: weights, optimizer."""
    history: list[tuple[Any, ...]]
    """Every metric point but those of speed, as the API tells them."""


class Training:
    """Talks to the API by curl, and looks at the files in a worker."""

    def __init__(self, stack: Stack, curl: Curl) -> None:
        self._stack = stack
        self._curl = curl
        self.epochs = 1
        self.every_steps = 1

    def fit(self) -> None:
        """Choose how long to train by the pace of a short run."""
        job_id = self.submit("pace")
        self.await_step(job_id, 1)
        began = time.monotonic()
        steps = self.await_status(job_id, "succeeded")["progress"]["steps"]
        wanted = WORK_SECONDS * (steps - 1) / (time.monotonic() - began)
        self.epochs = max(2, round(wanted / steps))
        self.every_steps = max(1, self.epochs * steps // CHECKPOINTS)

    def submit(self, name: str) -> str:
        # Loader processes: their batches come through the shared memory of the container.
        trainer = {"epochs": self.epochs, "threads": 1, "num_workers": 2}
        checkpoint = {"every_steps": self.every_steps, "keep_last": 2}
        body = {**SPEC, "name": name, "trainer": trainer, "checkpoint": checkpoint}
        job_id: str = self._curl.ask("/jobs", body)["id"]
        return job_id

    def show(self, job_id: str) -> dict[str, Any]:
        job: dict[str, Any] = self._curl.ask(f"/jobs/{job_id}")
        return job

    def cancel(self, job_id: str) -> None:
        self._curl.ask(f"/jobs/{job_id}/cancel", {})

    def resume(self, job_id: str) -> None:
        self._curl.ask(f"/jobs/{job_id}/resume", {})

    def await_step(self, job_id: str, step: int, attempt: int = 1) -> dict[str, Any]:
        """The job, once so many steps are done in that attempt or a later one."""

        def there() -> dict[str, Any] | None:
            job = self.show(job_id)
            assert job["status"] in ("queued", "running"), f"{job['status']}: {job['message']}"
            far = (job["progress"].get("step") or 0) >= step
            return job if job["status"] == "running" and job["attempt"] >= attempt and far else None

        found: dict[str, Any] = wait(f"step {step} of attempt {attempt}", START_SECONDS, there)
        return found

    def await_status(self, job_id: str, status: str) -> dict[str, Any]:
        def there() -> dict[str, Any] | None:
            job = self.show(job_id)
            assert job["status"] in ("queued", "running", status), f"{job['status']}: {job['message']}"
            return job if job["status"] == status else None

        found: dict[str, Any] = wait(f"the status {status}", END_SECONDS, there)
        return found

    def worker_of(self, job: dict[str, Any]) -> str:
        """The container that runs the newest attempt: a worker is called after its host."""
        worker_id = job["attempts"][-1]["worker_id"]
        for container in self._stack.containers(WORKER):
            if worker_id.startswith(container[:12]):
                return container
        raise AssertionError(f"no container of this stack is {worker_id}")

    def essence(self, job_id: str) -> Essence:
        newest = self._curl.ask(f"/jobs/{job_id}/checkpoints")["checkpoints"][0]["id"]
        folder = f"/var/lib/epochd/runs/{job_id}/checkpoints/{newest}"
        lines = self._stack.inside(
            "controller", "sh", "-c", f"cd {folder} && sha256sum *.safetensors"
        ).splitlines()
        tensors = {line.split()[1]: line.split()[0] for line in lines}
        return Essence(tensors, self._history(job_id))

    def _history(self, job_id: str) -> list[tuple[Any, ...]]:
        points: list[dict[str, Any]] = []
        page = self._curl.ask(f"/jobs/{job_id}/metrics?limit=5000")
        while page["points"]:
            points += page["points"]
            page = self._curl.ask(f"/jobs/{job_id}/metrics?limit=5000&after={page['next']}")
        return sorted(
            (point["split"], point["name"], point["epoch"], point["step"], point["value"])
            for point in points
            if point["name"] not in TIMED
        )
