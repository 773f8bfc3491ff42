"""`epochd top`: jobs and workers live, in one screen."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator

from cli.client import Client
from cli.console import can_redraw, remark
from cli.errors import ServiceFailed, Unreachable
from cli.exits import Exit
from cli.options import add_service_options, service
from cli.top import show
from cli.top.layout import screen
from cli.top.look import Look, look

DESCRIPTION = """\
Shows workers and jobs like top(1), until Ctrl-C; where stdout is no terminal, or TERM says that it cannot be
drawn over (dumb), as blocks of lines. Goes on through dropped connections.
  epochd top --once        one look
  epochd top --json        each look as one line of JSON"""

Wait = Callable[[float], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `top`."""
    parser.add_argument("--once", action="store_true", help="look once and end")
    parser.add_argument("--every", type=_seconds, default=2.0, metavar="SECONDS", help="between looks (2)")
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look until interrupted."""
    with service(arguments) as client:
        if arguments.once:
            seen = look(client)
            show.as_json(seen.json) if arguments.json else _print(seen, client)
            return Exit.OK
        try:
            _watch(client, arguments.json, arguments.every)
        except KeyboardInterrupt:
            return Exit.OK  # the way to leave it
    return Exit.OK


def _watch(client: Client, as_json: bool, every: float) -> None:
    if as_json:
        for seen, trouble in looks(client, every, time.sleep):
            remark(trouble) if trouble else show.as_json(seen.json)
        return
    with (show.in_place if can_redraw() else show.blocks)() as put:
        for seen, trouble in looks(client, every, time.sleep):
            put(screen(seen, client.url, client.now(), trouble))


def looks(client: Client, every: float, wait: Wait) -> Iterator[tuple[Look, str | None]]:
    """Look after look; where nothing answers the last one again, and why. Raises CliError at the first."""
    seen, trouble = look(client), None
    while True:
        yield seen, trouble
        wait(every)
        try:
            seen, trouble = look(client), None
        except (Unreachable, ServiceFailed) as error:
            trouble = f"{str(error).splitlines()[0]} - trying again in {every:g} s"


def _print(seen: Look, client: Client) -> None:
    with show.blocks() as put:
        put(screen(seen, client.url, client.now()))


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.2 <= seconds <= 3600:
        raise argparse.ArgumentTypeError("must be 0.2 to 3600 seconds")
    return seconds
