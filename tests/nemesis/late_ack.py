"""The usual recipe, known to be bad: the message is the job, acked late, with a short visibility timeout.

A worker that is handed a job's id runs it: there is no claim to lose, no attempt to be replaced and no lock
to find taken. So a job that takes longer than the timeout is delivered again, and runs beside itself.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from tests.nemesis.sabotage import VARIABLE, drop_lock

LATE_ACK = "late-ack"
VISIBILITY_SECONDS = 5


def install(environ: Mapping[str, str], *, is_service: bool) -> None:
    """Spoil this process, where its environment asks for that. For processes of the stack only."""
    if environ.get(VARIABLE) != LATE_ACK:
        return
    drop_lock()
    if not is_service:
        return
    os.environ["EPOCHD_FALLBACK_POLL_SECONDS"] = "3600"  # the recipe has nobody who looks for himself
    _acknowledge_late()
    _send_job()
    _run_what_came()


def _acknowledge_late() -> None:
    from kombu.transport.redis import QoS

    from shared import broker

    settings, restore = broker.celery_settings, QoS.restore_visible

    def bad_settings(url: str) -> Mapping[str, Any]:
        good = settings(url)
        waits = {**good["broker_transport_options"], "visibility_timeout": VISIBILITY_SECONDS}
        return {**good, "task_acks_late": True, "broker_transport_options": waits}

    def restore_often(self: QoS, *arguments: Any, **options: Any) -> None:
        # Otherwise it looks every hundred seconds only, and a test would have to wait for that.
        restore(self, *arguments, **{**options, "interval": 1})

    broker.celery_settings = bad_settings
    QoS.restore_visible = restore_often


def _send_job() -> None:
    """The dispatcher sends the job's id; rings for a queue are nobody's business."""
    from api.maintenance.dispatcher import Dispatcher
    from shared.broker import QUEUES, WORK, Broker
    from shared.jobs.dispatch import Waiting

    def ring(self: Broker, job: str) -> None:
        if job not in QUEUES:
            self._publish(WORK, (job,), "cpu")

    stamp_and_ring = Dispatcher._ring_for

    def ring_for(self: Dispatcher, job: Waiting) -> bool:
        return stamp_and_ring(self, replace(job, queue=job.id))

    Broker.ring, Dispatcher._ring_for = ring, ring_for  # type: ignore[method-assign,assignment]


def _run_what_came() -> None:
    from worker.stack.bench import Bench

    def work(self: Bench, job_id: str) -> None:
        station = self._station
        assert station is not None
        database, lease_seconds = station.room.database, station.settings.lease_seconds

        def begin(_free: Any) -> Any:
            with database.write() as session:
                now = database.now(session)
                return _begin(session, job_id, station.presence.worker_id, now, lease_seconds)

        placed = station.slots.take(begin)
        if placed is not None:
            station.slots.occupy(placed)

    Bench.work = work  # type: ignore[method-assign,assignment]


def _begin(session: Session, job_id: str, owner: str, now: datetime, lease_seconds: float) -> Any:
    """The job, whether somebody runs it or not."""
    from shared.jobs import store, transitions
    from shared.jobs.status import JobStatus

    job = store.find(session, job_id)
    if JobStatus(job.status).is_final:
        return None
    if job.status == JobStatus.QUEUED:
        until = now + timedelta(seconds=lease_seconds)
        store.apply(session, job_id, transitions.claim(job.attempt, owner, now, until), now)
    return store.find(session, job_id)
