"""The files of monitoring/: queries name what there is, panels are complete, paths and names agree."""

from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from shared import telemetry
from tests.monitoring.dashboards import (
    FOLDER,
    GRAFANA,
    PROMETHEUS,
    Dashboard,
    Query,
    dashboards,
    known_metrics,
    read_yaml,
    rule_queries,
    rules,
)
from tests.monitoring.tools import promtool

DASHBOARDS = {one.name: one for one in dashboards()}
ALERTS = [rule for rule in rules() if "alert" in rule]
QUERIES = [*itertools.chain.from_iterable(one.queries() for one in DASHBOARDS.values()), *rule_queries()]
COLUMNS = 24
SHOWN = 0
"""The value of a variable's `hide` with which Grafana shows its field and its label."""
SENTENCE = re.compile(r"[A-Z{].*[.]", re.DOTALL)

every_dashboard = pytest.mark.parametrize("board", DASHBOARDS.values(), ids=DASHBOARDS)


def test_there_are_three_dashboards_and_an_alert_for_each_thing_that_goes_wrong() -> None:
    assert set(DASHBOARDS) == {"fleet", "job", "memory"}
    assert {rule["alert"].removeprefix("Epochd") for rule in ALERTS} >= {
        "NoWorker", "QueueStuck", "SwapThrash", "LossNotFinite", "NoProgress", "CheckpointTooOld",
        "DiskNearlyFull",
    }  # fmt: skip


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.where)
def test_a_query_names_only_what_is_in_the_table(query: Query) -> None:
    assert query.metrics() <= known_metrics()
    assert query.metrics() or "up{" in query.expr or "ALERTS{" in query.expr


def test_a_name_that_nobody_exports_is_found_in_a_query() -> None:
    wrong = Query("here", 'sum(rate(epochd_runing_step{slot=~"$slot"}[5m])) / slot:epochd_x:y + epochd_jobs')
    assert wrong.metrics() - known_metrics() == {"epochd_runing_step", "slot:epochd_x:y"}


@every_dashboard
def test_every_variable_of_a_dashboard_is_there_and_is_used(board: Dashboard) -> None:
    text = str(board.document)
    for query in board.queries():
        assert query.variables() <= set(board.variables), query.where
    for name in board.variables:
        assert re.search(rf"\$\{{?{name}\b", text), f"{board.name} does not use ${name}"
    assert {"workload", "page"} <= set(board.variables)


@every_dashboard
def test_every_panel_says_what_it_shows_in_which_unit(board: Dashboard) -> None:
    assert len({panel["id"] for panel in board.panels}) == len(board.panels)
    for panel in board.panels:
        assert SENTENCE.fullmatch(panel["description"]), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"], panel["title"]
        assert panel["targets"], panel["title"]


@every_dashboard
def test_colours_are_names_which_grafana_draws_in_light_and_dark(board: Dashboard) -> None:
    assert not re.search(r"#[0-9a-fA-F]{6}\b|rgba?\(", str(board.document))


@every_dashboard
def test_panels_neither_overlap_nor_leave_the_grid(board: Dashboard) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board.panels:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= COLUMNS, panel["title"]
        cells = {
            (grid["x"] + column, grid["y"] + row) for column in range(grid["w"]) for row in range(grid["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells


@every_dashboard
def test_a_dashboard_leads_to_the_others_and_to_the_page(board: Dashboard) -> None:
    links = {link["url"].partition("?")[0] for link in board.document["links"]}
    others = {f"/d/{one.document['uid']}" for one in DASHBOARDS.values() if one is not board}
    assert links == {"${page}/", *others}
    assert "${page}/#/slots/" in str(board.panels)


@every_dashboard
def test_the_address_of_the_page_is_the_published_one_and_can_be_changed(board: Dashboard) -> None:
    [ports] = read_yaml(FOLDER.parent / "docker-compose.yml")["services"]["api"]["ports"]
    [port] = re.findall(r"\$\{STACK_API_PORT:-(\d+)\}", ports)
    page, published = board.variables["page"], f"http://localhost:{port}"
    assert (page["type"], page["query"]) == ("textbox", published)
    assert page["current"] == {"text": published, "value": published}
    assert page["hide"] == SHOWN
    carried = {link["url"]: link["includeVars"] for link in board.document["links"]}
    assert carried.pop("${page}/") is False
    for url, everything in carried.items():
        assert everything or url.endswith("?${workload:queryparam}&${page:queryparam}"), (
            "the next dashboard must know the address too"
        )


@every_dashboard
def test_a_link_never_brings_several_values_where_one_fits(board: Dashboard) -> None:
    others = {f"/d/{one.document['uid']}": one for one in DASHBOARDS.values()}
    for link in board.document["links"]:
        other = others.get(link["url"])
        if other is None or not link["includeVars"]:
            continue
        for name in set(board.variables) & set(other.variables):
            several, fits = (one.variables[name].get("multi", False) for one in (board, other))
            assert fits or not several, f"{name} of {board.name} goes to {other.name}"


@every_dashboard
def test_every_query_goes_to_the_source_that_is_provisioned(board: Dashboard) -> None:
    source = read_yaml(GRAFANA / "provisioning/datasources/prometheus.yml")["datasources"][0]
    wanted = {"type": source["type"], "uid": source["uid"]}
    targets = [target["datasource"] for panel in board.panels for target in panel["targets"]]
    variables = [one["datasource"] for one in board.variables.values() if one["type"] == "query"]
    assert all(
        each == wanted for each in [*targets, *variables, *(one["datasource"] for one in board.panels)]
    )


def test_grafana_finds_the_dashboards_where_they_are_mounted() -> None:
    provider = read_yaml(GRAFANA / "provisioning/dashboards/epochd.yml")["providers"][0]
    path = provider["options"]["path"]
    services = read_yaml(FOLDER.parent / "docker-compose.yml")["services"]
    assert f"./monitoring/grafana/dashboards:{path}:ro" in services["grafana"]["volumes"]
    assert "./monitoring/grafana/provisioning:/etc/grafana/provisioning:ro" in services["grafana"]["volumes"]
    assert "./monitoring/prometheus:/etc/prometheus:ro" in services["prometheus"]["volumes"]


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_is_the_matter_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert set(rule["annotations"]) == {"summary", "runbook"}
    assert all(SENTENCE.fullmatch(text) for text in rule["annotations"].values())


def test_prometheus_refuses_more_series_than_the_table_allows_and_reads_its_token_from_a_file() -> None:
    config = read_yaml(PROMETHEUS / "prometheus.yml")["scrape_configs"][0]
    assert config["sample_limit"] == telemetry.SERIES
    assert config["authorization"] == {"credentials_file": "/run/secrets/prometheus_token"}


def test_prometheus_takes_the_rules_and_its_settings() -> None:
    files = [str(file) for file in sorted((PROMETHEUS / "rules").glob("*.yml"))]
    assert len(files) == 2
    promtool("check", "rules", *files)
    promtool("check", "config", "--syntax-only", str(PROMETHEUS / "prometheus.yml"))


def test_every_alert_fires_and_keeps_quiet_when_it_should() -> None:
    files = [str(file) for file in sorted((PROMETHEUS / "tests").glob("*.yml"))]
    promtool("test", "rules", *files)
    tested = " ".join(str(read_yaml(PROMETHEUS / "tests" / file)) for file in files)
    assert {rule["alert"] for rule in ALERTS} <= set(re.findall(r"'alertname': '(\w+)'", tested))
