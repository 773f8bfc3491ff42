"""What training tells while it runs: points, progress and the lines of the train log."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping

from shared.specs.job import JobSpec
from worker.training.memory import MemoryWatch
from worker.training.pace import Pace, clock_text
from worker.training.position import Progress
from worker.training.reporter import Reporter
from worker.training.sampler import EpochPlan
from worker.workloads.interface import Batch

PROGRESS_SECONDS = 0.5
"""Least time between two progress messages."""
LINE_SECONDS = 10.0
"""Least time between two progress lines in the log."""

log = logging.getLogger(__name__)


class Journal:
    """Turns what the loop did into messages and log lines. Decides nothing."""

    def __init__(
        self,
        report: Reporter,
        spec: JobSpec,
        plan: EpochPlan,
        progress: Progress,
        memory: MemoryWatch,
        clock: Callable[[], float],
    ) -> None:
        self._report = report
        self._trainer = spec.trainer
        self._memory_every = spec.memory.log_every_steps
        self._plan = plan
        self._progress = progress
        self._memory = memory
        self._clock = clock
        self._pace = Pace(clock)
        self._told = self._lined = -float("inf")
        self._epoch_samples = 0
        self._epoch_seconds = 0.0
        self._epoch_waited = 0.0
        self._waited = 0.0
        self._epoch_over = False
        self._lr: float | None = None

    @property
    def epoch(self) -> int:
        """The epoch in work, counted from 1."""
        return self._progress.epoch + 1

    def begin_epoch(self, lr: float) -> None:
        self._pace.begin_epoch()
        self._lr = lr
        self._epoch_samples, self._epoch_over = 0, False
        self._epoch_seconds = self._epoch_waited = self._waited = 0.0
        left = self._plan.steps - self._steps_of_epoch()
        log.info("epoch %d/%d begins: lr %.4g, %d steps", self.epoch, self._trainer.epochs, lr, left)

    def timed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches; how long the loop waits for each is counted."""
        return _Timed(batches, self._clock, self._wait)

    def step(self, loss: float, grad_norm: float, samples: int) -> float:
        """A step has been taken and counted; the seconds it took."""
        waited, self._waited = self._waited, 0.0
        seconds = self._pace.step(samples, waited)
        self._epoch_waited += waited
        self._epoch_samples += samples
        self._epoch_seconds += seconds
        step = self._progress.step
        if step % self._trainer.log_every_steps == 0:
            self._points("train", self.epoch, {"loss": loss, "grad_norm": grad_norm})
        if step % self._memory_every == 0:
            log.info("memory %s", json.dumps({"step": step, **self._memory.latest}))
        self._keep_telling(self._pace.now, loss)
        return seconds

    def alive(self) -> None:
        """An evaluation pass goes on: say where training stands, unless that was said a moment ago."""
        self._keep_telling(self._clock(), None)

    def end_epoch(self, values: Mapping[str, float], lr: float, improved: bool) -> None:
        """An epoch has been trained and validated, and is not counted yet."""
        self._epoch_over = True
        values = {**values, **self._throughput()}
        for split in ("train", "val"):
            prefix = f"{split}/"
            chosen = {name.removeprefix(prefix): values[name] for name in values if name.startswith(prefix)}
            if chosen:
                self._points(split, self.epoch, chosen)
        self._tell_progress()
        log.info("%s", self._summary(values, lr, improved))

    def _wait(self, seconds: float) -> None:
        self._waited += seconds

    def _keep_telling(self, now: float, loss: float | None) -> None:
        if now - self._told >= PROGRESS_SECONDS:
            self._told = now
            self._tell_progress()
        if loss is not None and now - self._lined >= LINE_SECONDS:
            self._lined = now
            self._line(loss)

    def _points(self, split: str, epoch: int, values: Mapping[str, float]) -> None:
        self._report.emit("points", split=split, epoch=epoch, step=self._progress.step, values=values)

    def _throughput(self) -> dict[str, float]:
        if self._epoch_seconds <= 0:
            return {}
        return {
            "train/samples_per_second": self._epoch_samples / self._epoch_seconds,
            "train/data_wait_share": self._epoch_waited / self._epoch_seconds,
        }

    def _steps_of_epoch(self) -> int:
        return -(-self._progress.samples // self._plan.effective_batch)

    def _done_and_total(self) -> tuple[int, int]:
        done = self._progress.epoch * self._plan.steps + self._steps_of_epoch()
        return done, self._trainer.epochs * self._plan.steps

    def _eta(self) -> float | None:
        done, total = self._done_and_total()
        epochs_left = self._trainer.epochs - self._progress.epoch - self._epoch_over
        return self._pace.eta_seconds(total - done, epochs_left)

    def _tell_progress(self) -> None:
        done, total = self._done_and_total()
        self._report.emit(
            "progress",
            epoch=min(self.epoch, self._trainer.epochs),
            epochs=self._trainer.epochs,
            step=self._progress.step,
            steps=total,
            percent=min(100.0, 100 * done / total),
            eta_seconds=self._eta(),
            samples_per_second=self._pace.samples_per_second,
            learning_rate=self._lr,
            data_wait_share=self._pace.data_wait_share,
        )

    def _line(self, loss: float) -> None:
        done, total = self._done_and_total()
        log.info(
            "epoch %d/%d  step %d/%d  %.1f %%  loss %.6g  %.4g samples/s  ETA %s",
            self.epoch, self._trainer.epochs, self._progress.step, total, 100 * done / total, loss,
            self._pace.samples_per_second or 0.0, clock_text(self._eta()),
        )  # fmt: skip

    def _summary(self, values: Mapping[str, float], lr: float, improved: bool) -> str:
        parts = [f"train loss {values['train/loss_epoch']:.6g}"]
        if "val/loss" in values:
            parts.append(f"val loss {values['val/loss']:.6g}")
        parts.append(f"lr {lr:.4g}")
        if self._epoch_seconds > 0:
            rate = self._epoch_samples / self._epoch_seconds
            waited = self._epoch_waited / self._epoch_seconds
            parts.append(f"{rate:.4g} samples/s, {self._epoch_seconds:.1f} s, {waited:.0%} of it for data")
        parts.append(f"ETA {clock_text(self._eta())}")
        best = " (best so far)" if improved else ""
        return f"epoch {self.epoch}/{self._trainer.epochs} done{best}: {', '.join(parts)}"


class _Timed(Iterator[Batch]):
    """Holds no batch: one more would stay in memory."""

    def __init__(
        self, batches: Iterator[Batch], clock: Callable[[], float], waited: Callable[[float], None]
    ) -> None:
        self._batches = batches
        self._clock = clock
        self._waited = waited

    def __next__(self) -> Batch:
        began = self._clock()
        batch = next(self._batches)
        self._waited(self._clock() - began)
        return batch
