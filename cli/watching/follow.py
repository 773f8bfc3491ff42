"""Follows a job over HTTP: state, history, new points of its loss curves, through dropped connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from cli.client import job_path
from cli.errors import CliError, ServiceFailed, Unreachable

Json = dict[str, Any]

FINAL = frozenset({"succeeded", "failed", "cancelled"})
WAIT_SECONDS = 1.0
"""How long the service may hold an answer back until something new happens."""
FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 10.0
GIVE_UP_SECONDS = 300.0
"""So long in a row nothing may answer before following ends."""

TRAIN, VAL = ("train", "loss_epoch"), ("val", None)
POINTS = 10_000
EVENTS = 1000
"""The most the service gives in one answer."""


class Service(Protocol):
    """What following needs of the client."""

    def get(self, path: str, **parameters: Any) -> Json: ...


@dataclass(frozen=True)
class Update:
    """What one look brought."""

    job: Json | None = None
    """The job, or None where nothing answered."""
    train: tuple[Json, ...] = ()
    """New points of the mean training loss of each epoch."""
    val: tuple[Json, ...] = ()
    """New points of the validation loss, its components and the metrics beside it."""
    events: tuple[Json, ...] = ()
    """New lines of the job's history."""
    trouble: str | None = None
    """Why there is nothing new, and when the next look is."""


def follow(service: Service, job_id: str, sleep: Callable[[float], None]) -> Iterator[Update]:
    """One update a look, the last when the job is final. Raises CliError at once or after long silence."""
    follower = _Follower(service, job_id)
    yield follower.look(wait=None)
    silent = 0.0
    delay = FIRST_DELAY_SECONDS
    while not follower.done:
        try:
            yield follower.look(wait=WAIT_SECONDS)
            silent, delay = 0.0, FIRST_DELAY_SECONDS
        except (Unreachable, ServiceFailed) as error:
            if silent >= GIVE_UP_SECONDS:
                raise
            yield Update(trouble=_trouble(error, delay))
            sleep(delay)
            silent, delay = silent + delay, min(2 * delay, LONGEST_DELAY_SECONDS)


class _Follower:
    def __init__(self, service: Service, job_id: str) -> None:
        self._service = service
        self._path = job_path(job_id)
        self._cursors: dict[tuple[str, str | None], str | None] = {TRAIN: None, VAL: None}
        self._heard: str | None = None
        self.done = False

    def look(self, wait: float | None) -> Update:
        val, _ = self._new(VAL, wait)
        train, _ = self._new(TRAIN, None)
        job = self._service.get(self._path)
        self.done = job["status"] in FINAL
        if self.done:
            val, train = val + self._rest(VAL), train + self._rest(TRAIN)
        return Update(job, train, val, self._history())

    def _history(self) -> tuple[Json, ...]:
        page = self._service.get(f"{self._path}/events", after=self._heard, limit=EVENTS)
        self._heard = page["next"]
        more = self._history() if len(page["events"]) == EVENTS else ()
        return (*page["events"], *more)

    def _rest(self, series: tuple[str, str | None]) -> tuple[Json, ...]:
        """What came between the look at the curve and the end of the job."""
        points, done = self._new(series, WAIT_SECONDS)
        while not done:
            more, done = self._new(series, WAIT_SECONDS)
            points += more
        return points

    def _new(self, series: tuple[str, str | None], wait: float | None) -> tuple[tuple[Json, ...], bool]:
        split, name = series
        page = self._service.get(
            f"{self._path}/metrics",
            split=split,
            name=name,
            after=self._cursors[series],
            wait=wait,
            limit=POINTS,
        )
        self._cursors[series] = page["next"]
        return tuple(page["points"]), page["done"]


def _trouble(error: CliError, delay: float) -> str:
    return f"{str(error).splitlines()[0]} - trying again in {delay:g} s"
