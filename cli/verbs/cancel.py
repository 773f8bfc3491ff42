"""`epochd cancel`: stops a job; a running one writes a checkpoint first."""

from __future__ import annotations

import argparse

from cli.client import job_path
from cli.console import print_json, say
from cli.exits import Exit
from cli.options import add_job_argument, add_service_options, service

DESCRIPTION = (
    "Cancels a job. A running one writes a checkpoint first, so that a resume goes on exactly there."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `cancel`."""
    add_job_argument(parser)
    parser.add_argument("--grace", type=float, metavar="SECONDS", help="time to write the checkpoint (30)")
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask for it."""
    body = {} if arguments.grace is None else {"grace_seconds": arguments.grace}
    with service(arguments) as client:
        job = client.post(job_path(arguments.job, "cancel"), body)
    if arguments.json:
        print_json(job)
    else:
        word = "is cancelled" if job["status"] == "cancelled" else "is asked to stop"
        say(f"{job['id']} {word}; go on with: epochd resume {job['id']}")
    return Exit.OK
