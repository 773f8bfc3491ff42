"""The `epochd` command: finds the verb, runs it, tells what went wrong in a sentence and an exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from typing import Protocol, cast

from cli.console import print_in_any_encoding, print_json
from cli.errors import CliError, Refused
from cli.exits import Exit, exit_table

VERBS = {
    "up": "start the service on this machine",
    "demo": "train a real model through the REST API: watched, cancelled, resumed, evaluated",
    "submit": "hand in a job",
    "watch": "watch a job live",
    "top": "jobs and workers live, in one screen",
    "list": "list jobs, newest first",
    "show": "show all there is to know of a job",
    "logs": "print a job's log",
    "metrics": "print a job's metrics",
    "cancel": "cancel a job; a running one writes a checkpoint first",
    "resume": "go on with a job that has ended",
    "delete": "delete a job that has ended, with its files",
    "artifacts": "list or download what a job left",
    "workloads": "list the model families that can be trained",
    "token": "make, list and revoke tokens: who may ask what",
    "workers": "list the workers",
}


class Verb(Protocol):
    """A module of cli/verbs."""

    DESCRIPTION: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code is one of cli.exits.Exit."""
    print_in_any_encoding()
    try:
        return _run(sys.argv[1:] if argv is None else list(argv))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # the reader of our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception:  # Python's own exit code for it would say that a watched job failed
        traceback.print_exc()
        print("epochd: this is a fault in epochd itself; the lines above say where", file=sys.stderr)
        return Exit.SERVICE_ERROR


def _run(words: Sequence[str]) -> int:
    arguments = _parser(words).parse_args(words)
    try:
        return int(arguments.run(arguments))
    except CliError as error:
        return _told(error, as_json=getattr(arguments, "json", False))


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="epochd",
        description="Runs training jobs: submit one, watch it live, cancel it, resume it, lose nothing.",
        epilog=f"exit codes:\n{exit_table()}\n\nepochd VERB --help tells more of a verb.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=partial(_help, parser))
    verbs = parser.add_subparsers(metavar="VERB")
    for name, summary in VERBS.items():
        below = verbs.add_parser(
            name,
            help=summary,
            epilog=f"exit codes:\n{exit_table()}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name in words:  # loads one verb's module and not all of them: a command starts in half the time
            _fill(below, name)
    return parser


def _fill(parser: argparse.ArgumentParser, name: str) -> None:
    verb = cast(Verb, importlib.import_module(f"cli.verbs.{name}"))
    parser.description = verb.DESCRIPTION
    verb.add_arguments(parser)
    parser.set_defaults(run=verb.run)


def _help(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:  # noqa: ARG001
    parser.print_help()
    return Exit.OK


def _told(error: CliError, as_json: bool) -> int:
    if as_json and isinstance(error, Refused):
        print_json(dict(error.problem))
    print(f"epochd: {error}", file=sys.stderr)
    return error.exit
