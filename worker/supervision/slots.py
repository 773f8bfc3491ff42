"""A worker's slots: which jobs run in which threads and on which GPUs, and what is still free."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.jobs.store import Capacity
from shared.models import Job
from worker.protocol import ExitCode

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Placed:
    """A claimed job and the GPUs that are its own while it runs."""

    job: Job
    gpus: tuple[str, ...]


@dataclass
class Slots:
    """Gives claimed jobs a place, up to `count` at once, whichever threads claim and run them."""

    count: int
    total: Capacity
    run: Callable[[Placed], int | None]
    """Supervises one attempt to its end, and gives the exit code of its trainer."""
    freed: Callable[[Placed], None]
    """Called when a slot became free."""
    devices: tuple[str, ...] = ()
    """The GPUs, as CUDA_VISIBLE_DEVICES names them; as many as `total` says."""
    _gpus_unusable: bool = False
    _running: list[Placed] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _claiming: threading.Lock = field(default_factory=threading.Lock)

    def free(self) -> Capacity | None:
        """What another job could use; None while every slot is taken."""
        running = self.running()
        if len(running) >= self.count:
            return None
        return Capacity(
            max(0, self.offered_gpus() - sum(placed.job.need_gpus for placed in running)),
            self.total.cpus - sum(placed.job.need_cpus for placed in running) + 1e-9,
            self.total.memory_gib - sum(placed.job.need_memory_gib for placed in running) + 1e-9,
        )

    def take(self, claim: Callable[[Capacity], Job | None]) -> Placed | None:
        """Have `claim` take a job that fits what is free, and keep a place for it; one thread at a time.

        Who takes a place runs it: `start` or `occupy`.
        """
        with self._claiming:
            free = self.free()
            job = None if free is None else claim(free)
            if job is None:
                return None
            with self._changed:
                placed = Placed(job, self._unused_devices()[: job.need_gpus])
                self._running.append(placed)
            return placed

    def running(self) -> tuple[Placed, ...]:
        """What runs now."""
        with self._changed:
            return tuple(self._running)

    def offered_gpus(self) -> int:
        """How many GPUs jobs may take, free or not."""
        return 0 if self._gpus_unusable else self.total.gpus

    def start(self, placed: Placed) -> None:
        """Run it in a thread of its own."""
        threading.Thread(target=self.occupy, args=(placed,), name=f"job-{placed.job.id}").start()

    def occupy(self, placed: Placed) -> None:
        """Run it in this thread, to its end."""
        try:
            self._heed(self.run(placed), placed)
        except Exception:
            # The lease runs out and the reaper queues the job again; the other slots go on.
            log.exception("a supervisor died", extra={"job_id": placed.job.id, "attempt": placed.job.attempt})
        finally:
            with self._changed:
                self._running.remove(placed)
                self._changed.notify_all()
            self.freed(placed)

    def join(self) -> None:
        """Wait until every slot is free."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running)

    def _heed(self, exit_code: int | None, placed: Placed) -> None:
        """A machine that cannot use its GPUs fails a job in seconds, and would go on to take all others."""
        if exit_code != ExitCode.GPU_UNUSABLE:
            return
        self._gpus_unusable = True  # before the place is free
        log.error(
            "no GPU is offered any more: torch could use none; see to the driver and restart this worker",
            extra={"job_id": placed.job.id, "attempt": placed.job.attempt},
        )

    def _unused_devices(self) -> tuple[str, ...]:
        used = {device for placed in self._running for device in placed.gpus}
        return tuple(device for device in self.devices if device not in used)
