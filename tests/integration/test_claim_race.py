"""Many claimers, one job each: threads and processes."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable

from sqlalchemy import select

from shared.db import Database, open_database
from shared.errors import Conflict, StaleAttempt
from shared.jobs import store, transitions
from shared.jobs.status import JobStatus, Reason
from shared.models import Attempt
from tests.factories import ROOMY, claim_job, fetch_job, submit_job

CLAIMERS = 32


def test_one_of_thirty_two_claimers_wins_each_job(live_database: Database) -> None:
    jobs = [submit_job(live_database).id for _ in range(20)]
    won: list[str] = []

    def work() -> None:
        while True:
            try:
                job = claim_job(live_database, threading.current_thread().name)
            except Conflict:
                continue
            if job is None:
                return
            won.append(job.id)

    together(CLAIMERS, work)
    assert Counter(won) == Counter(jobs)
    with live_database.read() as session:
        assert all(row.attempt == 1 for row in session.scalars(select(Attempt)))


def test_processes_claim_each_job_once_and_nobody_sees_a_locked_database(live_database: Database) -> None:
    jobs = [submit_job(live_database).id for _ in range(40)]
    url = live_database.engine.url.render_as_string()
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        won = [job_id for taken in pool.map(claim_all, [url] * 4) for job_id in taken]
    assert Counter(won) == Counter(jobs)
    file = live_database.engine.url.database
    assert file is not None
    with sqlite3.connect(file) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    raw.close()


def claim_all(url: str) -> list[str]:
    """What one process could claim. Any error of the database fails the test."""
    database = open_database(url)
    taken: list[str] = []
    while True:
        with database.write() as session:
            job = store.claim_next(session, "process", ("cpu",), ROOMY, database.now(session), 30)
        if job is None:
            database.close()
            return taken
        taken.append(job.id)


def test_the_stale_holder_cannot_finish_after_the_job_was_given_away(database: Database) -> None:
    submit_job(database)
    first = claim_job(database)
    assert first is not None
    with database.write() as session:
        now = database.now(session)
        given_away = transitions.requeue(1, now, Reason.LEASE_EXPIRED, "silent", 0)
        store.apply(session, first.id, given_away, now)
    second = claim_job(database, "worker-2")
    assert second is not None and second.attempt == 2
    refused = 0
    try:
        with database.write() as session:
            store.apply(
                session, first.id, transitions.succeed(1, database.now(session)), database.now(session)
            )
    except StaleAttempt:
        refused += 1
    assert refused == 1
    assert fetch_job(database, first.id).status == JobStatus.RUNNING
    with database.write() as session:
        store.apply(session, first.id, transitions.succeed(2, database.now(session)), database.now(session))
    assert fetch_job(database, first.id).status == JobStatus.SUCCEEDED


def together(count: int, work: Callable[[], None]) -> None:
    """Run `work` in so many threads that all start at the same moment."""
    gate, failures = threading.Barrier(count), list[BaseException]()

    def run() -> None:
        gate.wait()
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
