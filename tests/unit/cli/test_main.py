"""What every verb has in common: a stdout of any encoding, and an end for what nobody foresaw."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest

from cli.exits import Exit
from cli.main import main
from tests.unit.cli.fake_service import FakeService, a_job, a_point, a_worker, an_event

Json = dict[str, Any]
ID = a_job()["id"]
NAME = "prévision 天"
ENCODINGS = ["ascii", "latin-1"]


def given(service: FakeService) -> None:
    job = {**a_job(name=NAME, finished_at=None), "status": "running"}
    ended = {**job, "status": "succeeded"}
    service.answers |= {
        "GET /workers": (200, {"workers": [a_worker()]}),
        "GET /jobs": (200, {"jobs": [job], "next": None}),
        f"GET /jobs/{ID}": (200, ended),
        f"GET /jobs/{ID}/checkpoints": (200, {"checkpoints": []}),
        f"GET /jobs/{ID}/metrics": (200, {"points": [a_point(1, 0.5)], "next": "m1", "done": True}),
        f"GET /jobs/{ID}/events": (200, {"events": [an_event(1, "warning", message=NAME)], "next": "e1"}),
        f"GET /jobs/{ID}/logs": (200, {"offset": 0, "next": 9, "size": 9, "text": f"{NAME}\n", "done": True}),
    }


def printed(words: list[str], encoding: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    code = main(words)
    sys.stdout.flush()
    return code, written.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("words", [["top", "--once"], ["list"], ["watch", ID], ["logs", ID], ["show", ID]])
def test_what_a_stdout_cannot_show_is_a_question_mark_and_no_end(
    words: list[str], encoding: str, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(service)
    code, text = printed(words, encoding, monkeypatch)
    assert code == Exit.OK
    assert "?" in text


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("words", [["list", "--json"], ["top", "--once", "--json"]])
def test_json_stays_whole_in_any_encoding(
    words: list[str], encoding: str, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(service)
    code, text = printed(words, encoding, monkeypatch)
    found = json.loads(text)
    assert code == Exit.OK
    assert (found.get("jobs") or found["running"])[0]["name"] == NAME


def test_json_is_for_eyes_where_they_can_read_it(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(service)
    assert NAME in printed(["list", "--json"], "utf-8", monkeypatch)[1]


def test_what_nobody_foresaw_is_not_taken_for_a_failed_job(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> int:
        raise RuntimeError("the sky fell")

    monkeypatch.setattr("cli.verbs.workers.run", broken)
    assert main(["workers"]) == Exit.SERVICE_ERROR
    told = capsys.readouterr().err
    assert "RuntimeError: the sky fell" in told
    assert told.splitlines()[-1] == "epochd: this is a fault in epochd itself; the lines above say where"
