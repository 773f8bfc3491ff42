"""The load: a few small jobs at a time, submitted, watched, cancelled and resumed over HTTP as users do."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import httpx

from shared.jobs.status import FINAL
from tests.nemesis.world import World

SEEDS = (7, 8)
OUTSTANDING = 4
UNAVAILABLE = 503
NOOP: dict[str, Any] = {
    "workload": "noop",
    "trainer": {"threads": 1},
    "retry": {"max_attempts": 200, "backoff_seconds": 0},
}


@dataclass
class Errand:
    """What the load means to do with one job."""

    job: str
    cancel_after_looks: int | None
    resume: bool
    looks: int = 0
    cancelled: bool = False
    resumed: bool = False


@dataclass
class Load:
    """Does a little at each `tick`. A call that meets a dead API is made again, with the same key."""

    world: World
    chance: random.Random
    limit: int | None = None
    """Jobs to submit at most."""
    errands: dict[str, Errand] = field(default_factory=dict)
    submitted: int = 0

    def __post_init__(self) -> None:
        self._client = httpx.Client(base_url=self.world.address, timeout=20)
        self._next: tuple[str, dict[str, Any]] | None = None

    def tick(self, *, more: bool = True) -> None:
        """Keep enough jobs in the works, and go on with each of them."""
        for errand in list(self.errands.values()):
            self._go_on(errand)
        if more and len(self.errands) < OUTSTANDING and self.submitted != self.limit:
            self.submit_one()

    def submit_one(self, body: dict[str, Any] | None = None) -> str | None:
        """Submit a job; its id, or None where the service does not answer now."""
        if self._next is None:
            key = f"nemesis-{self.chance.randrange(2**60)}"
            self._next = (key, body or self._invent())
        key, body = self._next
        answer = self._call("POST", "/jobs", json=body, headers={"Idempotency-Key": key})
        if answer is None or answer.status_code not in (200, 201):
            return None
        self._next, job = None, str(answer.json()["id"])
        self.submitted += 1
        variant = variant_of(body)
        self.world.recorder.say("accepted", job=job, variant=variant)
        self.errands[job] = self._plan(job, resume=variant is not None)
        return job

    def drained(self) -> bool:
        return not self.errands

    def close(self) -> None:
        self._client.close()

    def _invent(self) -> dict[str, Any]:
        if self.chance.random() < 0.2:
            return NOOP
        return brittle(self.chance.choice(SEEDS))

    def _plan(self, job: str, *, resume: bool) -> Errand:
        wants_cancel = self.chance.random() < 0.25
        return Errand(job, self.chance.randrange(1, 60) if wants_cancel else None, resume)

    def _go_on(self, errand: Errand) -> None:
        answer = self._call("GET", f"/jobs/{errand.job}")
        if answer is None or not answer.is_success:
            return
        seen = answer.json()
        status = str(seen["status"])
        errand.looks += 1
        self.world.recorder.say("look", job=errand.job, attempt=seen["attempt"], status=status)
        if status in FINAL:
            self._conclude(errand, status)
        elif errand.cancel_after_looks == errand.looks or (errand.cancelled and not errand.resumed):
            self._cancel(errand)

    def _cancel(self, errand: Errand) -> None:
        self.world.recorder.say("cancel", job=errand.job)
        errand.cancelled = True
        self._call(
            "POST", f"/jobs/{errand.job}/cancel", json={"grace_seconds": self.chance.choice((0, 1, 10))}
        )

    def _conclude(self, errand: Errand, status: str) -> None:
        if status != "cancelled" or not errand.resume:
            del self.errands[errand.job]
            return
        self.world.recorder.say("resume", job=errand.job)
        errand.resumed = True
        self._call("POST", f"/jobs/{errand.job}/resume", json={})

    def _call(self, method: str, path: str, **arguments: Any) -> httpx.Response | None:
        """The answer, or None where there is none; a server error other than 503 is recorded."""
        try:
            answer = self._client.request(method, path, **arguments)
        except httpx.TransportError:
            return None
        if answer.is_server_error and answer.status_code != UNAVAILABLE:
            self.world.recorder.say("server_error", call=f"{method} {path}", code=answer.status_code)
        return answer


def brittle(seed: int, seconds: float = 0.01) -> dict[str, Any]:
    """The body of a job whose end is known."""
    return {
        "workload": "brittle",
        "data": {"sample_seconds": seconds},
        "trainer": {"seed": seed},
    }


def variant_of(body: dict[str, Any]) -> str | None:
    """Which undisturbed run a job must equal; None for a job that is not compared."""
    return f"seed {body['trainer']['seed']}" if body["workload"] == "brittle" else None
