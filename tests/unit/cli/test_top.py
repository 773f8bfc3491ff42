"""`epochd top`: what is asked, the screen, and connections that drop."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from cli.client import Client
from cli.errors import Unreachable
from cli.exits import Exit
from cli.main import main
from cli.top.layout import screen
from cli.top.look import Look, look
from cli.verbs.top import looks
from tests.unit.cli.fake_service import FakeService, a_job, a_worker

Json = dict[str, Any]
Capture = pytest.CaptureFixture[str]
NOW = datetime(2026, 11, 21, 9, 20, 58, tzinfo=UTC)
ENDED = {"finished_at": "2026-11-21T09:20:50Z"}


def seen(**changes: Any) -> Look:
    nothing: Json = {"workers": [], "running": [], "queued": [], "ended": []}
    return Look(**{**nothing, "more_running": False, "more_queued": False, **changes})


def test_the_screen_counts_and_shows_the_running_first() -> None:
    running = a_job(finished_at=None, name="x" * 40)
    waits = a_job(id="q1", status="queued", finished_at=None, best=None, memory={})
    ended = a_job(id="e1", status="failed", **ENDED)
    lines = screen(
        seen(workers=[a_worker()], running=[running], queued=[waits], ended=[ended], more_queued=True),
        "http://box:8642",
        NOW,
    )
    assert lines[0].startswith("epochd at http://box:8642")
    assert lines[0].endswith("1 of 1 workers alive  slots 1/4  jobs 1 running, 1+ queued")
    cells = [cell.strip() for cell in lines[3].split("  ") if cell.strip()]
    assert cells[:6] == ["box-1", "alive", "1/4", "8", "21 GB of 32 GB", "696 MB"]
    assert cells[6:] == ["15.5 %", "0", "3.50", "10 s ago"]
    assert [line.split()[1] for line in lines[6:]] == ["running", "queued", "failed"]
    assert "x" * 23 + "…" in lines[6] and "██" in lines[6] and "1 min 40 s left" in lines[6]
    assert lines[8].endswith("8 s ago")


def test_a_job_that_is_queued_again_waits_since_then_and_not_since_it_was_submitted() -> None:
    again = a_job(
        status="queued", finished_at=None, memory={}, created_at="2026-11-18T09:00:00Z",
        updated_at="2026-11-21T09:20:48Z",
    )  # fmt: skip
    assert screen(seen(queued=[again]), "u", NOW)[-1].endswith("  10 s ago")


def test_memory_is_that_of_all_processes_of_a_job() -> None:
    latest = {"rss_bytes": 1e9, "job_rss_bytes": 3e9, "swap_bytes": 0, "job_swap_bytes": 2e9}
    job = a_job(finished_at=None, memory={"latest": latest, "peak": {}})
    assert "  3 GB  2 GB  " in screen(seen(running=[job]), "u", NOW)[-1]


@pytest.mark.parametrize("words", [["top", "--once"], ["list"], ["workers"], ["token", "list"]])
def test_ages_are_by_the_clock_of_the_service_and_not_of_this_machine(
    words: list[str], service: FakeService, capsys: Capture
) -> None:
    service.date = "Sat, 21 Nov 2026 11:20:48 GMT"
    token = {"id": "t1", "scope": "read", "state": "valid", "name": "n", "expires_at": None}
    times = {"created_at": "2026-11-21T09:20:48Z", "last_used_at": None}
    given(service, running=[])
    service.answers["GET /workers"] = (200, {"workers": [a_worker()]})
    service.answers["GET /tokens"] = (200, {"tokens": [{**token, **times}]})
    if words == ["list"]:
        service.answers["GET /jobs"] = (200, {"jobs": [a_job()], "next": None})
    assert main(words) == Exit.OK
    assert "2 h 00 min" in capsys.readouterr().out


def test_what_a_host_does_not_tell_is_a_dash_and_a_silent_worker_is_gone() -> None:
    line = screen(seen(workers=[a_worker(alive=False, pressure={})]), "u", NOW)[3]
    assert line.split() == ["box-1", "gone", "1/4", "8", "-", "-", "-", "0", "-", "10", "s", "ago"]


def test_an_empty_service_says_how_to_begin() -> None:
    text = "\n".join(screen(seen(), "u", NOW))
    assert "epochd up" in text and "epochd submit" in text


def test_a_name_cannot_drive_the_terminal(service: FakeService, capsys: Capture) -> None:
    given(service, running=[a_job(name="evil\x1b[2J", finished_at=None)])
    assert main(["top", "--once"]) == Exit.OK
    printed = capsys.readouterr().out
    assert "evil [2J" in printed and "\x1b" not in printed


def test_once_as_json_is_one_look(service: FakeService, capsys: Capture) -> None:
    given(service, running=[a_job()])
    assert main(["top", "--once", "--json"]) == Exit.OK
    found = json.loads(capsys.readouterr().out)
    assert [job["id"] for job in found["running"]] == [a_job()["id"]]
    assert set(found) >= {"workers", "running", "queued", "ended"}


def test_a_look_asks_for_each_status_and_tells_where_there_is_more() -> None:
    asked: list[Json] = []

    class Told:
        def get(self, path: str, **parameters: Any) -> Json:
            asked.append(parameters)
            more = "c1" if parameters.get("status") == "queued" else None
            return {"workers": []} if path == "/workers" else {"jobs": [], "next": more}

    found = look(Told())
    assert [item.get("status") for item in asked[1:3]] == ["running", "queued"]
    assert (found.more_running, found.more_queued) == (False, True)


def test_a_dropped_connection_keeps_the_last_look_and_says_so(service: FakeService) -> None:
    given(service, running=[a_job()])
    slept: list[float] = []
    with Client(service.url) as client:
        found = looks(client, 2.0, slept.append)
        first, trouble = next(found)
        assert trouble is None
        service.answers["GET /workers"] = (503, {"detail": "the database is away"})
        again, trouble = next(found)
        assert again == first
        assert trouble is not None and trouble.endswith("trying again in 2 s")
        given(service)
        assert next(found)[1] is None
    assert slept == [2.0, 2.0]


def test_a_service_that_is_away_from_the_start_is_told_at_once() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(Unreachable):
        next(looks(client, 2.0, lambda _: None))


def test_ctrl_c_is_the_way_to_leave_it(
    service: FakeService, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    given(service)
    monkeypatch.setattr("cli.verbs.top.time.sleep", interrupted)
    assert main(["top"]) == Exit.OK
    assert "0 workers alive" in capsys.readouterr().out


@pytest.mark.parametrize("every", ["0", "nan", "often"])
def test_a_wait_that_makes_no_sense_is_wrong_usage(every: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["top", "--every", every])
    assert ended.value.code == Exit.USAGE
    assert "--every" in capsys.readouterr().err


def given(service: FakeService, running: list[Json] | None = None) -> None:
    """The fake answers every status alike: what a look shows of it is of the first."""
    service.answers["GET /workers"] = (200, {"workers": []})
    jobs = [{**job, "finished_at": None} for job in running or []]
    service.answers["GET /jobs"] = (200, {"jobs": jobs, "next": None})
