"""A simulated trainer: a small state machine that writes real messages into the real events file."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared.errors import RunDirectoryBusy
from shared.rundir import RunDir
from tests.simulation.disk import JobDisk, Saved, SimDisk
from tests.simulation.faults import Faults
from tests.simulation.scheduler import Process, Scheduler, Task
from worker.protocol import ExitCode, Order, encode
from worker.supervision.trainer import TrainerProcess
from worker.training.lock import refuse_superseded


@dataclass(frozen=True)
class Script:
    """What a job's trainers do, when nothing goes wrong."""

    steps: int
    checkpoint_every: int
    step_seconds: float
    ending: str = "done"
    """done, or poison (dies before its first checkpoint), or refused."""


class SimTrainer(TrainerProcess):
    """Takes the lock, goes on from a checkpoint, trains step by step, ends somehow."""

    def __init__(
        self,
        pid: int,
        scheduler: Scheduler,
        faults: Faults,
        worker: Process,
        host: Process,
        disk: SimDisk,
        order: Order,
        script: Script,
        wall_offset: float,
        entered: Callable[[JobDisk], None],
    ) -> None:
        super().__init__(pid, self._take_signal)
        self.worker, self.order, self.running = worker, order, True
        self.process = host
        """Stopped while its machine is suspended."""
        self._scheduler, self._faults, self._script = scheduler, faults, script
        self._job: JobDisk = disk.job(order.job_id)
        self._events = Path(order.run_dir) / "attempts" / f"{order.attempt:04d}" / "events.jsonl"
        self._wall_offset, self._entered = wall_offset, entered
        self._step = 0
        self._asked_to_stop = False
        self._deaf = scheduler.random.random() < faults.deaf
        self._waiting: Task | None = None
        self._soon(0.2, 4.0, self._begin)

    def wait(self, seconds: float) -> int | None:
        if self._exit_code is None:
            self._waiting = self._scheduler.task()
            self._waiting.sleep(seconds + self._scheduler.random.random() * self._faults.busy)
            self._waiting = None
        return self._exit_code

    def end(self, code: int, *, launcher_lost: bool = False) -> None:
        """The process is gone, and its lock with it."""
        if not self.running:
            return
        self.running = False
        if self in self._job.inside:
            self._job.inside.remove(self)
        self._scheduler.note(f"trainer {self.pid} of attempt {self.order.attempt} ends with {code}")
        if self.worker.alive:
            self.note_exit(code, launcher_lost=launcher_lost)
            if self._waiting is not None:
                self._waiting.wake()

    def _take_signal(self, number: int, _group: bool) -> None:
        if not self.worker.alive:
            return  # the dead send no signals
        if number == signal.SIGKILL:
            self._soon(0.0, 0.3, lambda: self.end(-signal.SIGKILL))
        elif not self._deaf:
            self._asked_to_stop = True

    def _begin(self) -> None:
        if self._is_locked() or self._is_superseded():
            self._say("failed", code="run_directory_busy", message="another trainer holds it")
            self.end(ExitCode.BUSY)
            return
        self._job.inside.append(self)
        self._entered(self._job)
        if self._script.ending == "refused":
            self._say("failed", code="invalid_data", message="the data cannot be read")
            self.end(ExitCode.REFUSED)
            return
        self._resume()
        self._soon_step()

    def _is_locked(self) -> bool:
        return bool(self._job.inside)

    def _is_superseded(self) -> bool:
        try:
            refuse_superseded(RunDir(Path(self.order.run_dir)), self.order.attempt)
        except RunDirectoryBusy:
            return True
        return False

    def _resume(self) -> None:
        start = self._start()
        self._step = 0 if start is None else start.step
        self._job.line = {step: by for step, by in self._job.line.items() if step <= self._step}
        self._say("started", pid=self.pid)
        checkpoint = None if start is None else start.id
        self._say("resumed", checkpoint=checkpoint, epoch=0, step=self._step, exact=True, why="simulated")

    def _start(self) -> Saved | None:
        saved = self._job.checkpoints
        if self.order.resume == "last" or not saved:
            return saved[-1] if saved else None
        return next((one for one in saved if one.id == self.order.resume), saved[0])

    def _train(self) -> None:
        if self._asked_to_stop:
            self._save()
            self.end(ExitCode.INTERRUPTED)
            return
        if self._step >= self._script.steps:
            self._finish()
            return
        self._step += 1
        self._job.line[self._step] = self.order.attempt
        self._say("points", split="train", epoch=1, step=self._step, values={"loss": float(self._step)})
        if self._breaks():
            return
        if self._step % self._script.checkpoint_every == 0:
            self._save()
        self._soon_step()

    def _breaks(self) -> bool:
        random, faults = self._scheduler.random, self._faults
        if self._script.ending == "poison":
            self.end(ExitCode.CRASHED)
            return True
        if self._scheduler.now > faults.calm_after:
            return False
        if random.random() < faults.hangs:
            self._scheduler.note(f"trainer {self.pid} hangs")
            return True
        if random.random() < faults.crashes:
            self._crash()
            return True
        return False

    def _crash(self) -> None:
        random = self._scheduler.random
        match random.randrange(4):
            case 0:
                self._say("failed", code="crashed", message="ValueError: simulated")
                self.end(ExitCode.CRASHED)
            case 1:
                self._write(b'{"type":"points","time":')  # cut short in the middle of a line
                self.end(-signal.SIGSEGV)
            case 2:
                self._publish()  # on disk, and never told
                self.end(-signal.SIGKILL)
            case _:
                self.end(-signal.SIGKILL)

    def _finish(self) -> None:
        if not self._job.checkpoints or self._job.checkpoints[-1].step < self._step:
            self._save()
        self._say("finished", results={"steps": self._step})
        self._soon(0.0, 2.0, lambda: self.end(ExitCode.DONE))

    def _save(self) -> None:
        saved = self._publish()
        self._say(
            "checkpoint",
            id=saved.id,
            epoch=1,
            step=saved.step,
            bytes=1,
            sha256="0" * 64,
            exact=True,
            best=False,
        )

    def _publish(self) -> Saved:
        saved = Saved(f"step-{self._step:09d}.a{self.order.attempt:04d}", self._step)
        if saved not in self._job.checkpoints:
            self._job.checkpoints.append(saved)
        return saved

    def _say(self, type_: str, **fields: object) -> None:
        time = 1.7e9 + self._scheduler.now + self._wall_offset
        self._write(encode({"type": type_, "time": time, **fields}))

    def _write(self, data: bytes) -> None:
        with self._events.open("ab") as file:
            file.write(data)

    def _soon_step(self) -> None:
        self._soon(self._script.step_seconds * 0.5, self._script.step_seconds * 1.5, self._train)

    def _soon(self, low: float, high: float, action: object) -> None:
        self._scheduler.after(self._scheduler.random.uniform(low, high), lambda: self._unless_stopped(action))

    def _unless_stopped(self, action: object) -> None:
        if not self.running:
            return
        if self.process.stopped_until > self._scheduler.now:
            self._scheduler.at(self.process.stopped_until, lambda: self._unless_stopped(action))
            return
        assert callable(action)
        action()
