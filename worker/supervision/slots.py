"""A worker's slots: which jobs run in which threads, and what is still free."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.jobs.store import Capacity
from shared.models import Job

log = logging.getLogger(__name__)


@dataclass
class Slots:
    """Runs each claimed job in a thread of its own, up to `count` at once."""

    count: int
    total: Capacity
    run: Callable[[Job], None]
    """Supervises one attempt to its end."""
    freed: Callable[[], None]
    """Called when a slot became free."""
    _running: dict[threading.Thread, Job] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def free(self) -> Capacity | None:
        """What another job could use; None while every slot is taken."""
        with self._lock:
            if len(self._running) >= self.count:
                return None
            jobs = list(self._running.values())
        return Capacity(
            self.total.gpus - sum(job.need_gpus for job in jobs),
            self.total.cpus - sum(job.need_cpus for job in jobs) + 1e-9,
            self.total.memory_gib - sum(job.need_memory_gib for job in jobs) + 1e-9,
        )

    def start(self, job: Job) -> None:
        thread = threading.Thread(target=self._occupy, args=(job,), name=f"job-{job.id}")
        with self._lock:
            self._running[thread] = job
        thread.start()

    def join(self) -> None:
        """Wait until every slot is free."""
        while True:
            with self._lock:
                threads = list(self._running)
            if not threads:
                return
            for thread in threads:
                thread.join()

    def _occupy(self, job: Job) -> None:
        try:
            self.run(job)
        except Exception:
            # The lease runs out and the reaper queues the job again; the other slots go on.
            log.exception("a supervisor died", extra={"job_id": job.id, "attempt": job.attempt})
        finally:
            with self._lock:
                del self._running[threading.current_thread()]
            self.freed()
