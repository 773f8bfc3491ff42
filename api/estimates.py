"""The memory a spec would take, from what a job of the same shape measured; the API builds no model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.models import Job
from shared.specs.job import JobSpec

GIB = 1024**3
LOOKED_AT = 200
"""Newest jobs of a workload among which one of the same shape is looked for."""


def known_estimate(session: Session, spec: JobSpec) -> dict[str, Any] | None:
    """What the newest job of the same shape measured, brought to this batch size; None where none did."""
    wanted = shape(spec.model_dump(mode="json"))
    query = (
        select(Job.id, Job.spec, Job.memory)
        .where(Job.workload == spec.workload)
        .order_by(Job.id.desc())
        .limit(LOOKED_AT)
    )
    for row in session.execute(query):
        measured = row.memory.get("estimate")
        if measured and measured["activation_bytes"] is not None and shape(row.spec) == wanted:
            return _at(spec, measured, row.id)
    return None


def shape(spec: Mapping[str, Any]) -> tuple[Any, ...]:
    """Everything that memory depends on, but for the batch size."""
    trainer, optimizer = spec["trainer"], spec["optimizer"]
    return (
        {part: spec.get(part) for part in ("data", "model", "loss")},
        optimizer["name"],
        optimizer["momentum"] > 0,
        trainer["precision"],
        trainer["device"],
        spec["resources"]["gpus"] > 0,
        spec["memory"].get("allocator"),
    )


def _at(spec: JobSpec, measured: Mapping[str, Any], job: str) -> dict[str, Any]:
    per_sample, batch_size = measured["activation_bytes_per_sample"], spec.trainer.batch_size
    activations = max(0, measured["activation_bytes"] + per_sample * (batch_size - measured["batch_size"]))
    total = measured["total_bytes"] - measured["activation_bytes"] + activations
    kept = (
        "parameters",
        "parameter_bytes",
        "gradient_bytes",
        "optimizer_bytes",
        "activation_bytes_per_sample",
    )
    return {
        **{name: measured[name] for name in kept},
        "activation_bytes": activations,
        "batch_size": batch_size,
        "total_bytes": total,
        "method": f"measured by job {job}",
        "message": _sentence(spec, total),
    }


def _sentence(spec: JobSpec, total: int) -> str:
    needs = f"training needs about {total / GIB:.2f} GiB with trainer.batch_size {spec.trainer.batch_size}"
    asked = spec.resources.memory_gib
    if spec.resources.gpus or total <= asked * GIB:
        return needs
    return (
        f"{needs} and resources.memory_gib is {asked:g}; set it higher, or trainer.batch_size lower and "
        "trainer.accumulate higher"
    )
