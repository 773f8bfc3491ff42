"""`python -m tests.simulation`: many worlds, one world's whole history, or one long job."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field

from tests.nemesis.report import write_row
from tests.simulation.database import open_memory
from tests.simulation.week import run_days
from tests.simulation.world import History, run_world


@dataclass
class Sum:
    """What happened in many worlds."""

    worlds: int = 0
    jobs: int = 0
    attempts: int = 0
    strikes: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)

    def add(self, history: History) -> None:
        self.worlds += 1
        self.jobs += history.jobs
        self.attempts += history.attempts
        self.strikes += history.strikes
        self.seconds += history.seconds
        if history.violation is not None:
            self.broken.append(f"seed {history.seed}: {history.violation}")


def main(arguments: list[str]) -> int:
    """0 where every world kept every invariant."""
    asked = _parse(arguments)
    if asked.days is not None:
        return _days(asked.days, asked.record)
    first, last = (int(part) for part in asked.seeds.split(":"))
    memory, began, done = open_memory(), time.monotonic(), Sum()
    for seed in range(first, last):
        history = run_world(seed, memory)
        done.add(history)
        if asked.trace:
            _say("\n".join(history.trace))
        if history.violation is not None:
            _say(done.broken[-1])
    minutes = (time.monotonic() - began) / 60
    told = f"{done.worlds} worlds, {done.seconds / 3600:.1f} h simulated, {done.strikes} strikes from outside"
    _say(f"{told}, {done.jobs} jobs, {done.attempts} attempts, {len(done.broken)} broken, {minutes:.1f} min")
    if asked.record:
        found = "; ".join(done.broken) or "none"
        command = f"simulate --seeds {asked.seeds}"
        write_row(command, f"{minutes:.1f}", f"{done.jobs}", f"{done.attempts}", told, found)
    return 1 if done.broken else 0


def _days(days: float, record: bool) -> int:
    began = time.monotonic()
    told = run_days(days, open_memory())
    minutes = (time.monotonic() - began) / 60
    _say(f"{told}, {minutes:.1f} min")
    good = (told.status, told.attempts, told.trainers) == ("succeeded", 1, 1)
    if record:
        faults = (
            f"{told.broker_restarts} x restart broker, {told.clock_steps} x set the database's clock, "
            f"{told.heartbeats} heartbeats"
        )
        found = "none" if good else f"{told.status} after {told.attempts} attempts"
        write_row(f"simulate --days {days:g}", f"{minutes:.1f}", "1", f"{told.attempts}", faults, found)
    return 0 if good else 1


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run nemesis simulate", description=__doc__)
    parser.add_argument("--seeds", default="0:1000", help="first:last, the last not included")
    parser.add_argument("--trace", action="store_true", help="tell each world's whole history")
    parser.add_argument("--days", type=float, help="one job of so many days instead")
    parser.add_argument("--record", action="store_true", help="add a line to tests/nemesis/README.md")
    return parser.parse_args(arguments)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
