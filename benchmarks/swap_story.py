"""A batch that swaps, and what planner and thrash rule make of it: samples/s under one memory limit.

    python -m benchmarks.swap_story [--limit-mib 900] [--batch 32] [--steps 2] [--recover-epochs 6]

Makes a swap file and a memory cgroup (v1 or v2) with a limit, trains the celestial forecaster in it as asked,
then with `memory.policy: recover`, then with `memory.plan: measured`, in the same call, and takes everything
away again. Needs root and a machine that lets a process make both; says why not and measures nothing where
it does not.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.rundir import RunDir
from shared.specs.catalogue import installed_workloads
from shared.specs.resolve import resolve_spec
from worker.hostmem import oom_counter
from worker.protocol import Order, decode

MIB = 1024**2
JOIN = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


class NotHere(Exception):
    """The story cannot be played on this machine; says why."""


@dataclass(frozen=True)
class Told:
    """What a job said of itself."""

    samples_per_second: float
    swapped_mib: float
    plan: dict[str, Any] | None
    seconds: float
    recovered: list[dict[str, Any]]


def main() -> None:
    options = parsed()
    try:
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = Path(name)
            with swap_file(folder / "swap", options.swap_mib), limited(options.limit_mib * MIB) as cgroup:
                naive = job(folder / "naive", cgroup, options, "spec", 2)
                healed = job(folder / "healed", cgroup, options, "recover", options.recover_epochs)
                planned = job(folder / "planned", cgroup, options, "measured", 2)
    except NotHere as reason:
        print(f"skipped: {reason}")
        return
    report(options, naive, healed, planned)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit-mib", type=int, default=900)
    parser.add_argument("--swap-mib", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=2, help="optimizer steps of each of two epochs")
    parser.add_argument("--recover-epochs", type=int, default=6, help="of the job that recovers on its way")
    parser.add_argument("--preset", default="medium")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--folder", default=tempfile.gettempdir(), help="where swap file and runs go for a while"
    )
    return parser.parse_args()


@contextmanager
def swap_file(path: Path, mib: int) -> Iterator[None]:
    """Swap of our own, on while entered."""
    if os.geteuid() != 0:
        raise NotHere("a swap file needs root")
    for command in (["fallocate", "-l", f"{mib}M", str(path)], ["chmod", "600", str(path)],
                    ["mkswap", str(path)], ["swapon", str(path)]):  # fmt: skip
        if shutil.which(command[0]) is None:
            raise NotHere(f"there is no {command[0]}")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NotHere(f"{command[0]} failed: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["swapoff", str(path)], check=True)
        path.unlink()


@contextmanager
def limited(bytes_: int) -> Iterator[Path]:
    """A memory cgroup beneath ours, with a limit and no limit on swap."""
    counter = oom_counter()
    if counter.name == "vmstat":
        raise NotHere("this process is in no memory cgroup")
    folder = counter.parent / f"epochd-swap-{os.getpid()}"
    limit = "memory.limit_in_bytes" if counter.name == "memory.oom_control" else "memory.max"
    try:
        folder.mkdir()
        (folder / limit).write_text(str(bytes_))
    except OSError as error:
        raise NotHere(f"no memory cgroup with a limit can be made: {error}") from error
    try:
        yield folder
    finally:
        for _ in range(100):
            if not (folder / "cgroup.procs").read_text():
                break
            time.sleep(0.1)
        folder.rmdir()


def job(root: Path, cgroup: Path, options: argparse.Namespace, how: str, epochs: int) -> Told:
    """Train under the limit; the speed is that of the last epoch."""
    order = write_order(root, options, how, epochs)
    began, before = time.monotonic(), swapped_out()
    argv = ["sh", "-c", JOIN, str(cgroup), sys.executable, "-m", "worker.training", str(order)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the {how} job ended with {done.returncode}:\n{done.stderr[-3000:]}")
    lines = RunDir(root).attempt(1).events.read_bytes().splitlines()
    messages = [decode(line) for line in lines]
    rates = [
        message["values"]["samples_per_second"]
        for message in messages
        if message["type"] == "points" and "samples_per_second" in message["values"]
    ]
    plans = [message for message in messages if message["type"] == "plan"]
    swapped = (swapped_out() - before) / MIB
    recovered = [message for message in messages if message["type"] == "recovered"]
    return Told(rates[-1], swapped, plans[-1] if plans else None, time.monotonic() - began, recovered)


def write_order(root: Path, options: argparse.Namespace, how: str, epochs: int) -> Path:
    request = {
        "workload": "celestial",
        "preset": options.preset,
        "trainer": {
            "epochs": epochs, "batch_size": options.batch, "accumulate": 1, "eval_batch_size": 1,
            "max_steps_per_epoch": options.steps, "threads": options.threads,
        },
        "data": {"rows": 400, "validation_length": 12, "test_length": 12},
        "memory": {
            "plan": "measured" if how == "measured" else "spec",
            "policy": "recover" if how == "recover" else "warn",
            "probe": "never",
        },
        "checkpoint": {"every_epochs": None, "keep_best": False},
    }  # fmt: skip
    workloads = installed_workloads()
    resolved = resolve_spec(request, workloads)
    contract = workloads["celestial"]
    folder = RunDir(root).create(1)
    Order(
        job_id="01swapstory",
        attempt=1,
        workload="celestial",
        implementation=contract.implementation,
        spec_type=f"{contract.spec_type.__module__}:{contract.spec_type.__qualname__}",
        spec=resolved.spec.model_dump(mode="json"),
        adjustments=[],
        run_dir=str(root),
        data_root=str(root),
    ).write(folder.order)
    return folder.order


def swapped_out() -> int:
    """Bytes this machine has written to swap since boot."""
    from worker.hostmem import read_paging

    return read_paging().swapped_out_bytes


def report(options: argparse.Namespace, naive: Told, healed: Told, planned: Told) -> None:
    plan = planned.plan or {}
    place = f"{options.limit_mib} MiB, swap {options.swap_mib} MiB, celestial {options.preset}"
    print(f"limit               {place}")
    print(f"as asked            {_line(options.batch, 1, naive)}, {naive.swapped_mib:.0f} MiB swapped out")
    last = healed.recovered[-1] if healed.recovered else {"batch_size": options.batch, "accumulate": 1}
    print(f"recovered           {_line(last['batch_size'], last['accumulate'], healed)} with its recoveries")
    print(f"ratio               {healed.samples_per_second / naive.samples_per_second:.1f}x")
    for one in healed.recovered:
        cut = f"{one['batch_size']} x {one['accumulate']}"
        print(f"recovery            after step {one['step']}: {one['cause']}, {cut}")
    print(f"planned             {_line(plan['batch_size'], plan['accumulate'], planned)} with its trials")
    print(f"ratio               {planned.samples_per_second / naive.samples_per_second:.1f}x")
    for row in plan["trials"]:
        print("trial               " + json.dumps({key: row[key] for key in (
            "batch_size", "samples_per_second", "peak_bytes", "swap_bytes_per_second", "full_percent",
            "some_percent", "major_faults", "presses", "problem")}))  # fmt: skip


def _line(batch_size: int, accumulate: int, told: Told) -> str:
    name = f"batch {batch_size} x {accumulate}"
    return f"{name}: {told.samples_per_second:.3f} samples/s, {told.seconds:.0f} s in all"


if __name__ == "__main__":
    main()
