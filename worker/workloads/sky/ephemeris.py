"""The 113 ephemeris columns of the documented data format, computed for any days.

    dyn_<Body>_sin, _cos            of the tropical longitude
    dyn_<Body>_speed                degrees of longitude a day
    dyn_<Body>_sign_sin, _sign_cos  of the place within the 30 degree sign, the whole sign being one turn
    dyn_<Body>_distance             astronomical units; _lat: degrees of ecliptic latitude (not of the nodes)
    dyn_<Body>_shadbala             rupas, of the seven classical bodies; formula in strength.py
    <Body>_sin, <Body>_cos          of the sidereal longitude (Lahiri), of bodies, nodes and the ascendant

Instant, place and source of every position: positions.py. The format does not say what sets its plain
columns apart from its `dyn_` ones; sidereal against tropical is our reading of it.
"""

from __future__ import annotations

import numpy as np

from worker.workloads.sky.columns import NODES, PLANETS, STRONG
from worker.workloads.sky.positions import Days, Floats, Sky, sky_on
from worker.workloads.sky.strength import shadbala


def celestial_columns(days: Days) -> dict[str, Floats]:
    """The 113 columns for N days ([N] datetime64[D]) in the documented order, each [N]. Raises DataError."""
    sky = sky_on(days)
    columns: dict[str, Floats] = {}
    for index, body in enumerate(PLANETS + NODES):
        columns |= _moving(body, index, sky)
    for body in STRONG:
        columns[f"dyn_{body}_shadbala"] = shadbala(body, sky)
    sidereal = sky.sidereal()
    for index, body in enumerate(PLANETS + NODES):
        columns |= _pair(body, sidereal[:, index])
    return columns | _pair("Ascendant", sky.ascendant - sky.ayanamsa)


def _moving(body: str, index: int, sky: Sky) -> dict[str, Floats]:
    name, longitude = f"dyn_{body}", sky.longitude[:, index]
    columns = _pair(name, longitude)
    columns[f"{name}_speed"] = sky.speed[:, index]
    columns |= _pair(f"{name}_sign", longitude * 12.0)
    if body in PLANETS:
        columns[f"{name}_distance"] = sky.distance[:, index]
        columns[f"{name}_lat"] = sky.latitude[:, index]
    return columns


def _pair(name: str, degrees: Floats) -> dict[str, Floats]:
    angle = np.radians(degrees)
    return {f"{name}_sin": np.sin(angle), f"{name}_cos": np.cos(angle)}
