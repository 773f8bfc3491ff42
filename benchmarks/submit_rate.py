"""Durable POST /jobs per second with several clients, beside the bare health check of the same service.

    python -m benchmarks.submit_rate [--jobs 2000] [--clients 8]

Every job counted was answered 201, so it is on the disk. The health check shows what HTTP alone costs here.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable

import httpx

from benchmarks.service import running_service


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=8)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_service(folder) as client:
        url = str(client.base_url)
        # Larger than any machine, so that nothing runs beside the measurement.
        body = {"workload": "noop", "resources": {"cpus": 4096}}
        submits = _drive(url, arguments, lambda each: each.post("/jobs", json=body), 201)
        health = _drive(url, arguments, lambda each: each.get("/healthz"), 200)
    _tell("POST /jobs", submits)
    _tell("GET /healthz", health)


def _drive(
    url: str,
    arguments: argparse.Namespace,
    call: Callable[[httpx.Client], httpx.Response],
    expected: int,
) -> tuple[float, list[float]]:
    times: list[float] = []
    share = arguments.jobs // arguments.clients

    def client() -> None:
        with httpx.Client(base_url=url, timeout=60) as each:
            for _ in range(share):
                began = time.perf_counter()
                assert call(each).status_code == expected
                times.append(time.perf_counter() - began)

    threads = [threading.Thread(target=client) for _ in range(arguments.clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(times) == share * arguments.clients, "a client failed"
    return time.perf_counter() - began, times


def _tell(name: str, measured: tuple[float, list[float]]) -> None:
    seconds, times = measured
    p99 = sorted(times)[int(len(times) * 0.99) - 1]
    print(
        f"{name:<14} {len(times) / seconds:7.0f}/s  p50 {statistics.median(times) * 1000:6.1f} ms  "
        f"p99 {p99 * 1000:6.1f} ms"
    )


if __name__ == "__main__":
    main()
