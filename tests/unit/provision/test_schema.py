"""The one-shot that migrates, and makes the token that Prometheus reads with."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy import select

from api.provision.schema import migrate
from api.tokens.text import digest
from shared.db import Database, open_database
from shared.models import Token


def database_at(folder: Path) -> Database:
    return open_database(f"sqlite:///{folder / 'epochd.db'}")


def tokens(database: Database) -> list[tuple[str, str]]:
    with database.read() as session:
        return [(token.scope, token.sha256) for token in session.scalars(select(Token))]


def test_an_empty_database_gets_its_schema_and_a_token_that_reads(tmp_path: Path) -> None:
    database = database_at(tmp_path)
    migrate(database, tmp_path, os.getgid())
    text = (tmp_path / "prometheus_token").read_text().strip()
    assert tokens(database) == [("read", digest(text))]
    database.close()


def test_another_start_keeps_the_token(tmp_path: Path) -> None:
    database = database_at(tmp_path)
    migrate(database, tmp_path, os.getgid())
    before = (tmp_path / "prometheus_token").read_text()
    migrate(database, tmp_path, os.getgid())
    assert (tmp_path / "prometheus_token").read_text() == before
    assert len(tokens(database)) == 1
    database.close()


def test_a_database_that_does_not_know_the_token_gets_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "prometheus_token").write_text("epochd_of_another_database")
    database = database_at(tmp_path)
    migrate(database, tmp_path, os.getgid())
    text = (tmp_path / "prometheus_token").read_text().strip()
    assert [sha256 for _, sha256 in tokens(database)] == [digest(text)]
    database.close()
