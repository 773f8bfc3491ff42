"""Stopping: asked once, killed once, and never before the grace is over."""

from __future__ import annotations

from shared.errors import StaleAttempt
from shared.jobs.store import Lease
from worker.supervision.attempt import ShutdownFlag
from worker.supervision.lease import LeaseKeeper
from worker.supervision.limits import Limits
from worker.supervision.stop import Action, StopCause, Stopper


def test_a_stop_asks_first_and_kills_after_the_grace() -> None:
    stopper = Stopper()
    assert stopper.action(0) is Action.NOTHING
    stopper.request(StopCause.CANCEL, 10)
    told = [stopper.action(now) for now in (1, 2, 10.9, 11, 12)]
    assert told == [Action.TERMINATE, Action.NOTHING, Action.NOTHING, Action.KILL, Action.NOTHING]


def test_a_lost_lease_kills_at_once_even_within_a_grace() -> None:
    stopper = Stopper()
    stopper.request(StopCause.CANCEL, 1000)
    assert stopper.action(0) is Action.TERMINATE
    stopper.request(StopCause.LEASE_LOST, 0)
    assert stopper.action(1) is Action.KILL
    assert stopper.cause is StopCause.LEASE_LOST


def test_the_first_cause_stands() -> None:
    stopper = Stopper()
    stopper.request(StopCause.CANCEL, 5)
    stopper.request(StopCause.TIME_LIMIT, 0)
    assert stopper.cause is StopCause.CANCEL


def test_a_stop_that_is_asked_for_again_in_haste_waits_less_and_never_longer() -> None:
    stopper = Stopper()
    stopper.request(StopCause.SHUTDOWN, 30)
    assert stopper.action(0) is Action.TERMINATE
    stopper.request(StopCause.SHUTDOWN, 5)
    stopper.request(StopCause.SHUTDOWN, 30)
    assert [stopper.action(now) for now in (4.9, 5)] == [Action.NOTHING, Action.KILL]
    flag = ShutdownFlag()
    assert [flag.set(30), flag.set(5), flag.set(30)] == [True, False, False]
    assert flag.grace_seconds == 5


def test_limits_count_from_the_start_and_from_the_last_word() -> None:
    limits = Limits(started_at=100, time_limit_seconds=50, stall_limit_seconds=10)
    assert limits.passed(109) is None
    assert limits.passed(110) is StopCause.STALL
    limits.heard(110)
    assert limits.passed(119) is None
    assert limits.passed(150) is StopCause.TIME_LIMIT
    assert Limits(0, None, None).passed(1e9) is None


class Database:
    """Answers, refuses or stays away, as told."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.renewals = 0

    def renew(self) -> Lease:
        if self.error is not None:
            raise self.error
        self.renewals += 1
        return Lease("job", 1)


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_lease_is_renewed_on_time_and_given_up_after_the_fence() -> None:
    database, time = Database(), Time()
    keeper = LeaseKeeper(database.renew, time, heartbeat_seconds=5, fence_seconds=20)
    for time.now in (4, 5, 9, 10):
        keeper.tick()
    assert database.renewals == 2
    database.error = ConnectionError("gone")
    for time.now in (15, 20, 29):
        keeper.tick()
    assert not keeper.lost and keeper.last_error == "ConnectionError: gone"
    time.now = 30
    keeper.tick()
    assert keeper.lost


def test_a_database_that_comes_back_in_time_saves_the_lease() -> None:
    database, time = Database(), Time()
    keeper = LeaseKeeper(database.renew, time, heartbeat_seconds=5, fence_seconds=20)
    database.error = ConnectionError("gone")
    time.now = 14
    keeper.tick()
    database.error = None
    time.now = 19
    keeper.tick()
    time.now = 38
    keeper.tick()
    assert not keeper.lost and database.renewals == 2 and keeper.last_error is None


def test_a_stale_attempt_gives_up_at_once() -> None:
    database, time = Database(), Time()
    keeper = LeaseKeeper(database.renew, time, heartbeat_seconds=5, fence_seconds=20)
    database.error = StaleAttempt("replaced")
    time.now = 5
    keeper.tick()
    assert keeper.lost and keeper.last_error == "replaced"


def test_without_a_fence_an_outage_of_a_day_ends_no_training() -> None:
    database, time = Database(), Time()
    keeper = LeaseKeeper(database.renew, time, heartbeat_seconds=5, fence_seconds=None)
    database.error = ConnectionError("gone")
    for time.now in range(0, 86_400, 5):
        keeper.tick()
    assert not keeper.lost
    database.error = StaleAttempt("replaced")
    time.now += 5
    keeper.tick()
    assert keeper.lost


def test_a_worker_that_leaves_does_not_wait_for_a_silent_database_for_ever() -> None:
    database, time = Database(), Time()
    keeper = LeaseKeeper(database.renew, time, 5, None, leaving=lambda: True)
    database.error = ConnectionError("gone")
    time.now = 9
    keeper.tick()
    assert not keeper.lost
    time.now = 10
    keeper.tick()
    assert keeper.lost
