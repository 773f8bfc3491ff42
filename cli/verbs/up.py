"""`epochd up`: the whole service on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial
from pathlib import Path

from cli.embedded.child import spawn
from cli.embedded.ground import StateDirectory, usable_port
from cli.embedded.launch import Edges
from cli.embedded.launch import run as run_until_stopped
from cli.embedded.program import Ground, embedded_programs
from cli.embedded.readiness import is_ready
from cli.embedded.stopping import StopRequests
from cli.embedded.supervisor import Supervisor
from cli.errors import WrongUsage
from shared.settings import Settings

DESCRIPTION = """\
Starts the API with its control loops and one worker, keeps both running, and stops them in order on
Ctrl-C or SIGTERM: running jobs write a checkpoint first and go on at the next start.
Every default can be set in the environment; docs/configuration.md lists the variables."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `up`; what is not given comes from the environment, then from the defaults."""
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (8642); 0 takes a free one")
    parser.add_argument("--state-dir", type=Path, help="database, run directories, logs (.epochd)")
    parser.add_argument("--slots", type=int, help="jobs that may run at once, resources allowing (4 or more)")


def run(arguments: argparse.Namespace) -> int:
    """Start, tend, stop. Raises WrongUsage or ServiceFailed."""
    settings = _settings(arguments)
    state = StateDirectory(settings.state_dir)
    port = usable_port(settings.host, settings.port)
    ground = Ground(settings.host, port, state.path, settings.slots)
    requests = StopRequests()
    requests.listen()
    edges = Edges(requests, partial(is_ready, ground.url, settings.token_text), time.monotonic, _tell)
    supervisor = Supervisor(embedded_programs(ground, os.environ), spawn, time.monotonic, _tell)
    try:
        return run_until_stopped(supervisor, ground.url, edges)
    finally:
        state.release()
        requests.close()


def _settings(arguments: argparse.Namespace) -> Settings:
    given = {
        name: value
        for name in ("host", "port", "state_dir", "slots")
        if (value := getattr(arguments, name)) is not None
    }
    try:
        return Settings.load(given)
    except ValueError as error:
        raise WrongUsage(str(error)) from None


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stdout, flush=True)
