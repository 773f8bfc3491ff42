"""`epochd metrics`: a job's metrics as a table of epochs, as CSV or as JSON."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from cli import figures
from cli.client import Client, job_path
from cli.console import print_json, print_table, remark
from cli.exits import Exit
from cli.options import add_job_argument, add_service_options, service

DESCRIPTION = """\
Prints the newest value of each series in each epoch. --csv prints every point, --json the same as JSON."""
COLUMNS = ("attempt", "epoch", "step", "split", "name", "value", "time")
MOST_SERIES = 8
PAGE = 5000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `metrics`."""
    add_job_argument(parser)
    parser.add_argument("--split", help="only train, val or test")
    parser.add_argument("--name", help="only metrics of this name, such as loss")
    parser.add_argument("--csv", action="store_true", help="every point as CSV")
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the points."""
    with service(arguments) as client:
        points = list(_points(client, arguments))
    if arguments.json:
        print_json({"points": points})
    elif arguments.csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([point[column] for column in COLUMNS] for point in points)
    else:
        _table(points)
    return Exit.OK


def _points(client: Client, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Every point there is, page by page."""
    after = None
    while True:
        page = client.get(
            job_path(arguments.job, "metrics"),
            after=after,
            limit=PAGE,
            split=arguments.split,
            name=arguments.name,
        )
        yield from page["points"]
        if len(page["points"]) < PAGE:
            return
        after = page["next"]


def _table(points: Iterable[dict[str, Any]]) -> None:
    newest: dict[int, dict[str, float | None]] = {}
    for point in points:
        newest.setdefault(point["epoch"], {})[f"{point['split']}/{point['name']}"] = point["value"]
    series = sorted({name for values in newest.values() for name in values})
    shown = series[:MOST_SERIES]
    rows = [
        [str(epoch), *(figures.value(values[name]) if name in values else "" for name in shown)]
        for epoch, values in sorted(newest.items())
    ]
    print_table(("EPOCH", *shown), rows)
    if len(series) > len(shown):
        remark(f"and {len(series) - len(shown)} more series: {', '.join(series[MOST_SERIES:])}")
