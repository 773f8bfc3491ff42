"""Who plays in a world: the processes of each mode, and the commands that start them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

EMBEDDED = "embedded"
STACK = "stack"
MODES = (EMBEDDED, STACK)

API = "api"
WORKERS = ("worker-1", "worker-2")
CONTROLLERS = ("controller-1", "controller-2")

CELERY = ("celery", "-A", "worker.app", "worker", "--loglevel=INFO", "--hostname=plain@%h")
COMMANDS: Mapping[str, Mapping[str, Sequence[str]]] = {
    EMBEDDED: {
        API: ("api", "--controller"),
        **dict.fromkeys(WORKERS, ("worker",)),
    },
    STACK: {
        API: ("api",),
        **dict.fromkeys(CONTROLLERS, ("api.maintenance",)),
        WORKERS[0]: ("worker.stack",),
        WORKERS[1]: CELERY,
    },
}
"""Mode -> process -> what follows `python -m`."""

SERVICES = {command[0] for cast in COMMANDS.values() for command in cast.values()}
