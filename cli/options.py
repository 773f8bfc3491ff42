"""Options that several verbs share."""

from __future__ import annotations

import argparse

from cli.client import Client, client_for


def add_service_options(parser: argparse.ArgumentParser) -> None:
    """Which service to ask, and how to print what it says."""
    parser.add_argument("--url", help="address of the service (EPOCHD_URL, else http://127.0.0.1:8642)")
    parser.add_argument("--json", action="store_true", help="print the service's JSON on stdout")


def add_job_argument(parser: argparse.ArgumentParser) -> None:
    """The job the verb is about."""
    parser.add_argument("job", metavar="JOB", help="id of the job")


def service(arguments: argparse.Namespace) -> Client:
    """The client that the options name."""
    return client_for(arguments.url)
