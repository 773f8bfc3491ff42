"""Long jobs: nothing but their own end ends them, however often they renew and brokers and clocks change."""

from __future__ import annotations

from tests.simulation.database import open_memory
from tests.simulation.week import DAY, run_days


def test_a_job_of_hours_is_one_attempt_through_broker_restarts_and_clock_steps() -> None:
    told = run_days(0.1, open_memory(), heartbeat_seconds=10.0)
    assert (told.status, told.attempts, told.trainers) == ("succeeded", 1, 1)
    assert told.seconds > 0.08 * DAY and told.heartbeats > told.seconds / 20
    assert told.broker_restarts >= 2 and told.clock_steps >= 1
    assert told.points == 7
