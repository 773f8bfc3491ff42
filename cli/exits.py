"""Exit codes of the `epochd` command. Scripts rely on them: a number is never given a new meaning."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    JOB_FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    SERVICE_ERROR = 5
    JOB_CANCELLED = 6
    INTERRUPTED = 130


MEANING = {
    Exit.OK: "done; of watch: the job succeeded",
    Exit.JOB_FAILED: "the watched job failed",
    Exit.USAGE: "the command line is wrong, or epochd cannot start as asked",
    Exit.UNREACHABLE: "no service answers at the address",
    Exit.REFUSED: "the service refused the request (4xx)",
    Exit.SERVICE_ERROR: "the service failed (5xx), or something broke",
    Exit.JOB_CANCELLED: "the watched job was cancelled",
    Exit.INTERRUPTED: "interrupted with Ctrl-C; a watched job goes on",
}

_BY_STATUS = {
    "succeeded": Exit.OK,
    "failed": Exit.JOB_FAILED,
    "cancelled": Exit.JOB_CANCELLED,
}


def exit_of(status: str) -> Exit:
    """The exit code that tells of a job's final status."""
    return _BY_STATUS[status]


def exit_table() -> str:
    """The codes as lines for a help text."""
    return "\n".join(f"  {code.value:>3}  {meaning}" for code, meaning in MEANING.items())
