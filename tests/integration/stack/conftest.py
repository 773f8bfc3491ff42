"""One Valkey server for the folder, empty at the start of each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.stack.fleet import Fleet, fleet
from tests.servers import PostgresServer, ValkeyServer, valkey_server


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@pytest.fixture
def stack(postgres: PostgresServer, valkey: ValkeyServer, tmp_path: Path) -> Iterator[Fleet]:
    """PostgreSQL and Valkey, and no worker yet."""
    with valkey.client() as client:
        client.flushall()
    with fleet(postgres.create_database(), valkey.url, tmp_path) as opened:
        yield opened
