"""The 118 feature columns of the documented format, and which of them tells what about which body.

A body's columns are found by their names in the header, never by their position: files differ in order, and
the order of the format itself (Mars before Mercury) is not the order of the bodies.
Source: reference/systems.md B.1, B.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.errors import DataError
from shared.specs.sky import BODIES

TARGETS = ("log_Open", "log_High", "log_Low", "log_Close")
PRICES = (*TARGETS, "time_delta")

PLANETS = ("Sun", "Moon", "Mars", "Mercury", "Jupiter", "Venus", "Saturn", "Uranus", "Neptune", "Pluto")
NODES = ("Mean Rahu", "Mean Ketu")
STRONG = PLANETS[:7]
"""The bodies that have a shadbala strength."""

_PHASES = ("sin", "cos", "speed", "sign_sin", "sign_cos")

CELESTIAL = (
    *(f"dyn_{planet}_{part}" for planet in PLANETS for part in (*_PHASES, "distance", "lat")),
    *(f"dyn_{node}_{part}" for node in NODES for part in _PHASES),
    *(f"dyn_{planet}_shadbala" for planet in STRONG),
    *(f"{point}_{part}" for point in (*PLANETS, *NODES, "Ascendant") for part in ("sin", "cos")),
)
"""The 113 ephemeris columns in documented order."""

FEATURES = (*PRICES, *CELESTIAL)
"""All 118 columns after `date`, in documented order."""

_TITLES = {name.lower(): name for name in PLANETS} | {
    "north_node": "Mean Rahu",
    "south_node": "Mean Ketu",
    "chiron": "Ascendant",
}
"""What the columns call each body. The format has no Chiron; the ascendant takes its place."""


@dataclass(frozen=True)
class Phase:
    """The sine and cosine columns of one angle."""

    sin: int
    cos: int


@dataclass(frozen=True)
class Body:
    """Where one body's columns stand among the features; none where the format does not have it."""

    name: str
    columns: tuple[int, ...]
    """Every column of this body, ascending."""
    longitude: Phase
    """The angle along the ecliptic: the `dyn_` pair, or the plain one where there is no other."""
    sign: Phase | None
    """The angle within the zodiac sign, 12 turns a circle."""
    speed: int | None
    distance: int | None
    latitude: int | None
    shadbala: int | None


@dataclass(frozen=True)
class BodyColumns:
    """A header, understood."""

    features: int
    """How many columns the header has."""
    targets: tuple[int, ...]
    """Open, high, low, close."""
    time_delta: int
    bodies: tuple[Body, ...]
    """In the order of shared.specs.sky.BODIES."""


def body_columns(names: Sequence[str]) -> BodyColumns:
    """The columns of every body in a header without `date`. Raises DataError naming a missing column."""
    position = {name: at for at, name in enumerate(names)}
    missing = [name for name in FEATURES if name not in position]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DataError(f"the data lacks column {missing[0]!r}{more}; the format has {len(FEATURES)} columns")
    return BodyColumns(
        features=len(names),
        targets=tuple(position[name] for name in TARGETS),
        time_delta=position["time_delta"],
        bodies=tuple(_body(body, position) for body in BODIES),
    )


def _body(name: str, position: dict[str, int]) -> Body:
    title = _TITLES[name]
    wanted = (f"dyn_{title}_", f"{title}_")
    longitude = _phase(f"dyn_{title}_", position) or _phase(f"{title}_", position)
    assert longitude is not None
    return Body(
        name=name,
        columns=tuple(sorted(position[column] for column in CELESTIAL if column.startswith(wanted))),
        longitude=longitude,
        sign=_phase(f"dyn_{title}_sign_", position),
        speed=position.get(f"dyn_{title}_speed"),
        distance=position.get(f"dyn_{title}_distance"),
        latitude=position.get(f"dyn_{title}_lat"),
        shadbala=position.get(f"dyn_{title}_shadbala"),
    )


def _phase(prefix: str, position: dict[str, int]) -> Phase | None:
    if f"{prefix}sin" not in position:
        return None
    return Phase(position[f"{prefix}sin"], position[f"{prefix}cos"])
