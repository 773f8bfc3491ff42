"""The reaper after an outage: whoever lives gets the time to renew before anything is given away."""

from __future__ import annotations

import math

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from api.maintenance.reaper import Reaper
from shared.db import Database
from shared.jobs import store
from tests.conftest import SetClock
from tests.factories import fetch_job, running_job

LEASE, GRACE = 30.0, 15.0


class Outage(SetClock):
    """A clock of a database that can be away."""

    away = False

    def __call__(self, session: Session | None = None) -> object:  # type: ignore[override]
        if self.away:
            raise OperationalError("SELECT now()", {}, ConnectionError("gone"))
        return super().__call__(session)


@pytest.fixture
def clock() -> Outage:
    return Outage()


class World:
    """A reaper that looks every two seconds, on one clock with the database."""

    def __init__(self, database: Database, clock: Outage, since: float | None, lease: float = LEASE) -> None:
        self.clock = clock
        self.start = clock.now
        self.reaper = Reaper(database, lease, GRACE, self.seconds, since)

    def seconds(self) -> float:
        return (self.clock.now - self.start).total_seconds()

    def rounds(self, seconds: float) -> int:
        """How many leases were given away."""
        given = 0
        for _ in range(int(seconds / 2)):
            self.clock.advance(2)
            try:
                given += self.reaper.run_once()["leases expired"]
            except DBAPIError:
                assert self.clock.away
        return given


def test_a_holder_that_comes_back_after_an_outage_keeps_its_job(database: Database, clock: Outage) -> None:
    job = running_job(database)
    world = World(database, clock, -math.inf)
    assert world.rounds(10) == 0
    clock.away = True
    world.rounds(600)
    clock.away = False
    assert world.rounds(LEASE + GRACE - 4) == 0
    until = clock.now.replace(year=2027)
    with database.write() as session:
        store.heartbeat(session, job.id, 1, until)
    assert world.rounds(120) == 0
    assert fetch_job(database, job.id).attempt == 1


def test_a_holder_that_does_not_come_back_after_an_outage_loses_its_job(
    database: Database, clock: Outage
) -> None:
    running_job(database)
    world = World(database, clock, -math.inf)
    clock.away = True
    world.rounds(600)
    clock.away = False
    assert world.rounds(LEASE + GRACE + 4) == 1


def test_a_reaper_that_slept_or_just_started_waits_as_well(database: Database, clock: Outage) -> None:
    running_job(database)
    world = World(database, clock, -math.inf)
    world.rounds(4)
    clock.advance(3600)
    assert world.rounds(LEASE + GRACE - 4) == 0
    fresh = World(database, clock, None)
    assert fresh.rounds(LEASE + GRACE - 4) == 0
    assert fresh.rounds(10) == 1


def test_without_an_outage_the_lease_and_grace_are_all_the_patience(
    database: Database, clock: Outage
) -> None:
    running_job(database)
    world = World(database, clock, -math.inf)
    assert world.rounds(LEASE + GRACE - 2) == 0
    assert world.rounds(4) == 1


def test_leases_shorter_than_two_rounds_are_given_away_all_the_same(
    database: Database, clock: Outage
) -> None:
    running_job(database)
    world = World(database, clock, -math.inf, lease=3.0)
    assert world.rounds(LEASE + GRACE + 4) == 1
