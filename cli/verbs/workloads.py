"""`epochd workloads`: the model families that can be trained."""

from __future__ import annotations

import argparse
from urllib.parse import quote

from cli.console import print_json, print_table, say
from cli.exits import Exit
from cli.options import add_service_options, service

DESCRIPTION = "Lists the workloads, or shows the presets of one; --json adds the JSON Schema of its spec."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `workloads`."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="show this one")
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """List them, or show one."""
    path = "/workloads" if arguments.name is None else f"/workloads/{quote(arguments.name, safe='')}"
    with service(arguments) as client:
        answer = client.get(path)
    if arguments.json:
        print_json(answer)
    elif arguments.name is None:
        rows = [
            [workload["name"], _presets(workload["presets"], workload["default_preset"]), workload["summary"]]
            for workload in answer["workloads"]
        ]
        print_table(("NAME", "PRESETS", "WHAT"), rows)
    else:
        say(f"{answer['name']}: {answer['summary']}")
        print_json(answer["presets"])
    return Exit.OK


def _presets(names: list[str], default: str) -> str:
    return ", ".join(f"{name} (default)" if name == default else name for name in names)
