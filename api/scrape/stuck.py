"""How long jobs have waited that no worker takes, which is another thing than a wait for a turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from prometheus_client.core import Metric
from sqlalchemy import case, false, func, not_, or_, select
from sqlalchemy.orm import Session

from api.scrape.family import by_word
from api.scrape.rows import RunningRow
from shared import telemetry
from shared.jobs.dispatch import due, fits_in, vacancies, whole
from shared.models import Job, Worker

_Waits = Iterator[tuple[str, float]]
"""(queue, seconds)"""


def families(
    session: Session, rows: Sequence[RunningRow], alive_since: datetime, now: datetime
) -> list[Metric]:
    """One, 0 for a queue whose jobs run or will have their turn."""
    waits = dict(_stuck(session, _newest_starts(rows), alive_since, now))
    return [by_word(telemetry.QUEUE_STUCK, telemetry.QUEUES, waits)]


def _newest_starts(rows: Sequence[RunningRow]) -> Mapping[str, datetime]:
    """Queue -> when the newest of its running jobs began."""
    oldest_first = sorted(rows, key=lambda row: row.job.began_at)
    return {row.job.queue: row.job.began_at for row in oldest_first}


def _stuck(session: Session, started: Mapping[str, datetime], alive_since: datetime, now: datetime) -> _Waits:
    workers = session.scalars(select(Worker).where(Worker.heartbeat_at >= alive_since)).all()
    offered = {whole(worker) for worker in workers}
    free = {place for place in vacancies(session, alive_since) if place.slots > 0}
    never = not_(or_(false(), *map(fits_in, offered)))
    at_once = or_(false(), *map(fits_in, free))
    oldest = func.min(case((never, Job.due_at))), func.min(case((at_once, Job.due_at)))
    for queue, hopeless, startable in session.execute(
        select(Job.queue, *oldest).where(*due(now)).group_by(Job.queue)
    ):
        # While jobs of the queue start, there is always some room for a moment: that is a turn, not a jam.
        passed_over = None if startable is None else max(startable, started.get(queue, startable))
        since = [moment for moment in (hopeless, passed_over) if moment is not None]
        yield queue, max(((now - moment).total_seconds() for moment in since), default=0)
