"""`epochd logs`: what a job's trainers printed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from typing import Any

from cli.client import Client, job_path
from cli.console import clean_log, print_json, print_json_line, remark
from cli.exits import Exit
from cli.options import add_job_argument, add_service_options, service
from cli.watching import log

DESCRIPTION = """\
Prints a job's log; with -f goes on until the job has ended, through dropped connections. With --json one
piece of the log as the service gives it, with --json -f each piece on a line."""

Json = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `logs`."""
    add_job_argument(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the job has ended")
    parser.add_argument("--tail", type=_lines, metavar="LINES", help="begin with the last so many lines")
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the log piece by piece."""
    with service(arguments) as client:
        path = job_path(arguments.job, "logs")
        first = _first(client, path, arguments.tail, arguments.json)
        if arguments.json and not arguments.follow:
            print_json(first)
            return Exit.OK
        put = print_json_line if arguments.json else _write
        put(first)
        for page in _further(client, path, first, arguments.follow):
            put(page)
    return Exit.OK


def _first(client: Client, path: str, lines: int | None, as_json: bool) -> Json:
    if lines is None:
        return log.beginning(client, path)
    if as_json:
        return log.tail(client, path, lines)
    return log.whole_tail(client, path, lines, remark)


def _further(client: Client, path: str, first: Json, follow: bool) -> Iterator[Json]:
    if follow:
        return log.followed(client, path, first, time.sleep, time.monotonic, remark)
    return log.rest(client, path, first)


def _lines(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError("must be 0 or more lines")
    return count


def _write(page: Json) -> None:
    text = page["text"]
    sys.stdout.write(clean_log(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()
