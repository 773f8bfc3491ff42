"""Waiting for news of jobs: one look at the database serves every waiter, however many there are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field

from starlette.concurrency import run_in_threadpool

from shared.jobs.status import JobStatus


@dataclass(frozen=True)
class Mark:
    """How far a job was when somebody looked: equal marks mean no news."""

    status: str
    event: int
    """Newest id of its events."""
    point: int
    """Newest id of its metric points."""
    sample: int
    """Newest id of its memory samples."""
    log_bytes: int

    @property
    def final(self) -> bool:
        """The job has ended and says nothing more."""
        return JobStatus(self.status).is_final


def of_points(mark: Mark) -> object:
    """What a reader of metric points waits for."""
    return mark.status, mark.point


def of_samples(mark: Mark) -> object:
    """What a reader of memory samples waits for."""
    return mark.status, mark.sample


def of_everything(mark: Mark) -> object:
    """What a live stream waits for."""
    return mark.status, mark.event, mark.point, mark.log_bytes


Part = Callable[[Mark], object]
"""What of a mark matters to one who waits; others' news do not wake him."""

Look = Callable[[Collection[str]], Mapping[str, Mark]]
"""Job ids -> their marks; a job that is gone has none. Blocks."""

Pause = Callable[[float], Awaitable[None]]


@dataclass
class Watcher:
    """Wakes those who wait for a job. Lives on one event loop."""

    look: Look
    pause: Pause = asyncio.sleep
    every_seconds: float = 0.1
    closing: bool = False
    _waiters: dict[str, set[_Waiter]] = field(default_factory=dict)
    _task: asyncio.Task[None] | None = None

    async def news(self, job_id: str, part: Part, seen: Mark, timeout_seconds: float) -> bool:
        """Wait until that part of the job's mark differs; false when time ran out or the service ends."""
        if self.closing:
            return False
        waiter = _Waiter(part, part(seen), asyncio.get_running_loop().create_future())
        self._waiters.setdefault(job_id, set()).add(waiter)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            return await asyncio.wait_for(waiter.woken, timeout_seconds)
        except TimeoutError:
            return False
        finally:
            self._forget(job_id, waiter)

    def close(self) -> None:
        """Send everybody home, now and from now on."""
        self.closing = True
        for waiter in self._everybody():
            waiter.wake(False)

    async def _watch(self) -> None:
        while self._waiters:
            watched = list(self._waiters)
            try:
                marks = await run_in_threadpool(self.look, watched)
            except Exception as error:
                for waiter in self._everybody():
                    waiter.fail(error)
                return
            for job_id in watched:
                for waiter in self._waiters.get(job_id, ()):
                    waiter.see(marks.get(job_id))
            await self.pause(self.every_seconds)

    def _everybody(self) -> list[_Waiter]:
        return [waiter for waiters in self._waiters.values() for waiter in waiters]

    def _forget(self, job_id: str, waiter: _Waiter) -> None:
        self._waiters[job_id].discard(waiter)
        if not self._waiters[job_id]:
            del self._waiters[job_id]


@dataclass(eq=False)
class _Waiter:
    part: Part
    seen: object
    woken: asyncio.Future[bool]

    def see(self, mark: Mark | None) -> None:
        if mark is None or self.part(mark) != self.seen:
            self.wake(True)

    def wake(self, news: bool) -> None:
        if not self.woken.done():
            self.woken.set_result(news)

    def fail(self, error: Exception) -> None:
        if not self.woken.done():
            self.woken.set_exception(error)
