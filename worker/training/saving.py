"""Checkpoints at step edges: begun where due, written beside training, retried, and told once durable."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.errors import CheckpointError
from shared.specs.parts import CheckpointSpec
from worker.training.background import Background
from worker.training.checkpoint import CheckpointStore, Saved
from worker.training.history import BestMetric
from worker.training.interval import Interval
from worker.training.manifest import checkpoint_id
from worker.training.moment import Moment, Origin, Position, manifest_of
from worker.training.position import Progress
from worker.training.refused import why_refused
from worker.training.reporter import Reporter
from worker.training.retiring import retiring
from worker.training.state import AppState, Snapshot
from worker.training.triggers import cannot_wait, wanted_by_count
from worker.training.way import Way

RETRY_SECONDS = (30.0, 60.0, 120.0)
"""Pauses before a failed save is tried again; after the last, the next one that is due takes its turn."""
PATIENT_SECONDS = 20.0
"""A save that found too little idle time for so long goes on at the priority of training."""

log = logging.getLogger(__name__)


@dataclass
class _Save:
    """A save on its way."""

    moment: Moment
    began: float
    work: Background
    blocked: float = 0.0


class Saver:
    """Saves at step edges, one at a time. A save that disk or memory refuses is told, and training goes on.

    A large state is copied, and the copy written beside training. What falls due meanwhile is taken at the
    first step edge after that save; only the checkpoint of a best epoch, or of one kept for good, waits for
    it to end, for it cannot be made later.
    """

    def __init__(
        self,
        store: CheckpointStore,
        spec: CheckpointSpec,
        origin: Origin,
        state: AppState,
        progress: Progress,
        best: BestMetric,
        report: Reporter,
        clock: Callable[[], float],
        now: Callable[[], float],
        saved_at: Position | None,
    ) -> None:
        self._store = store
        self._spec = spec
        self._origin = origin
        self._progress = progress
        self._best = best
        self._report = report
        self._clock = clock
        self._now = now
        self._saved_at = saved_at
        self._failure = ""
        self._last = clock()
        self._edge: float | None = None
        self._interval = Interval(spec)
        self._way = Way(state, spec.background_from_mib, report)
        self._in_flight: _Save | None = None
        self._owed = False
        self._retries = 0
        self._retry_at: float | None = None

    @property
    def exact(self) -> bool:
        """Whether every resume so far was bit for bit."""
        return self._origin.exact

    def not_exact(self, why: str, environment: Mapping[str, Any]) -> None:
        """From here on checkpoints say so, and in what surroundings they were made."""
        told = why if self._origin.exact else f"{self._origin.why}; {why}"
        surroundings = {**self._origin.environment, **environment}
        self._origin = replace(self._origin, exact=False, why=told, environment=surroundings)

    def due(self, *, epoch_ended: bool = False, improved: bool = False) -> bool:
        """Whether a checkpoint is wanted at this step edge. Takes note of one that ended."""
        now = self._clock()
        self._measure_step(now, epoch_ended=epoch_ended)
        self._look_after(now)
        self._way.choose()
        if wanted_by_count(self._spec, self._progress, epoch_ended=epoch_ended, improved=improved):
            return True
        return self._in_flight is None and self._wanted_by_now(now)

    def due_by_count(self) -> bool:
        """Whether the number of this step alone asks for one, which every process knows."""
        return wanted_by_count(self._spec, self._progress)

    def save(self, *, improved: bool = False) -> bool:
        """Checkpoint the present state, or as soon as the save in flight ends; whether none failed here."""
        if self._in_flight is not None:
            if not cannot_wait(self._spec, self._progress, improved=improved):
                self._owed = True
                return True
            self._end_flight()
        saved = self._begin(improved=improved, beside=True)
        self._edge = self._clock()
        return saved

    def save_or_raise(self) -> None:
        """Have the present state on the disk. Raises CheckpointError where that cannot be."""
        # The one in flight first: it is what remains if the time to end runs out during the last.
        self._end_flight()
        at_rest = self._saved_at == self._position()
        if not at_rest and not self._begin(improved=False, beside=False):
            raise CheckpointError(f"the last checkpoint could not be written: {self._failure}")

    def close(self) -> None:
        """Leave nothing at work: the run directory may be another trainer's from here on."""
        try:
            self._end_flight()
        except Exception:
            log.exception("the checkpoint in flight was not written")
        self._way.close()

    def _wanted_by_now(self, now: float) -> bool:
        if self._owed or (self._retry_at is not None and now >= self._retry_at):
            return True
        every, seconds = self._spec.every_minutes, self._interval.seconds
        since = now - self._last
        return (every is not None and since >= 60 * every) or (seconds is not None and since >= seconds)

    def _measure_step(self, now: float, *, epoch_ended: bool) -> None:
        # What lies before the end of an epoch is a validation, not a step.
        if self._edge is not None and not epoch_ended:
            self._interval.stepped(now - self._edge, beside_a_save=self._in_flight is not None)
        self._edge = None if epoch_ended else now

    def _look_after(self, now: float) -> None:
        flight = self._in_flight
        if flight is None:
            return
        if flight.work.over:
            self._end_flight()
        elif now - flight.began > PATIENT_SECONDS:
            flight.work.hurry()

    def _begin(self, *, improved: bool, beside: bool) -> bool:
        began = self._clock()
        if improved:
            self._best.kept_as(checkpoint_id(self._progress.step, self._origin.attempt))
        self._report.flush()
        # Also after a failure: a full disk must not make every step try again.
        self._last, self._owed, self._retry_at = began, False, None
        moment = self._moment(is_best=improved)
        snapshot = self._snapshot(moment)
        if snapshot is None:
            return False
        self._in_flight = save = _Save(moment, began, Background(self._writing(snapshot, moment, began)))
        beside = beside and bool(snapshot.copies) and save.work.start()
        save.blocked = self._clock() - began
        return beside or self._end_flight()

    def _snapshot(self, moment: Moment) -> Snapshot | None:
        """The present state; None where there was no memory for it."""
        try:
            return self._way.snapshot()
        except Exception as error:
            self._fail(moment, error)
        return None

    def _writing(self, snapshot: Snapshot, moment: Moment, began: float) -> Generator[None]:
        saved = yield from self._store.writing(
            snapshot, lambda files: manifest_of(self._origin, moment, files)
        )
        self._tell(saved, self._clock() - began)
        yield
        yield from retiring(self._store, self._spec, self._report)

    def _end_flight(self) -> bool:
        """Do what is left of the save in flight and draw the consequences; false where it failed."""
        save, self._in_flight = self._in_flight, None
        if save is None:
            return True
        waited = self._clock()
        try:
            save.work.finish()
        except Exception as error:
            self._fail(save.moment, error)
            return False
        self._interval.saved(save.blocked + self._clock() - waited, self._clock() - save.began)
        self._saved_at, self._retries = save.moment.position, 0
        self._tell_interval()
        return True

    def _position(self) -> Position:
        return (self._progress.epoch, self._progress.step, self._progress.samples)

    def _moment(self, *, is_best: bool) -> Moment:
        return Moment(*self._position(), self._now(), is_best, self._best.so_far)

    def _tell(self, saved: Saved, seconds: float) -> None:
        self._report.emit("checkpoint", **saved.told, seconds=seconds)
        log.info("checkpoint %s written, %d bytes", saved.manifest.id, saved.bytes)

    def _fail(self, moment: Moment, error: Exception) -> None:
        """Note a save that disk or memory refused. Raises any other error."""
        why = why_refused(error)
        if not why:
            raise error
        self._failure = why
        self._interval.failed()
        if moment.is_best and moment.best == self._best.so_far:
            self._best.kept_as(None)
        if self._retries < len(RETRY_SECONDS):
            self._retry_at = self._clock() + RETRY_SECONDS[self._retries]
            self._retries += 1
        self._report.emit("checkpoint_failed", why=why, step=moment.step)
        log.error("checkpoint of step %d not written, training goes on: %s", moment.step, why)

    def _tell_interval(self) -> None:
        interval = self._interval
        if interval.moved():
            self._report.emit(
                "checkpoint_interval",
                seconds=interval.seconds,
                cost_seconds=interval.cost_seconds,
                lost_seconds=interval.lost_seconds,
            )
