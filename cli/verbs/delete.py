"""`epochd delete`: deletes a job that has ended, with its files."""

from __future__ import annotations

import argparse

from cli.client import job_path
from cli.console import print_json, say
from cli.exits import Exit
from cli.options import add_job_argument, add_service_options, service

DESCRIPTION = "Deletes a job that has ended: its row, its history, its checkpoints, its artifacts. For good."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `delete`."""
    add_job_argument(parser)
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Delete it."""
    with service(arguments) as client:
        client.delete(job_path(arguments.job))
    if arguments.json:
        print_json({"deleted": arguments.job})
    else:
        say(f"{arguments.job} is deleted")
    return Exit.OK
