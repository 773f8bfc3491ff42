"""Where settings come from: arguments, the environment, files of secrets, in this order."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

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
    for name in ("TOKEN", "DATABASE_URL", "PORT"):
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


def test_a_missing_folder_is_no_matter(tmp_path: Path) -> None:
    class Elsewhere(Settings):
        model_config = SettingsConfigDict(secrets_dir=tmp_path / "none")

    assert Elsewhere().token is None  # warnings are errors here


def test_what_is_wrong_with_a_secret_is_told_without_it(tmp_path: Path) -> None:
    here = secrets_in(tmp_path / "s", token="canary")
    with pytest.raises(ValidationError) as told:
        here()
    assert "canary" not in str(told.value) and "at least 16" in str(told.value)


def test_the_folder_is_the_one_that_containers_mount() -> None:
    assert Path("/run/secrets") == settings.SECRETS_DIR
