"""The live stream: everything once, in order, to the end, wherever it broke off."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.tokens.scope import TokenScope
from api.watch import Watcher
from shared.models import Job
from tests.conftest import SetClock
from tests.factories import fetch_job, running_job, submit_job
from tests.integration.api.conftest import BASE_URL, Service
from tests.integration.api.planting import assert_problem, cancel_and_delete, end, plant_points, write_log
from tests.integration.api.test_tokens import bearer, make, revoke

LIVE = {"Accept": "text/event-stream"}


@dataclass(frozen=True)
class Message:
    id: str
    event: str
    data: Any


class Silence:
    """A watcher that hears of nothing: every wait runs out of time, and the next step happens."""

    closing = False

    def __init__(self, steps: list[Callable[[], None]]) -> None:
        self._left = iter(steps)

    async def news(self, *_: object) -> bool:
        next(self._left)()
        return False


def test_the_history_is_json_unless_a_stream_is_asked_for(service: Service) -> None:
    job = running_job(service.database)
    page = service.json(f"/jobs/{job.id}/events")
    assert [event["type"] for event in page["events"]] == ["submitted", "claimed"]
    rest = service.json(f"/jobs/{job.id}/events", params={"after": page["next"]})
    assert rest == {"events": [], "next": page["next"]}


def test_the_stream_of_a_job_that_has_ended_tells_all_and_ends(service: Service) -> None:
    job = _finished_job(service)
    messages = _stream(service, job)
    assert [message.event for message in messages] == ["event"] * 3 + ["metrics", "log", "end"]
    assert [message.data["type"] for message in messages[:3]] == ["submitted", "claimed", "succeeded"]
    assert [point["value"] for point in messages[3].data["points"]] == [1.0, 2.0, 3.0]
    assert messages[4].data["text"] == "one\ntwo\nthree é"
    assert messages[5].data == {"status": "succeeded"}


def test_a_stream_resumed_after_any_message_neither_loses_nor_repeats(service: Service) -> None:
    job = _finished_job(service)
    whole = _stream(service, job)
    for count in range(1, len(whole)):
        rest = _stream(service, job, whole[count - 1].id)
        assert _told(whole[:count] + rest) == _told(whole)


def test_a_live_stream_tells_what_happens_while_it_is_open(service: Service) -> None:
    job = running_job(service.database)
    folder = service.run_dir(job.id)
    steps: list[Callable[[], None]] = [
        lambda: plant_points(service.database, job, [1.0]),
        lambda: write_log(folder, b"half"),
        lambda: write_log(folder, b"half a line\nand"),
        lambda: plant_points(service.database, job, [2.0], first_step=2),
        lambda: end(service.database, fetch_job(service.database, job.id)),
    ]
    messages = _live(service, job, steps)
    told = _told(messages)
    assert told.values == [1.0, 2.0]
    assert told.text == "half a line\nand"
    assert [message.data["text"] for message in messages if message.event == "log"] == [
        "half a line\n",
        "and",
    ]
    assert messages[-1].event == "end"


def test_a_silent_job_is_kept_alive_with_comments(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.stream.HEARTBEAT_SECONDS", 0.001)
    job = running_job(service.database)
    rests = iter(range(10_000))

    def later() -> None:
        if next(rests) == 50:
            end(service.database, job)

    text = _live_text(service, job, [later] * 51)
    assert ": alive\n\n" in text
    assert _parse(text)[-1].event == "end"


@pytest.mark.parametrize("news", [True, False], ids=["news", "silence"])
@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_stream_ends_with_the_token_that_opened_it(
    service: Service, clock: SetClock, how: str, news: bool
) -> None:
    job = running_job(service.database)
    make(service.database, TokenScope.ADMIN)
    token_id, text = make(service.database, TokenScope.READ, days=1)

    def close() -> None:
        if how == "revoked":
            revoke(service.database, token_id)
        else:
            clock.advance(86_400)
        plant_points(service.database, job, [1.0])

    steps: list[Callable[[], None]] = [close, lambda: end(service.database, job)]
    silence = None if news else Silence(steps)
    said = asyncio.run(_listen(service, job, steps, bearer(text), silence))
    assert [message.event for message in _parse(said)] == ["event", "event"]


def test_a_stream_without_a_token_ends_when_the_first_is_made(service: Service) -> None:
    job = running_job(service.database)
    steps: list[Callable[[], None]] = [
        lambda: _make_one(service),
        lambda: end(service.database, job),
    ]
    assert [message.event for message in _live(service, job, steps)] == ["event", "event"]


def test_a_stream_of_a_job_deleted_under_it_ends_and_says_so(service: Service) -> None:
    job = submit_job(service.database)
    messages = _live(service, job, [lambda: cancel_and_delete(service.database, job)])
    assert messages[-1].data == {"status": "deleted"}


def test_a_stream_carries_more_points_than_one_portion_holds(service: Service) -> None:
    job = running_job(service.database)
    plant_points(service.database, job, [float(step) for step in range(2500)])
    write_log(service.run_dir(job.id), b"".join(b"line %d\n" % number for number in range(20_000)))
    end(service.database, job)
    told = _told(_stream(service, job))
    assert told.values == [float(step) for step in range(2500)]
    assert told.text.count("\n") == 20_000


@pytest.mark.parametrize("place", ["17", "e1.m2", "e1.m2.l-3", "m1.e2.l3", "e1.m2.l3; drop", "e" + "9" * 30])
def test_a_place_that_was_never_given_out_is_refused(service: Service, place: str) -> None:
    job = submit_job(service.database)
    answer = service.get(f"/jobs/{job.id}/events", headers={**LIVE, "Last-Event-ID": place})
    assert_problem(answer, 422, "invalid_cursor", "Last-Event-ID")


def test_a_stream_of_no_job_is_a_problem_not_a_stream(service: Service) -> None:
    assert_problem(service.get(f"/jobs/{'0' * 22}/events", headers=LIVE), 404, "not_found")


@dataclass(frozen=True)
class Told:
    events: list[int]
    values: list[float]
    text: str


def _told(messages: list[Message]) -> Told:
    return Told(
        [message.data["id"] for message in messages if message.event == "event"],
        [
            point["value"]
            for message in messages
            if message.event == "metrics"
            for point in message.data["points"]
        ],
        "".join(message.data["text"] for message in messages if message.event == "log"),
    )


def _finished_job(service: Service) -> Job:
    job = running_job(service.database)
    plant_points(service.database, job, [1.0, 2.0, 3.0])
    write_log(service.run_dir(job.id), "one\ntwo\nthree é".encode())
    end(service.database, job)
    return job


def _stream(service: Service, job: Job, last_id: str | None = None) -> list[Message]:
    headers = LIVE if last_id is None else {**LIVE, "Last-Event-ID": last_id}
    answer = service.get(f"/jobs/{job.id}/events", headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    return _parse(answer.text)


def _live(service: Service, job: Job, steps: list[Callable[[], None]]) -> list[Message]:
    return _parse(_live_text(service, job, steps))


def _live_text(service: Service, job: Job, steps: list[Callable[[], None]]) -> str:
    return asyncio.run(_listen(service, job, steps))


def _make_one(service: Service) -> None:
    make(service.database, TokenScope.ADMIN)


async def _listen(
    service: Service,
    job: Job,
    steps: list[Callable[[], None]],
    headers: Mapping[str, str] | None = None,
    silence: Silence | None = None,
) -> str:
    """Listen to the end; each time the watcher rests, the next step happens."""
    app = create_app(service.settings, service.database)
    app.state.keyring._clock = iter(range(10**9)).__next__  # it looks at the database for every question
    left = iter(steps)

    async def rest(_seconds: float) -> None:
        next(left, lambda: None)()
        await asyncio.sleep(0)

    app.state.watcher = silence or Watcher(app.state.watcher.look, rest)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        return (await client.get(f"/jobs/{job.id}/events", headers={**LIVE, **(headers or {})})).text


def _parse(text: str) -> list[Message]:
    blocks = [block for block in text.split("\n\n") if block.startswith("id: ")]
    found = []
    for block in blocks:
        match = re.fullmatch(r"id: (\S+)\nevent: (\w+)\ndata: (.*)", block)
        assert match is not None, block
        found.append(Message(match[1], match[2], json.loads(match[3])))
    return found
