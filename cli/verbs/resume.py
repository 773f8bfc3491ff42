"""`epochd resume`: goes on with a job that has ended."""

from __future__ import annotations

import argparse
from typing import Any

from cli.client import job_path
from cli.console import print_json, say
from cli.exits import Exit
from cli.options import add_job_argument, add_service_options, service
from cli.watching.screens import fitting_screen
from cli.watching.watch import watch_to_end

DESCRIPTION = """\
Goes on with a job that was cancelled, failed or succeeded, from its newest checkpoint that verifies.
  epochd resume JOB --from best --epochs 20"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `resume`."""
    add_job_argument(parser)
    parser.add_argument("--from", dest="from_", metavar="CHECKPOINT", help="last, best or a checkpoint id")
    parser.add_argument("--epochs", type=int, help="train until this many epochs are done in all")
    parser.add_argument("--watch", action="store_true", help="watch the job to its end")
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask for it, and watch where asked to."""
    with service(arguments) as client:
        job = client.post(job_path(arguments.job, "resume"), _body(arguments))
        if arguments.watch:
            return watch_to_end(client, job["id"], fitting_screen(arguments.json))
    if arguments.json:
        print_json(job)
    else:
        say(f"{job['id']} is queued again; watch it with: epochd watch {job['id']}")
    return Exit.OK


def _body(arguments: argparse.Namespace) -> dict[str, Any]:
    asked = {"from": arguments.from_, "epochs": arguments.epochs}
    return {name: value for name, value in asked.items() if value is not None}
