"""`python -m api`: migrates the database and serves; with --controller, runs the control loops as well."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from threading import Event
from types import FrameType

import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from api.app import create_app
from api.maintenance.doorbell import Doorbell, open_doorbell
from api.maintenance.loops import start_loops
from api.security import is_loopback, refuse_open_bind
from api.tokens import store
from api.tokens.keyring import own_token
from api.tokens.text import token_id
from migrations.migrate import upgrade
from shared.db import Database, database_sentence, open_database
from shared.failpoints import arm
from shared.settings import Settings

log = logging.getLogger("epochd.api")

HELD_SECONDS = 5
"""How long an answer that has begun may still run after a request to stop."""

KEEP_ALIVE_SECONDS = 60
"""How long an idle connection stays open; longer than a person or a script pauses."""


@dataclass(frozen=True)
class _Ground:
    """What it serves on."""

    settings: Settings
    database: Database
    listening: socket.socket
    controller: bool


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    signal.signal(signal.SIGTERM, _leave)  # uvicorn serves to the end first, then raises the signal once more
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for talkative in ("alembic", "uvicorn"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    try:
        ground = _prepare(arguments)
    except (ValueError, OSError) as error:
        log.error("%s", error)  # noqa: TRY400
        return 2
    except SQLAlchemyError as error:
        log.error("%s", database_sentence(error))  # noqa: TRY400
        return 2
    _serve(ground)
    return 0


def _prepare(arguments: Sequence[str] | None) -> _Ground:
    """Raises ValueError, OSError or SQLAlchemyError."""
    settings = Settings.load()
    asked = _parse(settings, arguments)
    settings = settings.model_copy(update={"host": asked.host})  # where it listens decides what it demands
    arm(os.environ)
    database = open_database(settings.resolved_database_url)
    refuse_open_bind(asked.host, is_loopback(asked.host) or _has_token(settings, database))
    listening = _listen(asked.host, asked.port)
    upgrade(database.engine)
    _warn_of_foreign_token(settings, database)
    return _Ground(settings, database, listening, asked.controller)


def _serve(ground: _Ground) -> None:
    settings, database = ground.settings, ground.database
    with (
        open_doorbell(settings) as doorbell,
        _loops(database, settings, doorbell) if ground.controller else nullcontext(),
    ):
        app = create_app(settings, database, doorbell)
        log.info("epochd listens on %s", _address(ground.listening))
        if not is_loopback(settings.host):
            hosts = ", ".join(settings.allowed_hosts)
            log.info("it answers to the host names %s; EPOCHD_ALLOWED_HOSTS says which", hosts)
        _Server(app).run(sockets=[ground.listening])
    database.close()


def _has_token(settings: Settings, database: Database) -> bool:
    if own_token(settings.token_text) is not None:
        return True
    upgrade(database.engine)
    with database.read() as session:
        return store.has_live(session, database.now(session))


def _warn_of_foreign_token(settings: Settings, database: Database) -> None:
    of_settings = token_id(settings.token_text or "")
    if of_settings is None:
        return
    with database.read() as session:
        if store.knows(session, of_settings):
            return
    log.warning(
        "EPOCHD_TOKEN is a token of another service: it opens nothing here; "
        "make one with `python -m api.tokens create`, or unset it"
    )


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


class _Server(uvicorn.Server):
    """One process, one event loop; a request to stop sends everybody home who waits for news."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=HELD_SECONDS,
            )
        )
        self._watcher = app.state.watcher

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._watcher.close()
        super().handle_exit(sig, frame)


def _parse(settings: Settings, arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m api", description="The control plane of epochd.")
    parser.add_argument("--host", default=settings.host, help="address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=settings.port, help="port; 0 takes any (%(default)s)")
    parser.add_argument("--controller", action="store_true", help="run the control loops here as well")
    return parser.parse_args(arguments)


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises OSError that names the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle off only where the protocol is named; otherwise keep-alive costs 40 ms a call.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host.strip("[]"), port))
    except OSError as error:
        listening.close()
        raise OSError(f"epochd cannot listen on {host} port {port}: {error.strerror or error}") from None
    listening.listen(2048)
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _loops(database: Database, settings: Settings, doorbell: Doorbell | None) -> Iterator[None]:
    stop = Event()
    threads = start_loops(database, settings, stop, None if doorbell is None else doorbell.now)
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(HELD_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
