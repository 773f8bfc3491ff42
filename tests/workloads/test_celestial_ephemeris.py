"""The computed sky against known events, and the documented order of its columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shared.errors import DataError
from worker.workloads.sky.columns import CELESTIAL, PLANETS, STRONG
from worker.workloads.sky.ephemeris import celestial_columns
from worker.workloads.sky.positions import Days, Floats, mean_node, signed_degrees, sky_on
from worker.workloads.sky.strength import DIGNITIES, shadbala


def _days(*days: str) -> Days:
    return np.array(days, dtype="datetime64[D]")


def _seen(columns: dict[str, Floats], name: str) -> Floats:
    return np.degrees(np.arctan2(columns[f"{name}_sin"], columns[f"{name}_cos"])) % 360.0


def test_columns_come_in_the_documented_order() -> None:
    assert tuple(celestial_columns(_days("2000-01-03"))) == CELESTIAL


def test_the_sun_stands_at_its_quarter_points_on_equinoxes_and_solstices() -> None:
    columns = celestial_columns(_days("2000-03-20", "2000-06-21", "2000-09-22", "2000-12-21"))
    off = signed_degrees(_seen(columns, "dyn_Sun") - np.array([0.0, 90.0, 180.0, 270.0]))
    assert np.abs(off).max() < 1.0


@pytest.mark.parametrize(
    ("day", "apart"),
    [
        ("1999-08-11", 0.0),
        ("2000-01-06", 0.0),
        ("2017-08-21", 0.0),
        ("2000-01-21", 180.0),
        ("2015-09-28", 180.0),
    ],
)
def test_the_moon_meets_the_sun_on_known_new_moons_and_faces_it_on_full_ones(day: str, apart: float) -> None:
    columns = celestial_columns(_days(day))
    elongation = _seen(columns, "dyn_Moon") - _seen(columns, "dyn_Sun")
    assert (
        np.abs(signed_degrees(elongation - apart))[0] < 6.6
    )  # twelve hours of the Moon's motion against the Sun


def test_a_solar_eclipse_happens_near_the_computed_node() -> None:
    columns = celestial_columns(_days("1999-08-11", "2017-08-21"))
    from_node = _seen(columns, "dyn_Sun") - _seen(columns, "dyn_Mean Rahu")
    assert np.abs(signed_degrees(from_node)).max() < 18.0
    assert np.allclose(
        signed_degrees(_seen(columns, "dyn_Mean Ketu") - _seen(columns, "dyn_Mean Rahu")), -180.0
    )


def test_the_mean_node_of_the_epoch_is_meeus_constant() -> None:
    assert mean_node(np.array([2451545.0]))[0] == pytest.approx(125.0445479)
    eighteen_years_later = mean_node(np.array([2451545.0 + 6798.38]))[0]
    assert eighteen_years_later == pytest.approx(125.04, abs=0.02)


def test_speed_is_retrograde_when_mercury_was_and_matches_the_months_of_the_moon() -> None:
    sky = sky_on(_days("2017-08-25", "2017-07-01"))
    mercury = sky.speed[:, PLANETS.index("Mercury")]
    assert mercury[0] < 0.0 < mercury[1]
    year = sky_on(np.arange("2001-01-01", "2002-01-01", dtype="datetime64[D]"))
    assert year.speed[:, PLANETS.index("Moon")].mean() == pytest.approx(13.176, abs=0.1)
    assert year.speed[:, -1].mean() == pytest.approx(-0.05295, abs=1e-4)


def test_distances_are_astronomical_units_and_the_earth_is_closest_to_the_sun_in_january() -> None:
    columns = celestial_columns(_days("2001-01-04", "2001-07-04"))
    sun = columns["dyn_Sun_distance"]
    assert sun[0] == pytest.approx(0.983, abs=1e-3) and sun[1] == pytest.approx(1.017, abs=1e-3)
    assert columns["dyn_Moon_distance"].max() < 0.003


def test_sign_angle_turns_once_per_thirty_degrees() -> None:
    columns = celestial_columns(_days("2000-03-20", "2000-04-05", "2000-07-30"))
    expected = (_seen(columns, "dyn_Sun") % 30.0) * 12.0
    assert np.allclose(signed_degrees(_seen(columns, "dyn_Sun_sign") - expected), 0.0, atol=1e-6)


def test_plain_columns_are_sidereal_by_the_lahiri_ayanamsa() -> None:
    columns = celestial_columns(_days("2000-01-01"))
    assert (_seen(columns, "dyn_Mars") - _seen(columns, "Mars"))[0] % 360.0 == pytest.approx(23.853, abs=0.01)


def test_the_ascendant_leads_the_midheaven_and_walks_round_once_a_year() -> None:
    sky = sky_on(np.arange("2001-01-01", "2002-01-01", dtype="datetime64[D]"))
    ahead = (sky.ascendant - sky.midheaven) % 360.0
    assert ahead.min() > 45.0 and ahead.max() < 135.0
    steps = signed_degrees(np.diff(sky.ascendant))
    assert steps.min() > 0.0 and steps.sum() == pytest.approx(360.0, abs=2.0)


def test_a_day_has_the_same_sky_whatever_days_stand_beside_it() -> None:
    alone = celestial_columns(_days("2005-05-05"))
    among = celestial_columns(_days("1990-01-01", "2005-05-04", "2005-05-05", "2020-01-01"))
    assert all(alone[name][0] == pytest.approx(among[name][2], abs=1e-12) for name in CELESTIAL)


def test_every_column_is_finite_and_moves_but_the_mean_nodes_speed() -> None:
    columns = celestial_columns(np.arange("2001-01-01", "2003-01-01", 7, dtype="datetime64[D]"))
    still = [name for name, values in columns.items() if values.std() < 1e-6]
    assert all(np.isfinite(values).all() for values in columns.values())
    assert still == ["dyn_Mean Rahu_speed", "dyn_Mean Ketu_speed"]


def test_shadbala_is_the_stated_sum_and_within_its_range() -> None:
    sky = sky_on(np.arange("2001-01-01", "2003-01-01", 7, dtype="datetime64[D]"))
    assert set(DIGNITIES) == set(STRONG)
    for body in STRONG:
        strength = shadbala(body, sky)
        assert strength.min() > DIGNITIES[body].natural / 60.0 and strength.max() < 4.0
    saturn = PLANETS.index("Saturn")
    uccha = np.abs(signed_degrees(sky.sidereal()[:, saturn] - 20.0)) / 3.0
    dig = np.abs(signed_degrees(sky.longitude[:, saturn] - sky.ascendant)) / 3.0
    cheshta = 60.0 * (1.0 - np.clip(sky.speed[:, saturn] / 0.067, 0.0, 1.0))
    assert np.allclose(shadbala("Saturn", sky) * 60.0, uccha + dig + cheshta + 60.0 / 7.0)


@pytest.mark.parametrize("day", ["1850-01-01", "2100-01-01"])
def test_a_day_outside_the_ephemeris_is_refused_by_name(day: str) -> None:
    with pytest.raises(DataError, match=f"covers 1899-08-01 to 2053-10-01; {day} lies outside"):
        celestial_columns(_days("2000-01-01", day))


@pytest.mark.parametrize(
    ("body", "angle", "away"),
    [
        ("Sun", "midheaven", 0.0), ("Mars", "midheaven", 0.0), ("Moon", "midheaven", 180.0),
        ("Venus", "midheaven", 180.0), ("Mercury", "ascendant", 0.0), ("Jupiter", "ascendant", 0.0),
        ("Saturn", "ascendant", 180.0),
    ],
)  # fmt: skip
def test_each_body_has_its_directional_strength_at_its_own_angle(body: str, angle: str, away: float) -> None:
    sky = sky_on(_days("2001-05-05"))
    there = (sky.longitude[:, PLANETS.index(body)] + away) % 360.0
    strong, weak = (replace(sky, **{angle: (there + turned) % 360.0}) for turned in (0.0, 180.0))
    assert shadbala(body, strong)[0] - shadbala(body, weak)[0] == pytest.approx(1.0)  # sixty virupas


def test_bodies_are_strongest_at_their_exaltation_of_the_sidereal_zodiac() -> None:
    sky = sky_on(_days("2001-05-05"))
    for body, dignity in DIGNITIES.items():
        column, longitude = PLANETS.index(body), sky.longitude.copy()
        high, low = (longitude.copy() for _ in range(2))
        high[:, column] = dignity.exaltation + sky.ayanamsa
        low[:, column] = dignity.exaltation + sky.ayanamsa + 180.0
        turn = {"ascendant": sky.ascendant, "midheaven": sky.midheaven}
        strong = replace(sky, longitude=high, **turn)
        weak = replace(sky, longitude=low, **{name: value + 180.0 for name, value in turn.items()})
        if body not in ("Sun", "Moon"):  # whose cheshta moves with their longitude
            assert shadbala(body, strong)[0] - shadbala(body, weak)[0] == pytest.approx(1.0)
