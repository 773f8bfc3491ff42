"""A control loop outlives a round that failed, whatever it failed by, and says so."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

import pytest
from sqlalchemy.exc import OperationalError

from api.maintenance.loop import PeriodicLoop


@pytest.mark.parametrize(
    "error", [OperationalError("SELECT", {}, Exception("away")), OSError("no space"), KeyError("status")]
)
def test_a_round_that_failed_is_told_and_tried_again(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    stop = threading.Event()
    rounds = 0

    def run_once() -> Mapping[str, int]:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise error
        stop.set()
        return {}

    with caplog.at_level(logging.ERROR):
        PeriodicLoop("reaper", 0, run_once, stop).run()
    assert rounds == 2
    (told,) = caplog.records
    assert "reaper" in told.getMessage() and told.exc_info is not None and told.exc_info[1] is error
