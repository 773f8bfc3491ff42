"""One run: undisturbed runs first, then load under faults, then calm until all is done, then the verdict."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from tests.nemesis.check import Violation, check
from tests.nemesis.faults import strike
from tests.nemesis.history import collect, essence
from tests.nemesis.interrupt import Interrupted
from tests.nemesis.load import SEEDS, Load, brittle, variant_of
from tests.nemesis.record import read_record
from tests.nemesis.scene import Scene
from tests.nemesis.schedule import POSTGRES, PROCESSES, STACK, Strike, schedule, shuffle
from tests.nemesis.waits import Figure, figures
from tests.nemesis.world import World

BEAT_SECONDS = 0.05
PENDING = {"reaches a final state"}
"""What a run that was interrupted could not keep."""
TRIES = 20
PROGRESS = 50
STILL_SECONDS = 15.0
"""A strike comes after this time even where no trainer read anything."""
SETTLE_SECONDS = 300.0
"""How long all jobs may take to end once the faults are over."""
ORPHAN_SECONDS = 60.0

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to run."""

    seed: int
    minutes: float | None = None
    strikes: int | None = None
    """How many faults; either this or the minutes ends the run."""
    faults: Mapping[str, int] | None = None
    """Fault -> weight; all that fit the world where not given."""
    quotas: Mapping[str, int] | None = None
    """Fault -> how many must hit; instead of all the above."""


@dataclass(frozen=True)
class Verdict:
    """What a run came to."""

    plan: Plan
    mode: str
    database: str
    minutes: float
    jobs: int
    attempts: int
    struck: Mapping[str, int]
    violations: tuple[Violation, ...]
    figures: tuple[Figure, ...] = ()
    interrupted: bool = False


def run(world: World, plan: Plan, tell: Tell) -> Verdict:
    """Run it all; the world is stopped afterwards. Interrupted, it judges what was done so far."""
    began, undisturbed, interrupted = time.monotonic(), dict[str, str](), False
    try:
        with running(world):
            undisturbed = _undisturbed(world)
            tell(f"undisturbed runs are done after {time.monotonic() - began:.0f} s")
            with closing(Load(world, random.Random(plan.seed))) as load:
                _disturb(world, load, plan, tell)
                world.recorder.say("calm")
                _settle(world, load)
    except Interrupted:
        if not undisturbed:
            raise
        tell("interrupted; every process was killed, and what was done so far is judged")
        interrupted = True
    _watch_orphans(world)
    return _judge(world, plan, undisturbed, (time.monotonic() - began) / 60, interrupted=interrupted)


def _judge(
    world: World, plan: Plan, undisturbed: Mapping[str, str], minutes: float, *, interrupted: bool
) -> Verdict:
    if interrupted and world.server is not None:
        world.server.revive()
    record = read_record(world.record_path)
    history = collect(world.database, record, undisturbed, world.runs)
    broken = [violation for violation in check(history) if not (interrupted and violation.rule in PENDING)]
    return Verdict(
        plan,
        world.mode,
        "sqlite" if world.server is None else "postgresql",
        minutes,
        len(history.accepted),
        sum(event.type == "claimed" for event in history.events),
        dict(Counter(fact["fault"] for fact in record if fact.get("hit"))),
        tuple(broken),
        tuple(figures(history.waits)),
        interrupted,
    )


def live(world: World, load: Load, seconds: float, *, more: bool = True) -> None:
    """Let processes and load go on for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        _beat(world, load, more=more)


@contextmanager
def running(world: World) -> Iterator[None]:
    try:
        world.start()
        wait_until(world.is_ready, 60)
        yield
    except Interrupted:
        world.end()
        raise
    finally:
        world.stop()


def _undisturbed(world: World) -> dict[str, str]:
    """Variant -> essence of a run that nothing happened to."""
    with closing(Load(world, random.Random(0), limit=0)) as load:
        bodies = {seed: brittle(seed) for seed in SEEDS}
        jobs = {str(variant_of(body)): load.submit_one(body) for body in bodies.values()}
        for errand in load.errands.values():
            errand.cancel_after_looks = None
        _settle(world, load)
    return {variant: essence(world.database, world.runs, str(job), set()) for variant, job in jobs.items()}


def _disturb(world: World, load: Load, plan: Plan, tell: Tell) -> None:
    scene = Scene(world, load, lambda seconds: live(world, load, seconds))
    if plan.quotas is not None:
        _strike_all(scene, shuffle(plan.seed, plan.quotas), tell)
        return
    until = None if plan.minutes is None else time.monotonic() + 60 * plan.minutes
    struck = 0
    for fault in schedule(plan.seed, plan.faults or fitting(world)):
        if not _goes_on(until, plan.strikes, struck):
            return
        _await_beats(world, load, fault)
        hit = strike(scene, fault)
        struck += hit
        tell(f"{struck:5d} {fault.fault}{'' if hit else ' (no victim)'}")


def _strike_all(scene: Scene, faults: Sequence[Strike], tell: Tell) -> None:
    """Each until it hits, so that what strikes depends on the seed alone."""
    began, hits = time.monotonic(), Counter[str]()
    for number, fault in enumerate(faults, 1):
        hit = False
        for _ in range(TRIES):
            _await_beats(scene.world, scene.load, fault)
            hit = strike(scene, fault)
            if hit:
                break
        hits[fault.fault] += hit
        if not hit:
            tell(f"{number:5d} {fault.fault} found no victim in {TRIES} tries")
        if number % PROGRESS == 0:
            minutes = (time.monotonic() - began) / 60
            tell(f"{number:5d} of {len(faults)} faults after {minutes:.1f} min, {scene.load.submitted} jobs")


def fitting(world: World) -> Mapping[str, int]:
    """Fault -> weight, of those that have a victim in this world."""
    postgres = {} if world.server is None else POSTGRES
    stack = {} if world.broker is None else STACK
    return {**PROCESSES, **stack, **postgres}


def _goes_on(until: float | None, strikes: int | None, struck: int) -> bool:
    in_time = until is None or time.monotonic() < until
    return in_time and (strikes is None or struck < strikes)


def _await_beats(world: World, load: Load, fault: Strike) -> None:
    wanted = world.beats() + fault.after_beats
    until = time.monotonic() + STILL_SECONDS
    while world.beats() < wanted and time.monotonic() < until:
        _beat(world, load)


def _settle(world: World, load: Load) -> None:
    until = time.monotonic() + SETTLE_SECONDS
    while not load.drained() and time.monotonic() < until:
        _beat(world, load, more=False)


def _beat(world: World, load: Load, *, more: bool = True) -> None:
    world.tend()
    load.tick(more=more)
    threading.Event().wait(BEAT_SECONDS)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        threading.Event().wait(BEAT_SECONDS)
    return True


def _watch_orphans(world: World) -> None:
    """Whatever of this world lives on is an orphan."""
    wait_until(lambda: not world.alive(), ORPHAN_SECONDS)
    for process in world.alive():
        world.recorder.say("orphan", command=" ".join(process.cmdline()))
        process.kill()
