"""`epochd watch`: a job live, to its end."""

from __future__ import annotations

import argparse

from cli.options import add_job_argument, add_service_options, service
from cli.watching.screens import fitting_screen
from cli.watching.watch import watch_to_end

DESCRIPTION = """\
Shows a job until it ends: progress, speed, loss curves, memory and swap; one line an epoch where stdout is
no terminal. Goes on through dropped connections. Ctrl-C ends the watching, never the job."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `watch`."""
    add_job_argument(parser)
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Watch to the end; the exit code tells how the job ended."""
    with service(arguments) as client:
        return watch_to_end(client, arguments.job, fitting_screen(arguments.json))
