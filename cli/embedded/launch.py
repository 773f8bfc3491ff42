"""The life of embedded mode: start, wait until ready, tend, stop in order. Every edge is an argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cli.embedded.supervisor import Supervisor
from cli.errors import ServiceFailed
from cli.exits import Exit

READY_POLL_SECONDS = 0.05
TEND_SECONDS = 1.0
STOP_POLL_SECONDS = 0.1
READY_LIMIT_SECONDS = 120.0
GRACE_SECONDS = 40.0
"""Long enough for trainers to write a checkpoint."""


class Requests(Protocol):
    """Requests to stop, and the only way this loop waits."""

    count: int

    def wait(self, seconds: float) -> None: ...


@dataclass(frozen=True)
class Edges:
    """Everything the loop touches besides the processes."""

    requests: Requests
    is_ready: Callable[[], bool]
    clock: Callable[[], float]
    tell: Callable[[str], None]


def run(supervisor: Supervisor, url: str, edges: Edges) -> Exit:
    """Run until asked to stop. Raises ServiceFailed where the service does not come up."""
    try:
        supervisor.start()
        if _becomes_ready(supervisor, url, edges):
            supervisor.mark_ready()
            _tend(supervisor, edges)
    finally:
        stubborn = _stop(supervisor, edges)
    if stubborn:
        edges.tell(f"{' and '.join(stubborn)} did not end by itself and was killed")
        return Exit.SERVICE_ERROR
    return Exit.OK


def _becomes_ready(supervisor: Supervisor, url: str, edges: Edges) -> bool:
    began = edges.clock()
    while not edges.requests.count:
        supervisor.tend()
        if edges.is_ready():
            edges.tell(f"epochd is ready at {url} (in {edges.clock() - began:.1f} s)")
            return True
        if edges.clock() - began > READY_LIMIT_SECONDS:
            raise ServiceFailed(f"epochd was not ready within {READY_LIMIT_SECONDS:.0f} s; its logs say why")
        edges.requests.wait(READY_POLL_SECONDS)
    return False


def _tend(supervisor: Supervisor, edges: Edges) -> None:
    while not edges.requests.count:
        supervisor.tend()
        edges.requests.wait(TEND_SECONDS)


def _stop(supervisor: Supervisor, edges: Edges) -> tuple[str, ...]:
    """TERM, wait, KILL; a further request to stop ends the waiting. The names of the killed."""
    if not supervisor.is_gone():
        edges.tell("stopping; running jobs write a checkpoint first (Ctrl-C again kills at once)")
    supervisor.terminate()
    asked, until = edges.requests.count, edges.clock() + GRACE_SECONDS
    while not supervisor.is_gone() and edges.clock() < until and edges.requests.count == asked:
        edges.requests.wait(STOP_POLL_SECONDS)
    return supervisor.kill()
