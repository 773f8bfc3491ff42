"""`epochd token`: what it asks of the service, and what it prints where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cli.exits import Exit
from cli.main import main
from tests.unit.cli.fake_service import FakeService

Capture = pytest.CaptureFixture[str]
TIME = "2026-11-21T09:20:48Z"


def a_token(**changes: Any) -> dict[str, Any]:
    token = {"id": "4f0x9a2c", "name": "Ada's laptop", "scope": "submit", "state": "live", "created_at": TIME}
    return {**token, "expires_at": None, "revoked_at": None, "last_used_at": None, **changes}


def test_create_prints_nothing_but_the_text_on_stdout(service: FakeService, capsys: Capture) -> None:
    service.answers["POST /tokens"] = (201, a_token(token="epochd_4f0x9a2c_secret"))
    words = ["token", "create", "--name", "Ada's laptop", "--scope", "submit", "--expires-in-days", "30"]
    assert main(words) == Exit.OK
    assert service.asked[0].body == {"name": "Ada's laptop", "scope": "submit", "expires_in_days": 30}
    said = capsys.readouterr()
    assert said.out == "epochd_4f0x9a2c_secret\n"
    assert "not shown again" in said.err and "secret" not in said.err


def test_without_a_word_of_expiry_none_is_sent(service: FakeService, capsys: Capture) -> None:
    service.answers["POST /tokens"] = (201, a_token(token="t"))
    assert main(["token", "create", "--name", "x", "--scope", "read", "--json"]) == Exit.OK
    assert service.asked[0].body == {"name": "x", "scope": "read"}
    assert json.loads(capsys.readouterr().out)["token"] == "t"


def test_list_shows_who_may_what_and_drives_no_terminal(service: FakeService, capsys: Capture) -> None:
    tokens = [a_token(), a_token(id="aaaaaaaa", name="\x1b[31mred", expires_at=TIME, last_used_at=TIME)]
    service.answers["GET /tokens"] = (200, {"tokens": tokens})
    assert main(["token", "list"]) == Exit.OK
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["ID", "SCOPE", "STATE"]
    assert "never" in lines[1] and lines[1].endswith("Ada's laptop")
    assert "2026-11-21" in lines[2] and "\x1b" not in lines[2]


def test_revoke_names_the_token_whatever_stands_in_it(service: FakeService, capsys: Capture) -> None:
    service.answers["DELETE /tokens/a%2Fb"] = (204, b"")
    assert main(["token", "revoke", "a/b"]) == Exit.OK
    assert capsys.readouterr().out == "a/b is revoked\n"


@pytest.mark.parametrize(
    ("caller", "line"),
    [
        (
            {"name": "anyone", "scope": "admin", "expires_at": None, "tokens_demanded": False},
            "demands no token",
        ),
        ({"name": "ada", "scope": "read", "expires_at": None, "tokens_demanded": True}, "ada: scope read\n"),
        (
            {"name": "ada", "scope": "read", "expires_at": TIME, "tokens_demanded": True},
            ", until 2026-11-21\n",
        ),
    ],
)
def test_show_tells_what_the_token_in_use_may_do(
    service: FakeService, capsys: Capture, caller: dict[str, Any], line: str
) -> None:
    service.answers["GET /tokens/me"] = (200, caller)
    assert main(["token", "show"]) == Exit.OK
    assert line in capsys.readouterr().out


def test_who_has_no_token_is_told_how_to_get_one(service: FakeService, capsys: Capture) -> None:
    service.answers["GET /jobs"] = (401, {"detail": "This needs a token", "code": "unauthorized"})
    assert main(["list"]) == Exit.REFUSED
    said = capsys.readouterr().err
    assert "This needs a token" in said and "EPOCHD_TOKEN" in said and "python -m api.tokens create" in said


def test_token_alone_is_wrong_usage(service: FakeService) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["token"])
    assert ended.value.code == Exit.USAGE
