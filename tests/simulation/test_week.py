"""Long jobs: nothing but their own end ends them, however often they renew and the broker restarts."""

from __future__ import annotations

from tests.simulation.database import memory_engine
from tests.simulation.week import DAY, run_days


def test_a_job_of_hours_is_one_attempt_through_broker_restarts() -> None:
    told = run_days(0.25, memory_engine())
    assert (told.status, told.attempts, told.trainers) == ("succeeded", 1, 1)
    assert told.seconds > 0.2 * DAY and told.heartbeats > told.seconds / 10 and told.broker_restarts >= 4
    assert told.points == 18
