"""`python -m api.tokens`: the way to the first token."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from api.tokens.__main__ import main
from api.tokens.keyring import Keyring
from api.tokens.scope import TokenScope
from api.tokens.text import token_id
from shared.db import open_database

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def url(any_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("EPOCHD_DATABASE_URL", any_url)
    return any_url


async def scope_of(url: str, text: str) -> TokenScope:
    database = open_database(url)
    caller = await Keyring(database, None, always=True).caller(f"Bearer {text}")
    database.close()
    return caller.scope


@pytest.mark.anyio
async def test_a_token_is_shown_once_alone_on_standard_output_and_opens(url: str, capsys: Capture) -> None:
    assert main(["create", "--name", "ada", "--scope", "submit"]) == 0
    said = capsys.readouterr()
    text = said.out.strip()
    assert await scope_of(url, text) is TokenScope.SUBMIT
    assert text not in said.err
    assert main(["list"]) == 0
    listed = capsys.readouterr().out
    assert "ada" in listed and "submit" in listed and "live" in listed and text not in listed


@pytest.mark.anyio
async def test_a_file_holds_it_for_its_owner_and_is_never_written_over(
    url: str, tmp_path: Path, capsys: Capture
) -> None:
    file = tmp_path / "token"
    assert main(["create", "--name", "p", "--scope", "read", "--file", str(file), "--mode", "440"]) == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o440
    text = file.read_text().strip()
    assert await scope_of(url, text) is TokenScope.READ
    assert main(["create", "--name", "q", "--scope", "admin", "--file", str(file)]) == 2
    said = capsys.readouterr()
    assert "File exists" in said.err and "Traceback" not in said.err
    assert file.read_text().strip() == text
    assert text not in said.out + said.err
    main(["list"])
    assert "admin" not in capsys.readouterr().out  # nothing is left of what could not be handed over


def test_what_is_there_is_kept_and_what_does_not_work_is_replaced(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "token"
    words = ["create", "--name", "p", "--scope", "read", "--file", str(file), "--keep"]
    assert main(words) == 0
    first = file.read_text()
    assert main(words) == 0
    assert file.read_text() == first
    revoked = token_id(first.strip())
    assert revoked is not None
    assert main(["revoke", revoked]) == 0
    assert main(words) == 0
    assert file.read_text() != first
    capsys.readouterr()
    main(["list"])
    listed = capsys.readouterr().out
    assert listed.count("live") == listed.count("revoked") == 1


@pytest.mark.parametrize(
    "words",
    [
        ["create", "--name", "", "--scope", "read"],
        ["create", "--name", "x" * 201, "--scope", "read"],
        ["create", "--name", "x", "--scope", "root"],
        ["create", "--name", "x", "--scope", "read", "--expires-in-days", "0"],
        ["create", "--name", "x", "--scope", "read", "--expires-in-days", "3651"],
        ["create", "--name", "x", "--scope", "read", "--mode", "999"],
        ["create", "--scope", "read"],
        [],
    ],
)
def test_what_cannot_be_meant_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


def test_to_revoke_what_is_not_there_is_one_sentence(capsys: Capture) -> None:
    assert main(["revoke", "nobody00"]) == 2
    assert capsys.readouterr().err == "epochd: there is no token 'nobody00'\n"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
