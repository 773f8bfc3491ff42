"""Every program tells a bad setting in one sentence and ends, whichever reads it first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = (
    "api",
    "api.maintenance",
    "api.tokens list",
    "api.provision migrate",
    "worker",
    "worker.stack",
    "cli up",
)
"""Words after `python -m`."""

CANNOT_START = 2
"""The exit code that says so."""

AWAY = "postgresql+psycopg://epochd:canary@127.0.0.1:1/epochd"


def end(words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words.split()],
        env={**os.environ, "EPOCHD_STATE_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("words", PROGRAMS)
def test_a_program_names_the_setting_that_is_wrong_and_what_would_be_right(
    words: str, tmp_path: Path
) -> None:
    ended = end(words, tmp_path, EPOCHD_ALLOWED_HOSTS="myhost")
    assert ended.returncode == CANNOT_START, ended.stderr
    assert "EPOCHD_ALLOWED_HOSTS: must be a JSON list of host names" in ended.stderr
    assert "Traceback" not in ended.stderr and "myhost" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "url"),
    [
        ("api", AWAY),
        ("api.tokens list", AWAY),
        ("api.provision migrate", AWAY),
        ("api", "nosuch://epochd:canary@h/d"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_sentence_without_its_password(
    words: str, url: str, tmp_path: Path
) -> None:
    ended = end(words, tmp_path, EPOCHD_DATABASE_URL=url)
    assert ended.returncode == CANNOT_START, ended.stderr
    assert "the database of EPOCHD_DATABASE_URL cannot be used: " in ended.stderr
    assert "Traceback" not in ended.stderr and len(ended.stderr.splitlines()) == 1
    assert "canary" not in ended.stderr


@pytest.mark.parametrize(
    "url",
    [
        "canary",
        "postgresql+psycopg://epochd:p@ss:canary@postgres:5432/epochd",
        "postgresql+psycopg://epochd:foo@canary@127.0.0.1:1/epochd",
    ],
)
@pytest.mark.parametrize("words", PROGRAMS)
def test_a_database_address_that_a_raw_password_tears_apart_is_refused_without_it(
    words: str, url: str, tmp_path: Path
) -> None:
    ended = end(words, tmp_path, EPOCHD_DATABASE_URL=url)
    assert ended.returncode == CANNOT_START, ended.stderr
    assert "EPOCHD_DATABASE_URL: must be an address such as" in ended.stderr
    assert "percent-encode the password" in ended.stderr
    assert "Traceback" not in ended.stderr and len(ended.stderr.splitlines()) == 1
    assert "canary" not in ended.stderr


def test_an_embedded_database_that_cannot_be_used_is_told_by_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "epochd.db").write_bytes(b"no database" * 100)
    ended = end("api", tmp_path)
    assert ended.returncode == CANNOT_START, ended.stderr
    assert "SQLite beneath EPOCHD_STATE_DIR" in ended.stderr and "not a database" in ended.stderr
    assert "Traceback" not in ended.stderr and len(ended.stderr.splitlines()) == 1
