"""A job's history in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from cli.watching.history import sentences
from tests.unit.cli.fake_service import an_event

SAVED = {"epoch": 1, "bytes": 48e6, "best": False}


@pytest.mark.parametrize(
    ("type_", "data", "said"),
    [
        ("checkpoint", {**SAVED, "step": 12}, ["checkpoint at step 12 (epoch 1), 48 MB"]),
        (
            "checkpoint_failed",
            {"step": 12, "why": "the disk is full"},
            ["no checkpoint at step 12: the disk is full"],
        ),
        (
            "resumed",
            {"checkpoint": "step-12.a0001", "step": 12, "exact": True, "why": ""},
            ["went on from step-12.a0001 (step 12), exactly"],
        ),
        (
            "resumed",
            {"checkpoint": "step-12.a0001", "step": 12, "exact": False, "why": "other torch"},
            ["went on from step-12.a0001 (step 12), not exactly: other torch"],
        ),
        ("resumed", {"checkpoint": None, "step": 0, "exact": True, "why": "new"}, []),
        ("resumed", {"status": "queued", "reason": "resumed_by_user", "message": None}, []),
        (
            "requeued",
            {"status": "queued", "reason": "lease_expired", "message": None},
            ["queued again: lease expired"],
        ),
        ("stage", {"name": "train"}, []),
    ],
)
def test_what_a_watcher_wants_to_hear_is_said_and_nothing_else(
    type_: str, data: dict[str, Any], said: list[str]
) -> None:
    assert sentences([an_event(1, type_, **data)]) == said


def test_of_checkpoints_that_were_written_before_anyone_looked_only_the_newest_is_told() -> None:
    events = [an_event(step, "checkpoint", **SAVED, step=step) for step in (1, 2, 3)]
    warned = an_event(4, "warning", message="slow")
    assert sentences([*events, warned]) == ["checkpoint at step 3 (epoch 1), 48 MB", "warning: slow"]
