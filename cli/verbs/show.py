"""`epochd show`: all there is to know of a job."""

from __future__ import annotations

import argparse
from typing import Any

from cli import figures
from cli.client import job_path
from cli.console import clean, print_json, print_table, say
from cli.exits import Exit
from cli.options import add_job_argument, add_service_options, service
from cli.watching.picture import Picture, panel

DESCRIPTION = (
    "Shows a job: status, progress, what was adjusted, every attempt, its guards, checkpoints and results."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `show`."""
    add_job_argument(parser)
    parser.add_argument("--spec", action="store_true", help="print the effective spec and nothing else")
    add_service_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the job."""
    with service(arguments) as client:
        job = client.get(job_path(arguments.job))
        if arguments.json or arguments.spec:
            print_json(job["spec"] if arguments.spec else job)
            return Exit.OK
        checkpoints = client.get(job_path(arguments.job, "checkpoints"))["checkpoints"]
    for line in panel(Picture(job=job)):
        say(clean(line))
    for change in job["adjustments"]:
        say(clean(f"{change['field']}: {change['asked']} became {change['used']}: {change['why']}"))
    _attempts(job["attempts"])
    _guards(job["guards"])
    _checkpoints([checkpoint for checkpoint in checkpoints if checkpoint["state"] == "ready"])
    _results(job["results"])
    return Exit.OK


def _attempts(attempts: list[dict[str, Any]]) -> None:
    if not attempts:
        return
    say()
    rows = [
        [
            str(attempt["attempt"]),
            attempt["worker_id"],
            attempt["started_at"][:19],
            _lasted(attempt),
            (attempt["outcome"] or "running").replace("_", " "),
            attempt["resumed_from"] or "",
            _resume(attempt),
        ]
        for attempt in attempts
    ]
    print_table(("ATTEMPT", "WORKER", "STARTED", "LASTED", "OUTCOME", "RESUMED FROM", "RESUME"), rows)


def _guards(guards: list[dict[str, Any]]) -> None:
    if not guards:
        return
    say()
    rows = [[one["name"], one["outcome"], f"{one['seconds']:.2f} s", one["sentence"]] for one in guards]
    print_table(("GUARD", "OUTCOME", "TOOK", "SEEN"), rows)


def _resume(attempt: dict[str, Any]) -> str:
    if attempt["resumed_from"] is None or attempt["exact"] is None:
        return ""
    return "exact" if attempt["exact"] else f"not exact: {attempt['exact_why']}"


def _lasted(attempt: dict[str, Any]) -> str:
    if attempt["ended_at"] is None:
        return ""
    return figures.duration(
        (figures.parsed(attempt["ended_at"]) - figures.parsed(attempt["started_at"])).total_seconds()
    )


def _checkpoints(checkpoints: list[dict[str, Any]]) -> None:
    if not checkpoints:
        return
    say()
    rows = [
        [
            checkpoint["id"],
            str(checkpoint["epoch"]),
            str(checkpoint["step"]),
            figures.size(checkpoint["bytes"]),
            "best" if checkpoint["best"] else "",
        ]
        for checkpoint in checkpoints
    ]
    print_table(("CHECKPOINT", "EPOCH", "STEP", "SIZE", ""), rows)


def _results(results: dict[str, Any] | None) -> None:
    """The plain numbers of the results; the whole stands in results.json among the artifacts."""
    numbers = [
        [name, figures.value(number)] for name, number in (results or {}).items() if _is_number(number)
    ]
    if numbers:
        say()
        print_table(("RESULT", "VALUE"), numbers)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
