"""The secrets of a stack: random, made once, each for its reader alone."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from api.provision.__main__ import main
from api.provision.secrets import make_secrets
from shared.settings import Settings

GROUPS = dict.fromkeys(("postgres", "redis", "prometheus", "grafana"), os.getgid())
SHARED = {"postgres_password", "redis_password", "redis_users", "grafana_password"}


def read(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text().strip() for path in folder.iterdir()}


def test_a_second_start_makes_nothing_anew(tmp_path: Path) -> None:
    make_secrets(tmp_path, GROUPS)
    before = read(tmp_path)
    make_secrets(tmp_path, GROUPS)
    assert read(tmp_path) == before
    assert len(set(before.values())) == len(before) == 7


def test_no_two_stacks_share_a_password(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make_secrets(tmp_path / name, GROUPS)
    one, two = read(tmp_path / "one"), read(tmp_path / "two")
    assert all(one[name] != two[name] for name in one)
    assert all(len(one[name]) >= 43 for name in one)


def test_each_file_is_for_its_reader_alone(tmp_path: Path) -> None:
    make_secrets(tmp_path, GROUPS)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert {name for name, mode in modes.items() if mode == 0o440} == SHARED
    assert {mode for name, mode in modes.items() if name not in SHARED} == {0o400}


def test_the_addresses_carry_the_passwords_of_the_servers(tmp_path: Path) -> None:
    make_secrets(tmp_path, GROUPS)
    made = read(tmp_path)
    database, broker = make_url(made["epochd_database_url"]), made["epochd_broker_url"]
    assert (database.host, database.password) == ("postgres", made["postgres_password"])
    assert broker == f"redis://:{made['redis_password']}@redis:6379/0"
    assert hashlib.sha256(made["redis_password"].encode()).hexdigest() in made["redis_users"]
    assert made["redis_password"] not in made["redis_users"]


def test_a_start_that_was_cut_short_is_completed(tmp_path: Path) -> None:
    make_secrets(tmp_path, GROUPS)
    before = read(tmp_path)
    for name in ("epochd_database_url", "redis_users"):
        (tmp_path / name).unlink()
    (tmp_path / ".epochd_token.new").write_text("half a tok")
    (tmp_path / "epochd_token").unlink()
    make_secrets(tmp_path, GROUPS)
    after = read(tmp_path)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} == {"epochd_token"}


def test_every_file_of_epochd_is_one_of_its_settings(tmp_path: Path) -> None:
    make_secrets(tmp_path, GROUPS)
    ours = {name.removeprefix("epochd_") for name in read(tmp_path) if name.startswith("epochd_")}
    assert ours <= Settings.model_fields.keys()


def test_a_folder_that_cannot_be_written_ends_in_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["secrets", "--folder", str(tmp_path / "absent")]) == 2
    assert "secrets cannot be put in place" in capfd.readouterr().err
