"""`epochd submit`: hands in a job."""

from __future__ import annotations

import argparse
import json
import shlex
from typing import Any

from cli.client import Client
from cli.console import print_json, remark, say
from cli.errors import WrongUsage
from cli.exits import Exit
from cli.options import add_service_options, service
from cli.spec import apply_settings, read_spec
from cli.watching.screens import fitting_screen
from cli.watching.watch import watch_to_end

DESCRIPTION = """\
Hands in a job and prints its id on stdout; the same call as a curl line goes to stderr.
  epochd submit --workload celestial --preset smoke --set trainer.epochs=4 --watch"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `submit`."""
    parser.add_argument("--workload", help="model family, such as celestial")
    parser.add_argument("--preset", help="named defaults of the workload")
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="KEY=VALUE",
        help="one value of the spec, such as trainer.epochs=5; the value is JSON or text",
    )  # fmt: skip
    parser.add_argument("--file", metavar="SPEC", help="JSON file with a spec to start from; - is stdin")
    parser.add_argument("--name", help="what to call the job")
    parser.add_argument("--tag", dest="tags", action="append", metavar="TAG", help="may be repeated")
    parser.add_argument("--priority", type=int, help="higher runs first (0)")
    parser.add_argument("--dry-run", action="store_true", help="print the effective spec, store nothing")
    parser.add_argument("--watch", action="store_true", help="watch the job to its end")
    parser.add_argument("--idempotency-key", help="the same key twice makes one job")
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Submit, and watch where asked to."""
    spec = requested_spec(arguments)
    with service(arguments) as client:
        if arguments.dry_run:
            return _dry_run(client, spec, arguments.json)
        key = arguments.idempotency_key
        job = client.post("/jobs", spec, headers={"Idempotency-Key": key} if key else None)
        _tell(client, job, spec, arguments)
        if not arguments.watch:
            return Exit.OK
        return watch_to_end(client, job["id"], fitting_screen(arguments.json))


def requested_spec(arguments: argparse.Namespace) -> dict[str, Any]:
    """The body to send: the file, then the flags, then each --set."""
    spec = read_spec(arguments.file) if arguments.file else {}
    for field in ("workload", "preset", "name", "tags", "priority"):
        value = getattr(arguments, field)
        if value is not None:
            spec[field] = value
    spec = apply_settings(spec, arguments.settings)
    if "workload" not in spec:
        raise WrongUsage("name a workload with --workload; `epochd workloads` lists them")
    return spec


def curl_line(url: str, spec: dict[str, Any]) -> str:
    """The same request for a shell."""
    body = shlex.quote(json.dumps(spec, ensure_ascii=False))
    return f"curl -sS -X POST {url}/jobs -H 'content-type: application/json' -d {body}"


def _dry_run(client: Client, spec: dict[str, Any], as_json: bool) -> int:
    answer = client.post("/jobs", spec, dry_run="true")
    print_json(answer if as_json else answer["spec"])
    for change in answer["adjustments"]:
        remark(f"{change['field']}: {change['asked']} becomes {change['used']}: {change['why']}")
    estimate = answer["estimate"]
    if estimate is None:
        remark("memory: no job of this data and model was measured here yet")
    else:
        remark(f"memory: {estimate['message']}, {estimate['method']}")
    return Exit.OK


def _tell(client: Client, job: dict[str, Any], spec: dict[str, Any], arguments: argparse.Namespace) -> None:
    if not arguments.json:
        say(job["id"])
        remark(curl_line(client.url, spec))
    elif not arguments.watch:  # what is watched is printed by the watching, a job a line
        print_json(job)
