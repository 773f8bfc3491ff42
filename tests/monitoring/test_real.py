"""A real Prometheus scrapes the real service as real jobs train: every query of every panel has an answer."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared import telemetry
from tests.e2e.embedded import wait_until
from tests.e2e.running import Running, epochd_up
from tests.monitoring.dashboards import dashboards, known_metrics, rule_queries, rules
from tests.monitoring.scraping import TOKEN, Scraper, prometheus
from tests.monitoring.tools import promtool

pytestmark = [pytest.mark.nemesis, pytest.mark.timeout(600)]

LONG = {"workload": "noop", "trainer": {"epochs": 100_000}, "data": {"step_seconds": 0.05}}
SMALL = {"cpus": 0.5, "memory_gib": 1}
SMOKE = {"workload": "celestial", "preset": "smoke", "trainer": {"epochs": 10_000}, "resources": SMALL}
TERMS = {"workload": "celestial-mdn", "preset": "smoke", "trainer": {"epochs": 10_000}, "resources": SMALL}
OF_THE_MACHINE = {"EpochdDiskNearlyFull", "EpochdSwapThrash"}
"""Alerts that may be true where the tests run."""
CHOSEN = {"slot": ".+", "workload": ".+"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("monitored")


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Running]:
    with epochd_up(folder, token=TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def client(service: Running) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=service.url, headers=headers, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def scraper(service: Running, client: httpx.Client, folder: Path) -> Iterator[Scraper]:
    """After three jobs, of which two measured an epoch and wrote a checkpoint, and a few scrapes."""
    with prometheus(service.url, folder) as scraper:
        jobs = [_submitted(client, body) for body in (LONG, SMOKE, TERMS)]
        wait_until(lambda: all(_measured(client, job) for job in jobs), "an epoch of each job", 300)
        wait_until(lambda: _told(scraper) >= known_metrics(), "every series", 60)
        yield scraper


def test_every_query_of_every_panel_has_an_answer(scraper: Scraper) -> None:
    queries = itertools.chain.from_iterable(board.queries() for board in dashboards())
    empty = [query.where for query in queries if not scraper.query(query.filled(CHOSEN))]
    assert empty == []


def test_every_value_that_a_variable_offers_is_there(scraper: Scraper) -> None:
    for board in dashboards():
        for name, variable in board.variables.items():
            if variable["type"] == "query":
                metric, label = variable["query"]["query"].removeprefix("label_values(")[:-1].rsplit(", ", 1)
                samples = scraper.query(metric.replace("$workload", ".+"))
                assert samples and all(label in sample["metric"] for sample in samples), name


def test_every_rule_can_be_evaluated_and_none_fires(scraper: Scraper) -> None:
    assert scraper.health() == []
    assert set(scraper.firing()) <= OF_THE_MACHINE
    for query in rule_queries():
        for name in query.metrics():
            assert scraper.query(name), f"{query.where} reads {name}, which has no sample"


def test_promtool_finds_nothing_to_mend_in_what_is_exported(client: httpx.Client, scraper: Scraper) -> None:
    assert promtool("check", "metrics", given=client.get("/metrics").text) == ""


def test_what_is_scraped_stays_within_the_table(scraper: Scraper) -> None:
    [sample] = scraper.query('scrape_samples_scraped{job="epochd"}')
    assert float(sample["value"][1]) <= telemetry.SERIES


def test_the_slot_that_a_dashboard_shows_leads_to_its_job(client: httpx.Client, scraper: Scraper) -> None:
    [sample] = scraper.query('epochd_running_info{workload="celestial"}')
    seats = {str(one["slot"]): one["job"] for one in client.get("/slots").json()["slots"]}
    job = client.get(f"/jobs/{seats[sample['metric']['slot']]}").json()
    assert job["workload"] == "celestial"


def test_no_worker_is_told_by_an_alert_with_what_to_do(service: Running, scraper: Scraper) -> None:
    """The last test of the module: kills the worker while the launcher, which would start another, stands."""
    workers = service.named("worker")
    assert workers
    service.process.send_signal(signal.SIGSTOP)
    try:
        for worker in workers:
            worker.kill()
        wait_until(lambda: "EpochdNoWorker" in scraper.firing(), "the alert", 120)
    finally:
        service.process.send_signal(signal.SIGCONT)
    [wanted] = [rule["annotations"] for rule in rules() if rule.get("alert") == "EpochdNoWorker"]
    assert scraper.firing()["EpochdNoWorker"] == wanted


def _submitted(client: httpx.Client, body: dict[str, Any]) -> str:
    answer = client.post("/jobs", json=body)
    assert answer.status_code == 201, answer.text
    job: str = answer.json()["id"]
    return job


def _measured(client: httpx.Client, job: str) -> bool:
    shown = client.get(f"/jobs/{job}").json()
    assert shown["status"] in ("queued", "running"), shown["message"]
    return shown["best"] is not None and bool(client.get(f"/jobs/{job}/checkpoints").json()["checkpoints"])


def _told(scraper: Scraper) -> set[str]:
    return {sample["metric"]["__name__"] for sample in scraper.query('{__name__=~".*epochd.+"}')}
