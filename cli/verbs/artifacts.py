"""`epochd artifacts`: lists or downloads what a job left: results, figures, reports."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cli import figures
from cli.client import Client, job_path
from cli.console import print_json, print_table, say
from cli.download import download
from cli.errors import WrongUsage
from cli.exits import Exit
from cli.options import add_job_argument, add_service_options, service

DESCRIPTION = """\
Lists what a job left, or downloads it.
  epochd artifacts JOB
  epochd artifacts JOB get                        all of it, into a folder named after the job
  epochd artifacts JOB get results.json --to .    one file"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `artifacts`."""
    add_job_argument(parser)
    parser.add_argument("action", nargs="?", choices=["get"], help="download instead of listing")
    parser.add_argument("paths", nargs="*", metavar="PATH", help="which; all where none is named")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="where to put them (a folder named JOB)")
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """List, or download and verify."""
    with service(arguments) as client:
        answer = client.get(job_path(arguments.job, "artifacts"))
        if arguments.action is None:
            _list(answer, arguments.json)
            return Exit.OK
        wanted = _chosen(answer["artifacts"], arguments.paths)
        saved = _save(client, wanted, arguments.to or Path(arguments.job))
    if arguments.json:
        print_json({"files": [str(path) for path in saved]})
    else:
        for path in saved:
            say(str(path))
    return Exit.OK


def _list(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    rows = [
        [artifact["path"], figures.size(artifact["bytes"]), artifact["media_type"], artifact["href"]]
        for artifact in answer["artifacts"]
    ]
    print_table(("PATH", "SIZE", "TYPE", "ADDRESS"), rows)


def _chosen(artifacts: list[dict[str, Any]], paths: list[str]) -> list[dict[str, Any]]:
    there = {artifact["path"]: artifact for artifact in artifacts}
    missing = [path for path in paths if path not in there]
    if missing:
        raise WrongUsage(f"the job left no {missing[0]}; it left {', '.join(sorted(there)) or 'nothing'}")
    return [there[path] for path in paths] if paths else artifacts


def _save(client: Client, artifacts: list[dict[str, Any]], folder: Path) -> list[Path]:
    return [download(client, artifact, folder) for artifact in artifacts]
