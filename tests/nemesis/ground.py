"""The ground a world stands on: a folder, a database, SQLite or a PostgreSQL of its own, and a broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from migrations.migrate import upgrade
from shared.db import open_database
from tests.nemesis.cast import EMBEDDED, STACK
from tests.nemesis.world import World
from tests.servers import postgres_server, valkey_server

DATABASES = ("sqlite", "postgresql")
SLOW_COMMITS = ("commit_delay=5000", "commit_siblings=0")
"""Microseconds between a commit's last word and its disk, so that a crash meets some in the middle."""

_one_at_a_time = threading.Lock()


@contextmanager
def ground(
    folder: Path,
    database: str,
    known_bad: str | None = None,
    mode: str = EMBEDDED,
    bells: str | None = None,
) -> Iterator[World]:
    """A world that is not started yet; its servers go with it, the folder stays."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as servers:
        broker = servers.enter_context(valkey_server()) if mode == STACK else None
        server = None
        if database == "postgresql":
            server = servers.enter_context(postgres_server(*SLOW_COMMITS))
        url = _sqlite(folder) if server is None else server.create_database()
        world = World(folder, url, server, known_bad, broker, bells)
        yield world
        world.close()


def _sqlite(folder: Path) -> str:
    url = f"sqlite:///{folder / 'epochd.db'}"
    with _one_at_a_time:  # Alembic keeps its context in a global
        made = open_database(url)
        upgrade(made.engine)
        made.close()
    return url
