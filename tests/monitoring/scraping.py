"""A real Prometheus over a real service, with the rules of monitoring/ and a short breath."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml

from tests.e2e.embedded import wait_until
from tests.monitoring.dashboards import PROMETHEUS, read_yaml
from tests.monitoring.tools import tool
from tests.mortal import mortal
from tests.servers import free_port

TOKEN = "a token that may read, of a test"


@dataclass(frozen=True)
class Scraper:
    """Prometheus, to be asked."""

    client: httpx.Client

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The samples an expression gives now. Fails where it is none."""
        answer = self.client.get("/api/v1/query", params={"query": expr})
        assert answer.status_code == 200, f"{expr}: {answer.text}"
        data = answer.json()["data"]
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        result: list[dict[str, Any]] = data["result"]
        return result

    def firing(self) -> dict[str, dict[str, str]]:
        """Alert -> its annotations."""
        alerts = self.client.get("/api/v1/alerts").json()["data"]["alerts"]
        return {one["labels"]["alertname"]: one["annotations"] for one in alerts if one["state"] == "firing"}

    def health(self) -> list[str]:
        """Errors of targets and of rules."""
        targets = self.client.get("/api/v1/targets").json()["data"]["activeTargets"]
        groups = self.client.get("/api/v1/rules").json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return [one["lastError"] for one in (*targets, *rules) if one.get("lastError")]


@contextmanager
def prometheus(service_url: str, folder: Path) -> Iterator[Scraper]:
    """It scrapes the service every second; gone with its data at the end."""
    config = _config(service_url, folder)
    port = free_port()
    command = [
        tool("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'series'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(mortal(command), stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            wait_until(lambda: _ready(client), "Prometheus", 60)
            yield Scraper(client)
    finally:
        process.terminate()
        process.wait(30)


def _config(service_url: str, folder: Path) -> Path:
    """That of monitoring/, with another target, token and pace, and alerts that fire without delay."""
    config = read_yaml(PROMETHEUS / "prometheus.yml")
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    scrape = config["scrape_configs"][0]
    scrape["static_configs"] = [{"targets": [urlsplit(service_url).netloc]}]
    scrape["authorization"]["credentials_file"] = str(folder / "token")
    (folder / "token").write_text(TOKEN, encoding="utf-8")
    (folder / "rules").mkdir()
    for file in (PROMETHEUS / "rules").glob("*.yml"):
        (folder / "rules" / file.name).write_text(_hasty(file), encoding="utf-8")
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


def _hasty(file: Path) -> str:
    document = read_yaml(file)
    for group in document["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    return json.dumps(document)


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False
