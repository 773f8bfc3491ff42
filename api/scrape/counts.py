"""Jobs, queues, attempts and their mishaps, counted."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from prometheus_client.core import Metric
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, aliased

from api.scrape.family import by_word, family, single
from api.scrape.words import WorkloadWords
from shared import telemetry
from shared.jobs.status import JobStatus, Reason
from shared.models import Attempt, Job, JobEvent


def families(session: Session, words: WorkloadWords, now: datetime) -> list[Metric]:
    """All of them."""
    return [
        _jobs(session, words),
        *_queues(session, now),
        _cancels(session),
        *_attempts(session),
        _retries(session),
        _recoveries(session),
        _checkpoint_failures(session),
    ]


def _jobs(session: Session, words: WorkloadWords) -> Metric:
    rows = session.execute(select(Job.status, Job.workload, func.count()).group_by(Job.status, Job.workload))
    found: Counter[tuple[str, str]] = Counter()
    for status, workload, count in rows:
        found[status, words.label(workload)] += count
    jobs = family(telemetry.JOBS)
    for status in JobStatus:
        for label in words.labels:
            jobs.add_metric((status, label), found[status, label])
    return jobs


def _queues(session: Session, now: datetime) -> list[Metric]:
    rows = session.execute(
        select(Job.queue, func.count(), func.min(Job.due_at))
        .where(Job.status == JobStatus.QUEUED, Job.due_at <= now)
        .group_by(Job.queue)
    ).all()
    return [
        by_word(telemetry.QUEUE_DEPTH, telemetry.QUEUES, {queue: count for queue, count, _ in rows}),
        by_word(
            telemetry.QUEUE_OLDEST,
            telemetry.QUEUES,
            {queue: (now - due).total_seconds() for queue, _, due in rows},
        ),
    ]


def _cancels(session: Session) -> Metric:
    asked = Job.cancel_requested_at.is_not(None)
    pending = select(func.count()).where(Job.status == JobStatus.RUNNING, asked)
    return single(telemetry.CANCELS_PENDING, session.scalar(pending) or 0)


def _attempts(session: Session) -> list[Metric]:
    rows = session.execute(
        select(Attempt.outcome, func.count(), func.max(Attempt.ended_at)).group_by(Attempt.outcome)
    ).all()
    found = {telemetry.RUNNING if outcome is None else outcome: count for outcome, count, _ in rows}
    ended = {outcome: moment for outcome, _, moment in rows if moment is not None}
    failed = ended.get(Reason.NON_FINITE_LOSS)
    return [
        by_word(telemetry.ATTEMPTS, telemetry.OUTCOMES, found),
        single(telemetry.LOSS_FAILED_AT, 0 if failed is None else failed.timestamp()),
    ]


def _retries(session: Session) -> Metric:
    before = aliased(Attempt)
    rows = session.execute(
        select(before.outcome, func.count())
        .join_from(
            Attempt, before, (before.job_id == Attempt.job_id) & (before.attempt == Attempt.attempt - 1)
        )
        .where(Attempt.attempt > 1)
        .group_by(before.outcome)
    )
    found: Counter[str] = Counter()
    for outcome, count in rows:
        found[outcome if outcome in telemetry.RETRY_REASONS else telemetry.ASKED] += count
    return by_word(telemetry.RETRIES, telemetry.RETRY_REASONS, found)


def _recoveries(session: Session) -> Metric:
    # Taken apart by the database: ten thousand of them cost it a third of what they cost here.
    cause = JobEvent.data["cause"].as_string()
    rows = session.execute(select(cause, func.count()).where(text("type = 'recovered'")).group_by(cause))
    found: Counter[str] = Counter()
    for told, count in rows:
        found[telemetry.OTHER if told is None else told] += count
    return by_word(telemetry.RECOVERIES, telemetry.RECOVERY_CAUSES, found)


def _checkpoint_failures(session: Session) -> Metric:
    counted = select(func.count()).select_from(JobEvent).where(text("type = 'checkpoint_failed'"))
    return single(telemetry.CHECKPOINT_FAILURES, session.scalar(counted) or 0)
