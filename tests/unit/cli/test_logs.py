"""`epochd logs`: all that is there, its last lines, and following through connections that drop."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.exits import Exit
from cli.main import main
from cli.watching.log import TAIL_BYTES
from tests.unit.cli.fake_service import Asked, FakeService

Json = dict[str, Any]
Capture = pytest.CaptureFixture[str]


class Log:
    """A log as the service gives it: by bytes, its end in `limit` of them. It grows once all was read."""

    def __init__(self, *parts: str, breaks: int | None = None) -> None:
        self.written, *self.parts = parts
        self.breaks = breaks
        self.asked: list[Json] = []

    def answer(self, asked: Asked) -> tuple[int, Any]:
        self.asked.append(asked.query)
        if len(self.asked) - 1 == self.breaks:
            return 503, {"detail": "the database is away"}
        size, limit = len(self.written), int(asked.query.get("limit", 65_536))
        offset = int(asked.query.get("offset", 0))
        if "tail" in asked.query:
            lines = self.written.splitlines(keepends=True)
            kept = lines[max(0, len(lines) - int(asked.query["tail"])) :]
            offset = max(size - len("".join(kept)), size - limit)
        text = self.written[offset : offset + limit]
        behind = offset + len(text)
        page = {"offset": offset, "next": behind, "size": size, "text": text}
        done = not self.parts and behind == size
        if self.parts and behind == size:
            self.written += self.parts.pop(0)
        return 200, {**page, "done": done}


@pytest.fixture(autouse=True)
def nobody_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.verbs.logs.time.sleep", lambda _: None)


def given(service: FakeService, log: Log) -> Log:
    service.answer = log.answer  # type: ignore[method-assign]
    return log


def numbered(count: int) -> str:
    return "".join(f"line {number:06d} of the log\n" for number in range(count))


@pytest.mark.parametrize("breaks", [1, 2])
def test_following_goes_on_through_a_service_that_fails(
    breaks: int, service: FakeService, capsys: Capture
) -> None:
    given(service, Log("one\n", "two\n", "three\n", breaks=breaks))
    assert main(["logs", "j1", "-f"]) == Exit.OK
    printed = capsys.readouterr()
    assert printed.out == "one\ntwo\nthree\n"
    assert "the database is away - trying again in 0.5 s" in printed.err


def test_a_service_that_fails_while_what_is_there_is_printed_is_told(
    service: FakeService, capsys: Capture
) -> None:
    given(service, Log(numbered(5000), breaks=1))
    assert main(["logs", "j1"]) == Exit.SERVICE_ERROR


@pytest.mark.parametrize(("count", "begin"), [(4000, 1000), (5000, 0), (6000, 0), (1, 4999)])
def test_the_tail_has_the_lines_asked_for_beyond_the_bytes_of_a_piece(
    count: int, begin: int, service: FakeService, capsys: Capture
) -> None:
    given(service, Log(numbered(5000)))
    assert main(["logs", "j1", "--tail", str(count)]) == Exit.OK
    printed = capsys.readouterr()
    assert printed.out == "".join(numbered(5000).splitlines(keepends=True)[begin:])
    assert printed.err == ""


def test_a_tail_longer_than_the_service_gives_begins_with_a_whole_line_and_says_so(
    service: FakeService, capsys: Capture
) -> None:
    text = numbered(60_000)
    given(service, Log(text))
    assert len(text) > TAIL_BYTES
    assert main(["logs", "j1", "--tail", "55000"]) == Exit.OK
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert printed.out and text.endswith("\n" + printed.out)
    assert f"These are the last {len(lines)} lines, not 55000" in printed.err


def test_a_tail_of_no_lines_prints_what_comes_and_nothing_before(
    service: FakeService, capsys: Capture
) -> None:
    given(service, Log("old\n", "new\n"))
    assert main(["logs", "j1", "--tail", "0", "-f"]) == Exit.OK
    assert capsys.readouterr().out == "new\n"


@pytest.mark.parametrize("lines", ["-1", "some"])
def test_a_tail_that_is_no_number_of_lines_is_wrong_usage(lines: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["logs", "j1", "--tail", lines])
    assert ended.value.code == Exit.USAGE
    assert "--tail" in capsys.readouterr().err


def test_following_as_json_is_one_piece_a_line(service: FakeService, capsys: Capture) -> None:
    given(service, Log("one\n", "", "two\n"))
    assert main(["logs", "j1", "-f", "--json"]) == Exit.OK
    pages = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [page["text"] for page in pages] == ["one\n", "two\n"]
    assert pages[-1]["done"]


def test_as_json_without_following_it_is_one_piece(service: FakeService, capsys: Capture) -> None:
    log = given(service, Log("one\n", "two\n"))
    assert main(["logs", "j1", "--json", "--tail", "0"]) == Exit.OK
    assert json.loads(capsys.readouterr().out)["text"] == ""
    assert log.asked == [{"tail": "0", "limit": str(TAIL_BYTES)}]


def test_half_a_character_at_the_end_of_a_running_job_s_log_is_not_waited_for(
    service: FakeService, capsys: Capture
) -> None:
    half = {"offset": 3, "next": 3, "size": 4, "text": "", "done": False}
    pages = iter([{**half, "offset": 0, "text": "one"}, half])
    service.answer = lambda asked: (200, next(pages))  # type: ignore[method-assign]  # noqa: ARG005
    assert main(["logs", "j1"]) == Exit.OK
    assert capsys.readouterr().out == "one"
