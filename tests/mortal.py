"""`python -IS mortal.py PARENT USER COMMAND...`: become a command that ends when the process PARENT does.

However the starter ends, and kill -9 is a way to end, nothing that it started is left.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

SELF = "-"
"""Names the user who starts."""


def mortal(command: Sequence[str], user: int | None = None) -> list[str]:
    """The command line that starts `command`, by that user, bound to the life of the calling thread."""
    who = SELF if user is None else str(user)
    return [sys.executable, "-IS", __file__, str(os.getpid()), who, *command]


def main(arguments: Sequence[str]) -> None:
    """Never returns."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from worker.deathsig import die_with_parent

    parent, user, *command = arguments
    if user != SELF:
        os.setgroups([])
        os.setgid(int(user))
        os.setuid(int(user))
    die_with_parent(int(parent))  # a change of user would undo it
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
