"""Many claimers, one job each: threads and processes."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable

from sqlalchemy import select, text

from shared.db import Database, open_database
from shared.errors import Conflict, StaleAttempt
from shared.jobs import store, transitions
from shared.jobs.status import JobStatus, Reason
from shared.models import Attempt, Job
from tests.factories import ROOMY, claim_job, fetch_job, submit_job

CLAIMERS = 32


def test_one_of_thirty_two_claimers_wins_each_job(any_live_database: Database) -> None:
    jobs = [submit_job(any_live_database).id for _ in range(20)]
    won: list[str] = []

    def work() -> None:
        while True:
            try:
                job = claim_job(any_live_database, threading.current_thread().name)
            except Conflict:
                continue
            if job is None:
                return
            won.append(job.id)

    together(CLAIMERS, work)
    assert Counter(won) == Counter(jobs)
    with any_live_database.read() as session:
        assert all(row.attempt == 1 for row in session.scalars(select(Attempt)))


def test_processes_claim_each_job_once_and_nobody_sees_a_locked_database(any_live_database: Database) -> None:
    jobs = [submit_job(any_live_database).id for _ in range(40)]
    url = any_live_database.engine.url.render_as_string(hide_password=False)
    context = multiprocessing.get_context("spawn")
    with context.Pool(4) as pool:
        won = [job_id for taken in pool.map(claim_all, [url] * 4) for job_id in taken]
    assert Counter(won) == Counter(jobs)
    if any_live_database.engine.dialect.name == "sqlite":
        with any_live_database.read() as session:
            assert session.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"


def test_two_hundred_writers_killed_while_they_write_leave_a_sound_file_and_no_job_claimed_twice(
    live_database: Database,
) -> None:
    url = live_database.engine.url.render_as_string()
    argv = [sys.executable, "-m", "tests.integration.kill_writers", url, "200", "8"]
    done = json.loads(subprocess.run(argv, check=True, stdout=subprocess.PIPE).stdout)
    told: dict[str, list[tuple[str, str]]] = {"submitted": [], "claimed": [], "finished": [], "error": []}
    for kind, writer, what in done["told"]:
        told[kind].append((what, writer))
    assert told["error"] == []
    assert done["killed"] == 200 and len(told["claimed"]) > 100
    while claim_job(live_database, "the last") is not None:
        pass
    with live_database.read() as session:
        assert session.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
        jobs = {job.id: job.status for job in session.scalars(select(Job))}
        owners = [(row.job_id, row.worker_id) for row in session.scalars(select(Attempt))]
    assert len(owners) == len(jobs) == len(dict(owners))
    assert {job for job, _ in told["submitted"]} <= jobs.keys()
    assert set(told["claimed"]) <= set(owners)
    assert {jobs[job] for job, _ in told["finished"]} == {JobStatus.SUCCEEDED}


def claim_all(url: str) -> list[str]:
    """What one process could claim. Any error of the database fails the test."""
    database = open_database(url)
    taken: list[str] = []
    while True:
        try:
            with database.write() as session:
                job = store.claim_next(session, "process", ("cpu",), ROOMY, database.now(session), 30)
        except Conflict:
            continue
        if job is None:
            database.close()
            return taken
        taken.append(job.id)


def test_the_stale_holder_cannot_finish_after_the_job_was_given_away(any_database: Database) -> None:
    submit_job(any_database)
    first = claim_job(any_database)
    assert first is not None
    with any_database.write() as session:
        now = any_database.now(session)
        given_away = transitions.requeue(1, now, Reason.LEASE_EXPIRED, "silent", 0)
        store.apply(session, first.id, given_away, now)
    second = claim_job(any_database, "worker-2")
    assert second is not None and second.attempt == 2
    refused = 0
    try:
        with any_database.write() as session:
            store.apply(
                session,
                first.id,
                transitions.succeed(1, any_database.now(session)),
                any_database.now(session),
            )
    except StaleAttempt:
        refused += 1
    assert refused == 1
    assert fetch_job(any_database, first.id).status == JobStatus.RUNNING
    with any_database.write() as session:
        store.apply(
            session, first.id, transitions.succeed(2, any_database.now(session)), any_database.now(session)
        )
    assert fetch_job(any_database, first.id).status == JobStatus.SUCCEEDED


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
