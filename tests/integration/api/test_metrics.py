"""Metric points and memory samples: cursors, filters, waiting, overviews."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from api.app import create_app
from api.overview import overview
from api.series import SeriesFilter
from api.watch import Watcher
from shared.models import Job, MetricPoint
from shared.settings import Settings
from tests.factories import running_job, submit_job
from tests.integration.api.conftest import BASE_URL, Service
from tests.integration.api.planting import assert_problem, cancel_and_delete, end, plant_points, plant_samples


def test_points_come_in_order_of_arrival_and_the_cursor_goes_on_behind_them(service: Service) -> None:
    job = running_job(service.database)
    plant_points(service.database, job, [0.5, 0.25, None])
    first = service.json(f"/jobs/{job.id}/metrics?limit=2")
    assert [point["value"] for point in first["points"]] == [0.5, 0.25]
    place = {"attempt": 1, "epoch": 1, "step": 1, "split": "train", "name": "loss"}
    assert first["points"][0] == {**place, "value": 0.5, "time": 1.0e9 + 1}
    second = service.json(f"/jobs/{job.id}/metrics", params={"limit": 2, "after": first["next"]})
    assert [point["value"] for point in second["points"]] == [None]
    plant_points(service.database, job, [0.125], first_step=4)
    third = service.json(f"/jobs/{job.id}/metrics", params={"after": second["next"]})
    assert [point["step"] for point in third["points"]] == [4]


def test_only_this_job_s_points_and_only_the_wanted_series_are_shown(service: Service) -> None:
    job, other = running_job(service.database), running_job(service.database)
    for each in (job, other):
        plant_points(service.database, each, [1.0])
        plant_points(service.database, each, [2.0], split="val")
        plant_points(service.database, each, [3.0], name="lr")
    path = f"/jobs/{job.id}/metrics"
    assert _values(service.json(path)) == [1.0, 2.0, 3.0]
    assert _values(service.json(f"{path}?name=loss")) == [1.0, 2.0]
    assert _values(service.json(f"{path}?name=loss&name=lr&split=train")) == [1.0, 3.0]
    assert _values(service.json(f"{path}?max_points=10&name=lr")) == [3.0]


def test_a_closer_look_shows_every_point_of_the_steps_that_are_asked_for(service: Service) -> None:
    job = running_job(service.database)
    plant_points(service.database, job, [float(step) for step in range(1, 201)])
    path = f"/jobs/{job.id}/metrics?max_points=10"
    assert _values(service.json(f"{path}&from_step=100&to_step=104")) == [100.0, 101.0, 102.0, 103.0, 104.0]
    wide = service.json(f"{path}&from_step=50&to_step=150")["points"]
    assert (wide[0]["step"], wide[-1]["step"]) == (50, 150)
    assert len(wide) <= 10
    assert _values(service.json(f"/jobs/{job.id}/metrics?from_step=199")) == [199.0, 200.0]


def test_a_reader_of_a_rare_series_does_not_pass_over_the_others_again(service: Service) -> None:
    job = running_job(service.database)
    plant_points(service.database, job, [1.0] * 20)
    everything = service.json(f"/jobs/{job.id}/metrics")["next"]
    assert service.json(f"/jobs/{job.id}/metrics?name=rare")["next"] == everything


def test_done_is_said_only_when_the_job_has_ended_and_nothing_follows(service: Service) -> None:
    job = running_job(service.database)
    plant_points(service.database, job, [1.0, 2.0])
    assert not service.json(f"/jobs/{job.id}/metrics")["done"]
    end(service.database, job)
    assert not service.json(f"/jobs/{job.id}/metrics?limit=1")["done"]
    assert service.json(f"/jobs/{job.id}/metrics?limit=2")["done"]


def test_a_cursor_outlives_the_rewind_of_an_attempt(service: Service) -> None:
    job = running_job(service.database)
    plant_points(service.database, job, [1.0, 2.0, 3.0])
    cursor = service.json(f"/jobs/{job.id}/metrics")["next"]
    with service.database.write() as session:
        session.execute(delete(MetricPoint).where(MetricPoint.step > 1))
    assert service.json(f"/jobs/{job.id}/metrics", params={"after": cursor})["points"] == []
    plant_points(service.database, job, [2.5, 3.5], first_step=2)
    after = service.json(f"/jobs/{job.id}/metrics", params={"after": cursor})
    assert _values(after) == [2.5, 3.5]


def test_a_long_poll_wakes_on_a_new_point(settings: Settings, service: Service) -> None:
    job = running_job(service.database)
    answer = _poll(service, job, lambda: plant_points(service.database, job, [0.5]))
    assert _values(answer.json()) == [0.5]


def test_a_long_poll_wakes_when_the_job_ends(service: Service) -> None:
    job = running_job(service.database)
    answer = _poll(service, job, lambda: end(service.database, job))
    assert answer.json() == {"points": [], "next": "m0", "done": True}


def test_a_long_poll_sleeps_through_news_it_did_not_ask_for(service: Service) -> None:
    job = running_job(service.database)
    answer = _poll(
        service,
        job,
        lambda: plant_samples(service.database, job, [{"rss_bytes": 1}]),
        lambda: plant_points(service.database, job, [1.0], split="val"),
        lambda: plant_points(service.database, job, [2.0], split="train"),
        more="&split=train",
    )
    assert _values(answer.json()) == [2.0]


def test_a_long_poll_of_a_job_that_is_deleted_says_so(service: Service) -> None:
    job = submit_job(service.database)

    answer = _poll(service, job, lambda: cancel_and_delete(service.database, job))
    assert_problem(answer, 404, "not_found")


def test_two_hundred_pollers_are_held_and_woken_together(service: Service) -> None:
    job = running_job(service.database)
    answers = asyncio.run(_ask_many(service, job, 200, lambda: plant_points(service.database, job, [0.5])))
    assert [_values(answer.json()) for answer in answers] == [[0.5]] * 200


@pytest.mark.parametrize("count", [10, 11, 1000])
def test_an_overview_keeps_ends_peaks_and_gaps(service: Service, count: int) -> None:
    job = running_job(service.database)
    values: list[float | None] = [float(step % 7) for step in range(5000)]
    values[1234], values[3456], values[2500], values[0], values[-1] = 99.0, -99.0, None, 0.5, 6.5
    plant_points(service.database, job, values, epoch=3)
    points = service.json(f"/jobs/{job.id}/metrics?max_points={count}")["points"]
    assert 4 <= len(points) <= count
    kept = {point["step"]: point["value"] for point in points}
    assert {1: 0.5, 1235: 99.0, 3457: -99.0, 2501: None, 5000: 6.5}.items() <= kept.items()
    assert all(values[step - 1] == value for step, value in kept.items())
    assert [point["step"] for point in points] == sorted(kept)


def test_an_overview_keeps_the_extremes_of_every_bucket(service: Service) -> None:
    job = running_job(service.database)
    values = [((step * 7919) % 1009) / 1009 for step in range(1000)]
    plant_points(service.database, job, values)
    with service.database.read() as session:
        rows = overview(session, job.id, SeriesFilter(), 102)
    kept = {row["step"] - 1 for row in rows}
    for start in range(0, 1000, 20):
        bucket = range(start, start + 20)
        assert max(bucket, key=values.__getitem__) in kept
        assert min(bucket, key=values.__getitem__) in kept


def test_a_short_series_beside_a_long_one_is_given_whole(service: Service) -> None:
    job = running_job(service.database)
    plant_points(service.database, job, [1.0] * 500)
    plant_points(service.database, job, [0.5, 0.25, 0.75], split="val")
    points = service.json(f"/jobs/{job.id}/metrics?max_points=20")["points"]
    assert [point["value"] for point in points if point["split"] == "val"] == [0.5, 0.25, 0.75]
    assert len(points) <= 23


def test_an_overview_goes_on_with_its_cursor(service: Service) -> None:
    job = running_job(service.database)
    plant_points(service.database, job, [1.0] * 100)
    cursor = service.json(f"/jobs/{job.id}/metrics?max_points=10")["next"]
    plant_points(service.database, job, [7.0], first_step=101)
    assert _values(service.json(f"/jobs/{job.id}/metrics", params={"after": cursor})) == [7.0]


def test_an_overview_asked_again_shows_new_points_and_forgets_rewound_ones(service: Service) -> None:
    job = running_job(service.database)
    path = f"/jobs/{job.id}/metrics?max_points=10"
    plant_points(service.database, job, [1.0, 2.0, 3.0])
    assert _values(service.json(path)) == _values(service.json(path)) == [1.0, 2.0, 3.0]
    with service.database.write() as session:
        session.execute(delete(MetricPoint).where(MetricPoint.step > 1))
    assert _values(service.json(path)) == [1.0]
    plant_points(service.database, job, [2.5], first_step=2)
    assert _values(service.json(path)) == [1.0, 2.5]
    assert _values(service.json(f"{path}&split=val")) == []


def test_memory_samples_have_their_own_cursor(service: Service) -> None:
    job = running_job(service.database)
    plant_samples(service.database, job, [{"rss_bytes": 1}, {"rss_bytes": 2, "swap_bytes": 3}])
    first = service.json(f"/jobs/{job.id}/memory?limit=1")
    assert first["points"] == [{"attempt": 1, "step": 0, "time": 1.0e9, "sample": {"rss_bytes": 1}}]
    second = service.json(f"/jobs/{job.id}/memory", params={"after": first["next"]})
    assert [point["sample"] for point in second["points"]] == [{"rss_bytes": 2, "swap_bytes": 3}]


def test_a_memory_overview_keeps_the_peak_of_memory_and_of_swapping(service: Service) -> None:
    job = running_job(service.database)
    samples: list[dict[str, Any]] = [{"rss_bytes": 100 + step % 5} for step in range(2000)]
    samples[777] = {"rss_bytes": 9999}
    samples[888] = {"rss_bytes": 1, "swap_in_bytes_per_second": 5.5}
    samples[999] = {"rss_bytes": 1, "job_rss_bytes": 77}
    plant_samples(service.database, job, samples)
    points = service.json(f"/jobs/{job.id}/memory?max_points=50")["points"]
    assert {0, 777, 888, 999, 1999} <= {point["step"] for point in points}
    assert len(points) <= 50


def _values(page: Any) -> list[float | None]:
    return [point["value"] for point in page["points"]]


def _poll(service: Service, job: Job, *steps: Callable[[], None], more: str = "") -> httpx.Response:
    return asyncio.run(_ask_many(service, job, 1, *steps, more=more))[0]


async def _ask_many(
    service: Service, job: Job, count: int, *steps: Callable[[], None], more: str = ""
) -> list[httpx.Response]:
    """Poll `count` times at once; whenever all are held and the watcher rests, the next step happens."""
    app = create_app(service.settings, service.database)
    left = iter(steps)

    async def rest(_seconds: float) -> None:
        if len(app.state.watcher._waiters.get(job.id, ())) == count:
            next(left, _nothing)()
        await asyncio.sleep(0)

    app.state.watcher = Watcher(app.state.watcher.look, rest)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
        path = f"/jobs/{job.id}/metrics?wait=30{more}"
        return await asyncio.gather(*(client.get(path) for _ in range(count)))


def _nothing() -> None:
    return None
