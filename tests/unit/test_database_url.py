"""Addresses of the database: whole ones pass, and what a raw password tears apart does not, untold."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import make_url

from shared.database_url import check_database_url
from shared.db import open_database


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///epochd.db",
        "sqlite:////srv/someone@home/epochd.db",
        "sqlite+pysqlite:///:memory:",
        "postgresql+psycopg://epochd:word@postgres:5432/epochd",
        "postgresql+psycopg://epochd:p%40ss%3Aw0rd@postgres:5432/epochd",
        "postgresql+psycopg://epochd:a/b?c#d:e@postgres/epochd",
        "postgresql+psycopg://epochd@server:word@postgres/epochd",
        "postgresql+psycopg://epochd@[::1]:5432/epochd",
        "postgresql+psycopg://one,two/epochd?target_session_attrs=read-write",
        "postgresql+psycopg:///epochd?host=/run/postgresql",
    ],
)
def test_an_address_of_a_database_passes(url: str) -> None:
    check_database_url(url)
    assert "@" not in (make_url(url).host or "")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://epochd:p@ss:canary@postgres:5432/epochd",
        "postgresql+psycopg://epochd:foo@canary@127.0.0.1:1/epochd",
        "postgresql+psycopg://epochd:foo@1/canary@127.0.0.1:1/epochd",
        "postgresql+psycopg://epochd:foo@x?canary@127.0.0.1:1/epochd",
        "postgresql+psycopg://epochd:foo@x[canary@127.0.0.1:1/epochd",
        "postgresql+psycopg://epo/chd:canary@127.0.0.1:1/epochd",
        "postgresql+psycopg://postgres:canary/epochd",
        "postgresql+psycopg:epochd:canary@postgres/epochd",
        "sqlite://epochd:canary@postgres/epochd",
        "sqlite://canary/epochd",
        "canary",
        "",
    ],
)
def test_any_other_is_refused_and_not_told(url: str) -> None:
    with pytest.raises(ValueError, match="percent-encode the password") as told:
        check_database_url(url)
    assert "canary" not in str(told.value) and "127" not in str(told.value)
    assert told.value.__context__ is None  # a traceback would tell it
    with pytest.raises(ValueError, match=r"^EPOCHD_DATABASE_URL must be"):
        open_database(url)


def test_a_driver_that_is_not_installed_is_named_beside_the_one_that_is() -> None:
    with pytest.raises(ValueError, match=r"EPOCHD_DATABASE_URL needs .*postgresql\+psycopg://") as told:
        open_database("mysql+pymysql://epochd:canary@h/d")
    assert "canary" not in str(told.value)
