"""Limits: sleep is neither work nor silence."""

from __future__ import annotations

from worker.supervision.limits import Limits
from worker.supervision.stop import StopCause


def test_the_sleep_of_a_machine_counts_for_no_limit() -> None:
    limits = Limits(started_at=0, time_limit_seconds=100, stall_limit_seconds=30)
    limits.heard(10)
    assert [limits.passed(now) for now in (15, 8 * 3600)] == [None, None]
    woken = 8 * 3600
    assert limits.passed(woken + 24) is None
    assert limits.passed(woken + 25) is StopCause.STALL
    limits.heard(woken + 25)
    assert [limits.passed(woken + after) for after in (50, 75, 84)] == [
        None,
        StopCause.STALL,
        StopCause.STALL,
    ]
    limits.heard(woken + 84)
    assert limits.passed(woken + 85) is StopCause.TIME_LIMIT
