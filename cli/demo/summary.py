"""The last page of the demo: what came out, where it lies, and how to do it oneself. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cli import figures
from cli.demo.proof import Story

Json = dict[str, Any]
Row = tuple[str, Json]


def summary(story: Story, url: str, state_dir: Path, run_dir: Path) -> list[str]:
    """The lines of the last page."""
    job = story.final
    return [
        *_job(story),
        "",
        *_forecasts(job["results"] or {}),
        "",
        *_files(story.artifacts, run_dir),
        "",
        "Look again, with the service on the same state:",
        f"  ./run up --state-dir {state_dir} --port {url.rsplit(':', 1)[1]}",
        *(f"  {line}" for line in curl_lines(url, job["id"])),
    ]


def curl_lines(url: str, job_id: str) -> list[str]:
    """The calls of the demo for a shell."""
    here = f"{url}/jobs/{job_id}"
    json_type = "-H 'content-type: application/json' -d '{}'"
    return [
        f"curl -sS {here}",
        f"curl -sS '{here}/metrics?split=val&name=loss'",
        f"curl -sS '{here}/logs?tail=20'",
        f"curl -sS -X POST {here}/cancel {json_type}",
        f"curl -sS -X POST {here}/resume {json_type}",
        f"curl -sS {here}/artifacts",
    ]


def _job(story: Story) -> Iterator[str]:
    job, last = story.final, story.final["attempts"][-1]
    peak = job["memory"]["peak"]
    yield f"Job {job['id']} {job['status']} after {len(job['attempts'])} attempts."
    yield f"  cancelled at step {story.checkpoint['step']} of {job['progress']['steps']}, resumed from there"
    yield f"  exact resume: {_exact(last)}"
    rss, swap = figures.size(peak.get("rss_peak_bytes")), figures.size(peak.get("swap_bytes"))
    yield f"  peak memory: {rss}, swap {swap}"
    yield f"  parameters: {(job['results'] or {}).get('total_parameters', 0):,} at this size"


def _exact(attempt: Json) -> str:
    return "yes, bit for bit" if attempt["exact"] else f"no ({attempt['exact_why']})"


def _forecasts(results: Json) -> Iterator[str]:
    """Errors on the test split beside those of forecasts that cost nothing."""
    baselines = results.get("baselines", {})
    rows: Sequence[Row] = [
        ("this model", results.get("metrics_by_unit", {})),
        *((name, measured) for name, measured in baselines.items()),
    ]
    yield f"Test split, {results.get('pred_len')} days ahead:"
    yield f"  {'':<14}{'MAE log price':>15}{'RMSE log price':>16}{'MAE price':>12}"
    for name, measured in rows:
        log_price, price = _overall(measured, "log_price"), _overall(measured, "price")
        yield (
            f"  {name:<14}{figures.value(log_price.get('mae')):>15}"
            f"{figures.value(log_price.get('rmse')):>16}{figures.value(price.get('mae')):>12}"
        )


def _overall(measured: Json, unit: str) -> Json:
    overall: Json = measured.get(unit, {}).get("overall", {})
    return overall


def _files(artifacts: list[Json], run_dir: Path) -> Iterator[str]:
    yield f"On disk, beneath {run_dir / 'artifacts'}:"
    for artifact in artifacts:
        yield f"  {artifact['path']:<36} {figures.size(artifact['bytes'])}"
