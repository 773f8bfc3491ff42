"""Following a job: cursors, the end, and connections that drop."""

from __future__ import annotations

from typing import Any

import pytest

from cli.errors import Refused, Unreachable
from cli.watching.follow import EVENTS, follow
from cli.watching.patience import GIVE_UP_SECONDS, LONGEST_DELAY_SECONDS
from tests.unit.cli.fake_service import a_job, a_point, an_event

Json = dict[str, Any]
FIRST_LOOK = 4
"""Requests of the look that begins the following."""


class Script:
    """Answers of a service, one look after another; an exception in it is raised."""

    def __init__(
        self, *looks: Any, late: dict[str, list[Json]] | None = None, history: tuple[Json, ...] = ()
    ) -> None:
        self.looks = list(looks)
        self.history = list(history)
        self.late = late or {}
        """Points that come between the last look at the curves and the end of the job, by split."""
        self.asked: list[tuple[str, Json]] = []
        self.slept: list[float] = []

    def get(self, path: str, **parameters: Any) -> Json:
        self.asked.append((path, parameters))
        if path.endswith("/metrics"):
            return self.page(parameters["split"])
        if path.endswith("/events"):
            events, self.history = self.history[: parameters["limit"]], self.history[parameters["limit"] :]
            return {"events": events, "next": f"e{len(self.asked)}"}
        return a_job(status=self.looks.pop(0)["status"])

    def page(self, split: str) -> Json:
        if not self.looks:
            return {"points": self.late.pop(split, []), "next": "end", "done": split not in self.late}
        if isinstance(self.looks[0], Exception):
            raise self.looks.pop(0)
        return {"points": self.looks[0].get(split, []), "next": f"m{len(self.asked)}", "done": False}

    def follow(self) -> list[Any]:
        return list(follow(self, "j1", self.slept.append, lambda: sum(self.slept)))


def test_the_last_update_has_the_points_that_came_just_before_the_end() -> None:
    script = Script(
        {"status": "running", "val": [a_point(1, 0.5)]},
        {"status": "succeeded", "val": [a_point(2, 0.4)]},
        late={"val": [a_point(3, 0.3)], "train": [a_point(3, 0.2)]},
    )
    first, last = script.follow()
    assert (first.job["status"], last.job["status"]) == ("running", "succeeded")
    assert [point["value"] for point in last.val] == [0.4, 0.3]
    assert [point["value"] for point in last.train] == [0.2]


def test_each_series_goes_on_at_its_own_cursor() -> None:
    script = Script({"status": "running"}, {"status": "succeeded"})
    script.follow()
    val = [asked["after"] for path, asked in script.asked if asked.get("split") == "val"]
    train = [asked["after"] for path, asked in script.asked if asked.get("split") == "train"]
    assert (val, train) == ([None, "m1", "m5"], [None, "m2", "m6"])


def test_the_history_goes_on_at_its_cursor_and_is_read_whole_however_long_it_is() -> None:
    history = tuple(an_event(number, "warning", message="m") for number in range(EVENTS + 1))
    script = Script({"status": "running"}, {"status": "succeeded"}, history=history)
    first, last = script.follow()
    assert (len(first.events), len(last.events)) == (EVENTS + 1, 0)
    asked = [parameters["after"] for path, parameters in script.asked if path.endswith("/events")]
    assert asked[0] is None and asked[1:3] == ["e4", "e5"]


def test_a_dropped_connection_is_told_and_tried_again_with_growing_delays() -> None:
    away = [Unreachable("nothing answers at x") for _ in range(3)]
    script = Script({"status": "running"}, *away, {"status": "succeeded"})
    updates = script.follow()
    assert script.slept == [0.5, 1.0, 2.0]
    assert [update.trouble for update in updates if update.trouble] == [
        "nothing answers at x - trying again in 0.5 s",
        "nothing answers at x - trying again in 1 s",
        "nothing answers at x - trying again in 2 s",
    ]
    assert updates[-1].job["status"] == "succeeded"


def test_a_service_that_is_away_from_the_start_is_told_at_once() -> None:
    with pytest.raises(Unreachable):
        Script(Unreachable("away"), {"status": "running"}).follow()


def test_long_silence_ends_the_following_instead_of_hanging_a_script_for_ever() -> None:
    script = Script({"status": "running"}, *[Unreachable("away") for _ in range(500)])
    with pytest.raises(Unreachable):
        script.follow()
    assert GIVE_UP_SECONDS <= sum(script.slept) <= GIVE_UP_SECONDS + LONGEST_DELAY_SECONDS


def test_requests_that_time_out_count_as_silence_for_as_long_as_they_took() -> None:
    script = Script({"status": "running"}, *[Unreachable("took too long")] * 500)
    seconds = 30.0
    with pytest.raises(Unreachable):
        list(follow(script, "j1", lambda _: None, lambda: seconds * len(script.asked)))
    assert len(script.asked) == FIRST_LOOK + GIVE_UP_SECONDS / seconds


def test_a_job_that_was_deleted_meanwhile_is_not_asked_for_again_and_again() -> None:
    gone = Refused("there is no job 'j1'", 404, {})
    with pytest.raises(Refused):
        Script({"status": "running"}, gone, {"status": "running"}).follow()
