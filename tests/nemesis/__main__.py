"""`python -m tests.nemesis`: attack real processes by a seed and check all they did; 1 if a promise broke."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.nemesis.ground import DATABASES, ground
from tests.nemesis.report import record_verdict, tell_verdict
from tests.nemesis.run import Plan, run
from tests.nemesis.sabotage import KNOWN_BAD


def main(arguments: list[str]) -> int:
    """Run what is asked for; 0 where every promise held."""
    asked = _parse(arguments)
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="epochd-nemesis-"))
    minutes = asked.minutes if asked.minutes or asked.kills else 5.0
    with ground(folder, asked.database, asked.known_bad) as world:
        verdict = run(world, Plan(asked.seed, minutes, asked.kills), _say)
    _say(f"{tell_verdict(verdict)}\n  logs and record: {folder}")
    if asked.record:
        record_verdict(verdict)
    return 1 if verdict.violations else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run nemesis", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides every fault (%(default)s)")
    parser.add_argument("--minutes", type=float, help="how long to attack (5 where neither is given)")
    parser.add_argument("--kills", type=int, help="end after so many faults")
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    parser.add_argument("--known-bad", choices=KNOWN_BAD, help="spoil the set-up, to see it caught")
    parser.add_argument("--folder", type=Path, help="where the world lives (a new temporary folder)")
    parser.add_argument("--record", action="store_true", help="add a line to tests/nemesis/README.md")
    return parser.parse_args(arguments)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
