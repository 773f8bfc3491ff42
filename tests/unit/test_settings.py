"""Where settings come from: arguments, the environment, files of secrets, in this order."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from api.security import is_loopback
from shared import settings
from shared.settings import Settings


def secrets_in(folder: Path, **values: str) -> type[Settings]:
    """Settings that look for secrets in that folder."""
    folder.mkdir()
    for name, value in values.items():
        (folder / f"epochd_{name}").write_text(value)

    class Here(Settings):
        model_config = SettingsConfigDict(secrets_dir=folder)

    return Here


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TOKEN", "DATABASE_URL", "PORT", "ALLOWED_HOSTS"):
        monkeypatch.delenv(f"EPOCHD_{name}", raising=False)


def test_every_setting_may_come_from_a_file(tmp_path: Path) -> None:
    here = secrets_in(
        tmp_path / "s", token="a-token-of-some-length\n", port="1234", database_url="postgresql://u:p@h/d",
        broker_url="redis://:p@h/0", allowed_hosts='["example.org"]',
    )()  # fmt: skip
    assert here.token_text == "a-token-of-some-length"
    assert here.port == 1234
    assert here.resolved_database_url == "postgresql://u:p@h/d"
    assert here.broker_url is not None and here.broker_url.get_secret_value() == "redis://:p@h/0"
    assert here.allowed_hosts == ("example.org",)


def test_the_environment_and_arguments_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = secrets_in(tmp_path / "s", port="1")
    monkeypatch.setenv("EPOCHD_PORT", "2")
    assert here().port == 2
    assert here(port=3).port == 3


def test_only_this_machine_s_own_names_are_answered_where_nothing_is_said(tmp_path: Path) -> None:
    assert all(is_loopback(host) for host in Settings(state_dir=tmp_path).allowed_hosts)


def test_a_missing_folder_is_no_matter(tmp_path: Path) -> None:
    class Elsewhere(Settings):
        model_config = SettingsConfigDict(secrets_dir=tmp_path / "none")

    assert Elsewhere().token is None  # warnings are errors here


def test_what_is_wrong_with_a_secret_is_told_without_it(tmp_path: Path) -> None:
    here = secrets_in(tmp_path / "s", token="canary")
    with pytest.raises(ValidationError) as told:
        here()
    assert "canary" not in str(told.value) and "at least 16" in str(told.value)


def test_a_bad_setting_is_told_with_its_variable_file_or_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = secrets_in(tmp_path / "s", token="canary", broker_url="redis://:canary/9@h")
    monkeypatch.setenv("EPOCHD_LEASE_SECONDS", "-1")
    monkeypatch.setenv("EPOCHD_ALLOWED_HOSTS", "5")
    with pytest.raises(ValueError, match="state-dir") as told:
        here.load({"port": 99_999, "state_dir": None})
    assert str(told.value).split("; ") == [
        "--state-dir: input is not a valid path for <class 'pathlib.Path'>",
        "--port: input should be less than or equal to 65535",
        'EPOCHD_ALLOWED_HOSTS: must be a JSON list of host names, such as ["localhost","train.example.org"]',
        f"{tmp_path}/s/epochd_token: value should have at least 16 items after validation, not 6",
        f"{tmp_path}/s/epochd_broker_url: must be an address of Redis such as redis://:PASSWORD@host:6379/0 "
        "or redis+socket:///run/redis.sock?virtual_host=0, with what is no letter or digit in the password "
        "percent-encoded (%2F for /, %23 for #)",
        "EPOCHD_LEASE_SECONDS: input should be greater than 0",
    ]


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    here = secrets_in(tmp_path / "s", allowed_hosts="canary")
    with pytest.raises(ValueError, match=rf"^{tmp_path}/s/epochd_allowed_hosts: must be a JSON list"):
        here.load()


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = secrets_in(tmp_path / "s", token="a-token-of-some-length")
    read = Path.read_text

    def refuse(path: Path, *arguments: Any, **options: Any) -> str:
        if path.name == "epochd_token":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return read(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", refuse)  # root, who may run the tests, is refused nothing
    with pytest.raises(ValueError, match=rf"^{tmp_path}/s/epochd_token cannot be read: Permission denied$"):
        here.load()


def test_a_folder_of_others_is_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    here = secrets_in(tmp_path / "s", token="a-token-of-some-length")
    monkeypatch.setattr("shared.settings.os.access", lambda folder, _mode: folder != tmp_path / "s")
    assert here.load().token is None
    assert f"{tmp_path}/s is left out" in caplog.text


def test_the_folder_is_the_one_that_containers_mount() -> None:
    assert Path("/run/secrets") == settings.SECRETS_DIR
