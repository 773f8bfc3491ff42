"""The tasks: a doorbell that turns into a supervised job, and the canary."""

from __future__ import annotations

from celery import Celery

from shared.broker import CANARY, WORK
from worker.stack.bench import Bench


def add_tasks(app: Celery, bench: Bench) -> None:
    """Register both under their wire names."""

    @app.task(name=WORK)  # type: ignore[untyped-decorator]
    def work(queue: str) -> None:
        """Claim the best due job of the queue that fits, and supervise it to its end in this thread."""
        bench.work(queue)

    @app.task(name=CANARY)  # type: ignore[untyped-decorator]
    def canary() -> None:
        """Tell that this worker's consumer hears."""
        bench.heard()
