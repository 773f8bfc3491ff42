"""From POST /jobs to the first optimizer step, beside a plain Python script doing the same step.

    python -m benchmarks.start_latency [--jobs 20]

Both sides run in turn in one call. The service is warm: its first job is not counted. The end of the first
optimizer step is the time its loss was written, on the clock that timed the POST.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time

import httpx

from benchmarks.service import running_service

PLAIN = """
import torch
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.AdamW(model.parameters())
model(torch.ones(4, 1)).sum().backward()
optimizer.step()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_service(folder) as client:
        _submit_and_time(client)
        ours, plain = [], []
        for _ in range(arguments.jobs):
            ours.append(_submit_and_time(client))
            plain.append(_time_plain())
    for name, seconds in (("POST to first step", ours), ("plain script", plain)):
        print(f"{name:<20} p50 {statistics.median(seconds):.3f} s  max {max(seconds):.3f} s")
    print(f"{'ratio of medians':<20} {statistics.median(ours) / statistics.median(plain):.2f}")


def _submit_and_time(client: httpx.Client) -> float:
    began = time.time()
    job = client.post("/jobs", json={"workload": "noop"}).raise_for_status().json()["id"]
    query: dict[str, str | int] = {"name": "loss", "split": "train", "limit": 1, "wait": 30}
    points: list[dict[str, float]] = []
    while not points:
        points = client.get(f"/jobs/{job}/metrics", params=query).raise_for_status().json()["points"]
    while client.get(f"/jobs/{job}").json()["status"] in ("queued", "running"):
        time.sleep(0.05)
    return points[0]["time"] - began


def _time_plain() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", PLAIN], check=True)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
