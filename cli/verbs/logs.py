"""`epochd logs`: what a job's trainers printed."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from cli.client import job_path
from cli.console import clean_log, print_json
from cli.exits import Exit
from cli.options import add_job_argument, add_service_options, service

DESCRIPTION = "Prints a job's log; with -f goes on until the job has ended."
PIECE_BYTES = 65_536
POLL_SECONDS = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `logs`."""
    add_job_argument(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the job has ended")
    parser.add_argument("--tail", type=int, metavar="LINES", help="begin with the last so many lines")
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the log piece by piece."""
    with service(arguments) as client:
        path = job_path(arguments.job, "logs")
        page = (
            client.get(path, tail=arguments.tail) if arguments.tail else client.get(path, limit=PIECE_BYTES)
        )
        if arguments.json:
            print_json(page)
            return Exit.OK
        _write(page)
        while not page["done"] and (arguments.follow or page["next"] < page["size"]):
            if page["next"] >= page["size"]:
                time.sleep(POLL_SECONDS)
            page = client.get(path, offset=page["next"], limit=PIECE_BYTES)
            _write(page)
    return Exit.OK


def _write(page: dict[str, Any]) -> None:
    text = page["text"]
    sys.stdout.write(clean_log(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()
