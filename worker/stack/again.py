"""Becoming a fresh process with the same command line."""

from __future__ import annotations

import atexit
import os
import sys


def start_again_at_exit() -> None:
    """When this process ends in order, another takes its place."""
    atexit.register(start_again_now)


def start_again_now() -> None:
    """Replace this process as it is; what it started dies with its threads."""
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  our own command line
