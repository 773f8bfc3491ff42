"""One look at the service: the workers, the jobs at work, those that wait and those that ended last."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

Json = dict[str, Any]

MOST_JOBS = 100
"""Running and queued jobs of one look, each."""
MOST_ENDED = 5


class Service(Protocol):
    """What a look needs of the client."""

    def get(self, path: str, **parameters: Any) -> Json: ...


@dataclass(frozen=True)
class Look:
    """What there was to see."""

    workers: list[Json]
    running: list[Json]
    queued: list[Json]
    """The newest first."""
    ended: list[Json]
    more_running: bool
    more_queued: bool
    """There are more than were asked for."""

    @property
    def json(self) -> Json:
        return asdict(self)


def look(service: Service) -> Look:
    """Ask. Raises CliError."""
    workers = service.get("/workers")["workers"]
    running = service.get("/jobs", status="running", limit=MOST_JOBS)
    queued = service.get("/jobs", status="queued", limit=MOST_JOBS)
    ended = service.get("/jobs", status=["succeeded", "failed", "cancelled"], limit=MOST_ENDED)
    return Look(
        workers,
        running["jobs"],
        queued["jobs"],
        ended["jobs"],
        more_running=running["next"] is not None,
        more_queued=queued["next"] is not None,
    )
