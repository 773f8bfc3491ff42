"""`python -m tests.nemesis`: attack real processes by a seed and check all they did; 1 if a promise broke."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from shared.failpoints import NAMES
from tests.nemesis.cancels import cancel_many, tell_cancelled
from tests.nemesis.cast import EMBEDDED, MODES
from tests.nemesis.cast import STACK as STACK_MODE
from tests.nemesis.drain import drain
from tests.nemesis.ground import DATABASES, ground
from tests.nemesis.interrupt import Interrupted, interruptible
from tests.nemesis.late_ack import LATE_ACK
from tests.nemesis.noise import BELLS, TRUE
from tests.nemesis.point import ACTIONS
from tests.nemesis.report import record_verdict, tell_verdict, write_row
from tests.nemesis.run import Plan, run
from tests.nemesis.sabotage import KNOWN_BAD
from tests.nemesis.schedule import LONG, POSTGRES, STACK
from tests.nemesis.stops import stop_many
from tests.nemesis.sweep import sweep
from tests.nemesis.world import World
from tests.simulation.__main__ import main as simulate


def main(arguments: list[str]) -> int:
    """Run what is asked for; 0 where every promise held. `simulate` takes the options of tests.simulation."""
    if arguments[:1] == ["simulate"]:
        return simulate(arguments[1:])
    asked = _parse(arguments)
    asked.folder = asked.folder or Path(tempfile.mkdtemp(prefix="epochd-nemesis-"))
    try:
        good = COMMANDS[asked.what](asked)
    except Interrupted:
        _say("interrupted before there was anything to judge; every process was killed")
        return 1
    _say(f"  logs and record: {asked.folder}")
    return 0 if good else 1


def _attack(asked: argparse.Namespace) -> bool:
    free = not (asked.minutes or asked.kills or asked.long)
    plan = Plan(
        asked.seed,
        5.0 if free else asked.minutes,
        asked.kills,
        faults={asked.only: 1} if asked.only else None,
        quotas=possible(asked) if asked.long else None,
    )
    with interruptible(), _ground(asked, asked.known_bad) as world:
        verdict = run(world, plan, _say)
    _say(tell_verdict(verdict))
    if asked.record:
        only = f' --only "{asked.only}"' if asked.only else ""
        long = " --long" if asked.long else ""
        record_verdict(verdict, _command(asked, f"--seed {asked.seed}") + only + long)
    return not verdict.violations and not verdict.interrupted


def possible(asked: argparse.Namespace) -> dict[str, int]:
    """The quotas of a long run, without those that have no victim in such a world."""
    impossible = {name for name in POSTGRES if asked.database != "postgresql"}
    impossible |= {name for name in STACK if asked.mode != STACK_MODE}
    return {name: count for name, count in LONG.items() if name not in impossible}


def _drain(asked: argparse.Namespace) -> bool:
    kills = 20 if asked.kills is None else asked.kills
    with interruptible(), _ground(asked) as world:
        done = drain(world, asked.jobs, kills, asked.seed, _say)
    _say(f"{done}")
    if asked.record:
        command = _command(asked, f"drain --seed {asked.seed}", f"--jobs {done.jobs} --kills {kills}")
        twice = f"{done.completed_twice} completed twice, {done.double_starts} started twice"
        found = f"{done.jobs - done.succeeded} lost, {twice}"
        cells = (command, f"{done.minutes:.1f}", f"{done.jobs}", f"{done.attempts}", f"{kills} x kill worker")
        write_row(*cells, f"none ({twice})" if done.is_good else found)
    return done.is_good


def _cancel(asked: argparse.Namespace) -> bool:
    with interruptible(), _ground(asked) as world:
        done = cancel_many(world, asked.count or 300, asked.seed, _say)
    found = tell_cancelled(done)
    _say(found)
    if asked.record:
        command = _command(asked, f"cancel --seed {asked.seed}", f"--count {done.count}")
        verdict = f"{'none' if done.is_good else 'BROKEN'} ({found})"
        write_row(command, f"{done.minutes:.1f}", f"{done.count}", "", f"{done.count} x cancel", verdict)
    return done.is_good


def _stop(asked: argparse.Namespace) -> bool:
    with interruptible(), _ground(asked) as world:
        done = stop_many(world, asked.count or 20, asked.seed, _say)
    found = f"{done.lost_steps} steps lost, gone after {done.slowest_seconds:.2f} s at most"
    _say(found)
    if asked.record:
        count = len(done.stops)
        command = _command(asked, f"stop --seed {asked.seed}", f"--count {count}")
        verdict = f"{'none' if done.is_good else 'BROKEN'} ({found})"
        faults = f"{count} x TERM to a worker in training"
        write_row(command, f"{done.minutes:.1f}", f"{count}", f"{2 * count}", faults, verdict)
    return done.is_good


def _sweep(asked: argparse.Namespace) -> bool:
    done = sweep(asked.folder, NAMES, asked.actions, _say)
    _say("\n".join(done.found) or "no case changed anything")
    if asked.record:
        faults = f"{len(NAMES)} failpoints x {', '.join(asked.actions)}"
        found = "; ".join(done.found) or "none"
        command = f"sweep --actions {','.join(asked.actions)}"
        write_row(command, f"{done.minutes:.1f}", f"{done.cases}", "", faults, found)
    return not done.found


SIMULATE = "`simulate` plays simulated worlds instead: `simulate --help`."
COMMANDS = {"attack": _attack, "drain": _drain, "cancel": _cancel, "stop": _stop, "sweep": _sweep}


def _ground(asked: argparse.Namespace, known_bad: str | None = None) -> AbstractContextManager[World]:
    bells = None if asked.bells == TRUE else asked.bells
    return ground(asked.folder, asked.database, known_bad, asked.mode, bells)


def _command(asked: argparse.Namespace, head: str, tail: str = "") -> str:
    """What was asked for, as the table shows it."""
    options = [f"--database {asked.database}"]
    options += [f"--mode {asked.mode}"] if asked.mode != EMBEDDED else []
    options += [f"--bells {asked.bells}"] if asked.bells != TRUE else []
    return " ".join([head, *options, tail]).rstrip()


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run nemesis", description=f"{__doc__} {SIMULATE}")
    parser.add_argument("what", nargs="?", choices=COMMANDS, default="attack")
    parser.add_argument("--seed", type=int, default=1, help="decides every fault (%(default)s)")
    parser.add_argument("--minutes", type=float, help="attack: how long (5 where neither is given)")
    parser.add_argument("--kills", type=int, help="attack: end after so many faults; drain: kills (20)")
    parser.add_argument("--jobs", type=int, default=2000, help="drain: how many jobs (%(default)s)")
    parser.add_argument("--count", type=int, help="cancel: how many jobs (300); stop: how many stops (20)")
    parser.add_argument(
        "--actions", type=_actions, default=ACTIONS, help=f"sweep: some of {','.join(ACTIONS)} (all)"
    )
    parser.add_argument(
        "--long", action="store_true", help="attack: 500 trainers, 200 services, 100 x Redis, 50 x PostgreSQL"
    )
    parser.add_argument("--only", choices=LONG, metavar="FAULT", help="attack: by nothing but this fault")
    parser.add_argument("--mode", choices=MODES, default=EMBEDDED, help="not for the sweep (%(default)s)")
    parser.add_argument("--database", choices=DATABASES, help="sqlite; postgresql in the stack")
    parser.add_argument("--bells", choices=BELLS, default=TRUE, help="attack, drain: noisy loses and doubles")
    parser.add_argument(
        "--known-bad", choices=(*KNOWN_BAD, LATE_ACK), help="attack: spoil the set-up, to see it caught"
    )
    parser.add_argument("--folder", type=Path, help="where the world lives (a new temporary folder)")
    parser.add_argument("--record", action="store_true", help="add a line to tests/nemesis/README.md")
    asked = parser.parse_args(arguments)
    asked.database = asked.database or ("postgresql" if asked.mode == STACK_MODE else "sqlite")
    if asked.mode != STACK_MODE and (asked.bells != TRUE or asked.known_bad == LATE_ACK):
        parser.error("noisy bells and late-ack need --mode stack")
    return asked


def _actions(text: str) -> list[str]:
    names = text.split(",")
    if not set(names) <= set(ACTIONS):
        raise argparse.ArgumentTypeError(f"{text!r} must be some of {','.join(ACTIONS)}")
    return names


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
