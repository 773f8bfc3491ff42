"""Following a job through connections that drop within a look: nothing is lost, nothing told twice."""

from __future__ import annotations

from typing import Any, cast

import pytest

from cli.client import Client
from cli.errors import Unreachable
from cli.exits import Exit
from cli.watching.follow import Update, follow
from cli.watching.screens import LineScreen
from cli.watching.watch import watch_to_end
from tests.unit.cli.fake_service import a_job, a_point, an_event

Json = dict[str, Any]
EPOCHS = 4
FIRST_LOOK, LAST_PAGES, REQUESTS = 4, 11, 14
"""Of the requests where none breaks: how many the first look has, how many come before those that are made
only because the job has ended, and how many there are."""


class Course:
    """A job that ends by itself: between two requests of a look its next epoch comes. One request breaks."""

    def __init__(self, breaks: int | None = None) -> None:
        self.breaks = breaks
        self.asked = 0
        self.epochs = 1

    def get(self, path: str, **parameters: Any) -> Json:
        self.asked += 1
        if self.asked - 1 == self.breaks:
            raise Unreachable("the connection broke")
        final = self.epochs == EPOCHS
        if path.endswith("/metrics"):
            split, name = parameters["split"], parameters["name"] or "loss"
            points = [a_point(epoch, 0.5, split, name) for epoch in range(1, self.epochs + 1)]
            return {**_behind("points", points, parameters["after"]), "done": final}
        if path.endswith("/events"):
            events = [an_event(epoch, "warning", message="m") for epoch in range(1, self.epochs + 1)]
            return _behind("events", events, parameters["after"])
        self.epochs = min(EPOCHS, self.epochs + 1)
        return a_job(status="succeeded" if self.epochs == EPOCHS else "running")


def _behind(name: str, rows: list[Json], after: str | None) -> Json:
    return {name: rows[int(after or 0) :], "next": str(len(rows))}


def followed(course: Course) -> list[Update]:
    return list(follow(course, "j1", lambda _: None, lambda: 0.0))


def test_a_course_without_a_break_takes_the_requests_that_are_broken_below() -> None:
    course = Course()
    assert not [update for update in followed(course) if update.trouble]
    assert course.asked == REQUESTS


@pytest.mark.parametrize("breaks", range(FIRST_LOOK, REQUESTS))
def test_whichever_request_breaks_every_point_and_event_is_told_once(breaks: int) -> None:
    updates = followed(Course(breaks))
    every = list(range(1, EPOCHS + 1))
    assert [point["epoch"] for update in updates for point in update.val] == every
    assert [point["epoch"] for update in updates for point in update.train] == every
    assert [event["id"] for update in updates for event in update.events] == every
    assert len([update for update in updates if update.trouble]) == 1
    assert updates[-1].job == a_job(status="succeeded")


@pytest.mark.parametrize("breaks", range(LAST_PAGES, REQUESTS))
def test_a_connection_that_drops_as_the_job_ends_leaves_the_exit_code_of_its_end(
    breaks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.watching.watch.time.sleep", lambda _: None)
    assert watch_to_end(cast(Client, Course(breaks)), "j1", LineScreen()) == Exit.OK
