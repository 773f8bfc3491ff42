"""A job's log in the pieces the service gives: its last lines, what is there, all until the job has ended."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

from cli.errors import ServiceFailed, Unreachable
from cli.watching.follow import Service
from cli.watching.patience import Patience

Json = dict[str, Any]

PIECE_BYTES = 65_536
TAIL_BYTES = 1_048_576
"""The most the service gives at once."""
TAIL_LINES = 100_000
"""The most lines it counts back."""
POLL_SECONDS = 0.5


def beginning(service: Service, path: str) -> Json:
    """The first piece."""
    return service.get(path, limit=PIECE_BYTES)


def tail(service: Service, path: str, lines: int) -> Json:
    """The piece with the last lines, as the service gives it: where they are long it begins inside a line."""
    return service.get(path, tail=lines, limit=TAIL_BYTES)


def whole_tail(service: Service, path: str, lines: int, tell: Callable[[str], None]) -> Json:
    """The same in whole lines; where they are fewer than asked for, that is told."""
    page = tail(service, path, min(lines + 1, TAIL_LINES))  # the one before shows where a line begins
    found = list(io.StringIO(page["text"]))
    whole = found[1:] if page["offset"] > 0 else found
    kept = whole[max(0, len(whole) - lines) :]
    if page["offset"] > 0 and len(kept) < lines:
        tell(
            f"These are the last {len(kept)} lines, not {lines}: the end of a log comes in at most "
            f"{TAIL_BYTES:,} bytes and {TAIL_LINES:,} lines. Without --tail all of it is printed."
        )
    return {**page, "text": "".join(kept)}


def rest(service: Service, path: str, page: Json) -> Iterator[Json]:
    """What is there behind a piece. Raises CliError."""
    while not page["done"] and page["text"] and page["next"] < page["size"]:
        page = _behind(service, path, page)
        yield page


def followed(
    service: Service,
    path: str,
    page: Json,
    sleep: Callable[[float], None],
    clock: Callable[[], float],
    tell: Callable[[str], None],
) -> Iterator[Json]:
    """What comes until the job has ended; troubles are told. Raises CliError after long silence."""
    patience = Patience(sleep, clock)
    while not page["done"]:
        if not page["text"] or page["next"] >= page["size"]:
            sleep(POLL_SECONDS)
        try:
            page = _behind(service, path, page)
        except (Unreachable, ServiceFailed) as error:
            tell(patience.trouble(error))
            patience.wait()
            continue
        if page["text"] or page["done"]:
            yield page
        patience.heard()


def _behind(service: Service, path: str, page: Json) -> Json:
    return service.get(path, offset=page["next"], limit=PIECE_BYTES)
