"""The ground a world stands on: a folder and a migrated database, SQLite or a PostgreSQL of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migrations.migrate import upgrade
from shared.db import open_database
from tests.nemesis.world import World
from tests.servers import postgres_server

DATABASES = ("sqlite", "postgresql")
_one_at_a_time = threading.Lock()


@contextmanager
def ground(folder: Path, database: str, known_bad: str | None = None) -> Iterator[World]:
    """A world that is not started yet; its database goes with it, the folder stays."""
    folder.mkdir(parents=True, exist_ok=True)
    if database == "postgresql":
        with postgres_server() as server:
            world = World(folder, server.create_database(), server, known_bad)
            yield world
            world.close()
        return
    url = f"sqlite:///{folder / 'epochd.db'}"
    with _one_at_a_time:  # Alembic keeps its context in a global
        made = open_database(url)
        upgrade(made.engine)
        made.close()
    world = World(folder, url, None, known_bad)
    yield world
    world.close()
