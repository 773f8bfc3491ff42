"""Watches a job to its end and tells it on a screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from cli.client import Client
from cli.console import remark
from cli.exits import Exit, exit_of
from cli.watching.follow import follow
from cli.watching.picture import Picture
from cli.watching.screens import Screen

Json = dict[str, Any]


def watch_to_end(client: Client, job_id: str, screen: Screen) -> int:
    """The exit code that tells how the job ended; Ctrl-C leaves the job alone."""
    try:
        job = watch_until(client, job_id, screen, _never)
    except KeyboardInterrupt:
        remark(f"\nThe job goes on. Watch it again: epochd watch {job_id}   Stop it: epochd cancel {job_id}")
        return Exit.INTERRUPTED
    return exit_of(job["status"])


def watch_until(client: Client, job_id: str, screen: Screen, enough: Callable[[Json], bool]) -> Json:
    """Show the job until it is final or `enough` of it was seen; the job as it was then."""
    picture = Picture()
    with screen:
        for update in follow(client, job_id, time.sleep, time.monotonic):
            picture.take(update)
            screen.show(picture)
            if update.job is not None and enough(update.job):
                break
    return picture.job


def _never(job: Json) -> bool:  # noqa: ARG001
    return False
