"""`epochd workers`: who runs jobs."""

from __future__ import annotations

import argparse

from cli import figures
from cli.console import print_json, print_table
from cli.exits import Exit
from cli.options import add_service_options, service

DESCRIPTION = "Lists the workers, the living first."
HEADERS = ("WORKER", "STATE", "QUEUES", "SLOTS", "CPUS", "MEMORY", "GPUS", "RUNS", "HEARD")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `workers`."""
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """List them."""
    with service(arguments) as client:
        answer = client.get("/workers")
        now = client.now()
    if arguments.json:
        print_json(answer)
        return Exit.OK
    rows = [
        [
            worker["id"],
            "alive" if worker["alive"] else "gone",
            ",".join(worker["queues"]),
            f"{worker['busy']}/{worker['slots']}",
            f"{worker['cpus']:g}",
            f"{worker['memory_gib']:.1f} GiB",
            str(worker["gpus"]),
            ",".join(worker["running"]),
            f"{figures.age(worker['heartbeat_at'], now)} ago",
        ]
        for worker in answer["workers"]
    ]
    print_table(HEADERS, rows)
    return Exit.OK
