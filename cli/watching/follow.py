"""Follows a job over HTTP: state, history, new points of its loss curves, through dropped connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from cli.client import job_path
from cli.errors import ServiceFailed, Unreachable
from cli.watching.patience import Patience

Json = dict[str, Any]

FINAL = frozenset({"succeeded", "failed", "cancelled"})
WAIT_SECONDS = 1.0
"""How long the service may hold an answer back until something new happens."""

Series = tuple[str, str | None]
"""Split and name; every name where None."""
TRAIN: Series = ("train", "loss_epoch")
VAL: Series = ("val", None)
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


def follow(
    service: Service, job_id: str, sleep: Callable[[float], None], clock: Callable[[], float]
) -> Iterator[Update]:
    """One update a look, the last when the job is final. Raises CliError at once or after long silence."""
    follower = _Follower(service, job_path(job_id))
    yield follower.look(wait=None)
    patience = Patience(sleep, clock)
    while not follower.done:
        try:
            yield follower.look(wait=WAIT_SECONDS)
            patience.heard()
        except (Unreachable, ServiceFailed) as error:
            yield Update(trouble=patience.trouble(error))
            patience.wait()


class _Follower:
    """Goes on behind the last look of which every request was answered: a broken one is made again, whole."""

    def __init__(self, service: Service, path: str) -> None:
        self._service = service
        self._path = path
        self._cursors = _Cursors()
        self.done = False

    def look(self, wait: float | None) -> Update:
        look = _Look(self._service, self._path, self._cursors)
        update = look.take(wait)
        self._cursors, self.done = look.cursors, look.final
        return update


@dataclass(frozen=True)
class _Cursors:
    """Behind what has been told."""

    series: Mapping[Series, str] = field(default_factory=dict)
    events: str | None = None


class _Look:
    """The requests of one look; its cursors move as they are answered."""

    def __init__(self, service: Service, path: str, cursors: _Cursors) -> None:
        self._service = service
        self._path = path
        self.cursors = cursors
        self.final = False

    def take(self, wait: float | None) -> Update:
        val, _ = self._new(VAL, wait)
        train, _ = self._new(TRAIN, None)
        job = self._service.get(self._path)
        self.final = job["status"] in FINAL
        if self.final:
            val, train = val + self._rest(VAL), train + self._rest(TRAIN)
        return Update(job, train, val, self._history())

    def _history(self) -> tuple[Json, ...]:
        page = self._service.get(f"{self._path}/events", after=self.cursors.events, limit=EVENTS)
        self.cursors = replace(self.cursors, events=page["next"])
        more = self._history() if len(page["events"]) == EVENTS else ()
        return (*page["events"], *more)

    def _rest(self, series: Series) -> tuple[Json, ...]:
        """What came between the look at the curve and the end of the job."""
        points, done = self._new(series, WAIT_SECONDS)
        while not done:
            more, done = self._new(series, WAIT_SECONDS)
            points += more
        return points

    def _new(self, series: Series, wait: float | None) -> tuple[tuple[Json, ...], bool]:
        split, name = series
        page = self._service.get(
            f"{self._path}/metrics",
            split=split,
            name=name,
            after=self.cursors.series.get(series),
            wait=wait,
            limit=POINTS,
        )
        self.cursors = replace(self.cursors, series={**self.cursors.series, series: page["next"]})
        return tuple(page["points"]), page["done"]
