"""Which faults a world knows, and how often they strike. Drawn first, so that rare ones also meet alone."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

LONGEST = 120.0
"""No world's faults go on for longer."""
BUSY = 6.0


@dataclass(frozen=True)
class Faults:
    """Probabilities and switches of one world."""

    stack: bool
    """Workers hear of work from a broker, as Celery's do, and controllers dispatch; else all is embedded."""
    calm_after: float
    """Seconds after which no new fault strikes."""
    busy: float
    """Seconds by which a supervisor looks late at most; the fence has to allow for that."""
    refused: float
    """A transaction fails before it began."""
    unanswered: float
    """A transaction commits and its caller is told that it failed."""
    outages: bool
    deaths: bool
    survivors: bool
    """Trainers outlive their dead worker by up to a minute."""
    stops: bool
    """SIGSTOP of a worker; its trainers go on."""
    suspends: bool
    """The whole machine of a worker sleeps."""
    drains: bool
    launcher_deaths: bool
    controller_deaths: bool
    database_clock_jumps: bool
    wall_clocks_wrong: bool
    monotonic_drift: float
    """Clocks of workers run up to this share too fast or too slow."""
    bell_loss: float
    bell_copies: int
    deafness: bool
    """Workers whose connection to the broker hears nothing for a while."""
    crashes: float
    """Chance of a trainer to die, at each of its steps."""
    hangs: float
    deaf: float
    """Chance of a trainer to ignore SIGTERM."""
    launch_failures: float
    meddling: bool
    """Users cancel, resume and delete."""


NO_FAULTS = Faults(
    stack=False,
    calm_after=LONGEST,
    busy=BUSY,
    refused=0.0,
    unanswered=0.0,
    outages=False,
    deaths=False,
    survivors=False,
    stops=False,
    suspends=False,
    drains=False,
    launcher_deaths=False,
    controller_deaths=False,
    database_clock_jumps=False,
    wall_clocks_wrong=False,
    monotonic_drift=0.0,
    bell_loss=0.0,
    bell_copies=1,
    deafness=False,
    crashes=0.0,
    hangs=0.0,
    deaf=0.0,
    launch_failures=0.0,
    meddling=False,
)


def draw_faults(random: Random) -> Faults:
    """Each kind of fault in about half of all worlds."""

    def maybe(value: float) -> float:
        return value if random.random() < 0.5 else 0.0

    def coin() -> bool:
        return random.random() < 0.5

    return Faults(
        stack=coin(),
        calm_after=random.choice((20.0, 20.0, 40.0, 40.0, LONGEST)),
        busy=BUSY,
        refused=maybe(0.03),
        unanswered=maybe(0.04),
        outages=coin(),
        deaths=coin(),
        survivors=coin(),
        stops=coin(),
        suspends=coin(),
        drains=coin(),
        launcher_deaths=coin(),
        controller_deaths=coin(),
        database_clock_jumps=random.random() < 0.1,
        wall_clocks_wrong=coin(),
        monotonic_drift=maybe(0.02),
        bell_loss=maybe(0.3),
        bell_copies=random.choice((1, 1, 3)),
        deafness=coin(),
        crashes=maybe(0.1),
        hangs=maybe(0.03),
        deaf=maybe(0.5),
        launch_failures=maybe(0.1),
        meddling=random.random() < 0.8,
    )
