"""Planetary strength from the sky: a partial shadbala, stated in full here.

Classical shadbala adds six strengths. Four of them follow from positions alone and are computed; the
temporal and the aspectual one (kala, drik) need conventions that tables disagree on and are left out, but for
the two parts of kala that stand for the motion of Sun and Moon. Each is in virupas (0 to 60), the sum in
rupas of 60 virupas.

    uccha       distance from the sidereal point of deepest debilitation / 3
    dig         distance from the angle where the body has no directional strength / 3
    cheshta     60 (1 - speed / twice the mean speed), clipped to 0 .. 60: 30 at mean motion, 60 retrograde
                Moon instead: distance from the Sun / 3 (paksha)
                Sun instead: 30 + 30 declination / 24 degrees (ayana)
    naisargika  natural strength, constant
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from worker.workloads.sky.columns import PLANETS
from worker.workloads.sky.positions import Floats, Sky, signed_degrees


@dataclass(frozen=True)
class _Dignity:
    exaltation: float
    """Sidereal longitude of deepest exaltation, degrees."""
    powerless: Literal["ascendant", "descendant", "midheaven", "nadir"]
    natural: float
    """Virupas."""
    mean_speed: float | None = None
    """Degrees a day; none for Sun and Moon, whose cheshta is made otherwise."""


DIGNITIES = {
    "Sun": _Dignity(10.0, "nadir", 60.0),
    "Moon": _Dignity(33.0, "midheaven", 60 * 6 / 7),
    "Mars": _Dignity(298.0, "nadir", 60 * 2 / 7, 0.5240),
    "Mercury": _Dignity(165.0, "descendant", 60 * 3 / 7, 0.9856),
    "Jupiter": _Dignity(95.0, "descendant", 60 * 4 / 7, 0.0831),
    "Venus": _Dignity(357.0, "midheaven", 60 * 5 / 7, 0.9856),
    "Saturn": _Dignity(200.0, "ascendant", 60 * 1 / 7, 0.0335),
}


def shadbala(body: str, sky: Sky) -> Floats:
    """[N] strength of one of the seven classical bodies, rupas between 0 and 4."""
    dignity, column = DIGNITIES[body], PLANETS.index(body)
    debilitation = dignity.exaltation + 180.0
    uccha = _apart(sky.sidereal()[:, column], debilitation) / 3.0
    dig = _apart(sky.longitude[:, column], _angle(dignity.powerless, sky)) / 3.0
    return np.asarray((uccha + dig + _cheshta(body, dignity, sky) + dignity.natural) / 60.0)


def _apart(one: Floats, other: Floats | float) -> Floats:
    """The lesser arc between two longitudes, 0 to 180 degrees."""
    return np.abs(signed_degrees(one - other))


def _angle(name: str, sky: Sky) -> Floats:
    turned = {
        "ascendant": sky.ascendant,
        "descendant": sky.ascendant + 180.0,
        "midheaven": sky.midheaven,
        "nadir": sky.midheaven + 180.0,
    }
    return turned[name]


def _cheshta(body: str, dignity: _Dignity, sky: Sky) -> Floats:
    sun, moon = sky.longitude[:, PLANETS.index("Sun")], sky.longitude[:, PLANETS.index("Moon")]
    if body == "Sun":
        sine = np.sin(np.radians(sky.obliquity)) * np.sin(np.radians(sun))
        return np.asarray(30.0 + 30.0 * np.degrees(np.arcsin(sine)) / 24.0)
    if body == "Moon":
        return _apart(moon, sun) / 3.0
    assert dignity.mean_speed is not None
    speed = sky.speed[:, PLANETS.index(body)]
    return np.asarray(60.0 * (1.0 - np.clip(speed / (2.0 * dignity.mean_speed), 0.0, 1.0)))
