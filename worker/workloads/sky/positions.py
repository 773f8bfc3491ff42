"""Where the bodies stand on given days, by JPL's DE421 and Meeus' mean elements. Degrees, au, days.

Every value belongs to noon UT of its day and depends on that day alone, so a day has the same sky in every
file. Longitudes are geocentric, apparent, tropical, on the true ecliptic of date.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import DataError
from worker.workloads.sky.columns import PLANETS

Floats = NDArray[np.float64]
Days = NDArray[np.datetime64]


PLACE_LATITUDE, PLACE_LONGITUDE = 40.7069, -74.0113
"""Wall Street, New York; degrees north and east. Only the ascendant and the midheaven depend on it."""

FIRST_DAY, LAST_DAY = np.datetime64("1899-08-01"), np.datetime64("2053-10-01")
"""What DE421 covers, less room for speeds and light time."""

_DE421_NAMES = dict.fromkeys(PLANETS, "{} barycenter") | {
    "Sun": "sun", "Moon": "moon", "Mercury": "mercury", "Venus": "venus", "Mars": "mars",
}  # fmt: skip
_NOON_OF_EPOCH_JD = 2440588.0
"""Julian date of 1970-01-01 12:00."""
_J2000_JD = 2451545.0


@dataclass(frozen=True)
class Sky:
    """The sky of N days. Columns follow columns.PLANETS; longitude and speed go on with columns.NODES."""

    longitude: Floats
    """[N, 12] degrees in [0, 360)."""
    speed: Floats
    """[N, 12] degrees a day: half the way from the day before to the day after; negative while retrograde."""
    latitude: Floats
    """[N, 10] degrees from the ecliptic."""
    distance: Floats
    """[N, 10] astronomical units from the Earth's centre."""
    ascendant: Floats
    """[N] ecliptic longitude rising at the place, degrees."""
    midheaven: Floats
    """[N] ecliptic longitude culminating at the place, degrees."""
    obliquity: Floats
    """[N] mean obliquity of the ecliptic, degrees."""
    ayanamsa: Floats
    """[N] degrees to take from a tropical longitude for the sidereal one (Lahiri)."""

    def sidereal(self) -> Floats:
        """[N, 12] longitudes from the fixed stars' zero point instead of the equinox."""
        return np.asarray((self.longitude - self.ayanamsa[:, None]) % 360.0)


def sky_on(days: Days) -> Sky:
    """The sky at noon UT of each day ([N] datetime64[D]). Raises DataError outside DE421's years."""
    _check_covered(days)
    numbers = days.astype("datetime64[D]").astype(np.int64)
    needed, where = np.unique(np.concatenate([numbers, numbers - 1, numbers + 1]), return_inverse=True)
    today, before, after = where.reshape(3, -1)
    longitude, latitude, distance, sidereal_time = _positions(needed + _NOON_OF_EPOCH_JD)
    centuries: Floats = np.asarray((numbers + _NOON_OF_EPOCH_JD - _J2000_JD) / 36525.0)
    obliquity: Floats = np.asarray(23.439291 - 0.0130042 * centuries)
    ascendant, midheaven = _angles(sidereal_time[today] * 15.0 + PLACE_LONGITUDE, obliquity)
    return Sky(
        longitude=longitude[today],
        speed=signed_degrees(longitude[after] - longitude[before]) / 2.0,
        latitude=latitude[today],
        distance=distance[today],
        ascendant=ascendant,
        midheaven=midheaven,
        obliquity=obliquity,
        ayanamsa=np.asarray(23.85306 + 1.396628 * centuries),
    )


def signed_degrees(angle: Floats) -> Floats:
    """The same angle in [-180, 180)."""
    return np.asarray((angle + 180.0) % 360.0 - 180.0)


def mean_node(julian_date: Floats) -> Floats:
    """Longitude of the Moon's mean ascending node, degrees (Meeus, Astronomical Algorithms, 47.7)."""
    t = (julian_date - _J2000_JD) / 36525.0
    node = 125.0445479 - 1934.1362891 * t + 0.0020754 * t**2 + t**3 / 467441 - t**4 / 60616000
    return np.asarray(node % 360.0)


def _check_covered(days: Days) -> None:
    outside = days[(days < FIRST_DAY) | (days > LAST_DAY)]
    if outside.size:
        raise DataError(f"the ephemeris covers {FIRST_DAY} to {LAST_DAY}; {outside[0]} lies outside")


def _positions(julian_date: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Longitude [N, 12], latitude [N, 10], distance [N, 10] and Greenwich mean sidereal time [N] in hours."""
    from skyfield.api import load, load_file

    time = load.timescale(builtin=True).ut1_jd(julian_date)
    kernel = load_file(str(_de421()))
    try:
        earth = kernel["earth"].at(time)
        seen = [_ecliptic(earth, kernel[_DE421_NAMES[body].format(body.lower())]) for body in PLANETS]
    finally:
        kernel.close()
    node = mean_node(julian_date)
    longitudes = [one[0] for one in seen] + [node, (node + 180.0) % 360.0]
    latitudes, distances = ([one[axis] for one in seen] for axis in (1, 2))
    return np.stack(longitudes, 1), np.stack(latitudes, 1), np.stack(distances, 1), np.asarray(time.gmst)


def _ecliptic(earth: Any, body: Any) -> tuple[Floats, Floats, Floats]:
    latitude, longitude, distance = earth.observe(body).apparent().ecliptic_latlon(epoch="date")
    return longitude.degrees, latitude.degrees, distance.au


def _de421() -> Path:
    # Not skyfield_data's own function: it warns of expired Earth orientation files, which are not used here.
    spec = find_spec("skyfield_data")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("the ephemeris needs the package skyfield-data; pip install skyfield-data")
    return Path(spec.submodule_search_locations[0]) / "data" / "de421.bsp"


def _angles(local_sidereal_degrees: Floats, obliquity: Floats) -> tuple[Floats, Floats]:
    """Ecliptic longitudes on the eastern horizon and on the meridian, degrees (spherical triangle)."""
    turn, tilt = np.radians(local_sidereal_degrees), np.radians(obliquity)
    height = np.tan(np.radians(PLACE_LATITUDE))
    rising = np.arctan2(np.cos(turn), -(np.sin(turn) * np.cos(tilt) + height * np.sin(tilt)))
    culminating = np.arctan2(np.sin(turn), np.cos(turn) * np.cos(tilt))
    return np.degrees(rising) % 360.0, np.degrees(culminating) % 360.0
