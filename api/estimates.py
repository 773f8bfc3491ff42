"""The memory a spec would take, as trainings of its shape were measured; the API builds no model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.models import Job
from shared.specs.contract import Contract
from shared.specs.footprint import BYTES_EACH, Footprint, copy_bytes, state_bytes
from shared.specs.job import JobSpec
from shared.specs.processes import process_count, samples_at_once
from shared.specs.resolve import resolve_spec

GIB = 1024**3
LOOKED_AT = 200
"""Newest jobs of a workload among which one of the same shape is looked for."""


@dataclass(frozen=True)
class _Measured:
    """An estimate that was made for one batch size, in bytes, of one process of those that train together."""

    parameters: int
    parameter_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    activation_bytes: int
    activation_bytes_per_sample: int
    batch_size: int
    bucket_bytes: int
    copy_bytes: int
    """Of the state, from which checkpoints are written; one of the job, and part of the total."""
    total_bytes: int

    def longer(self, times: float) -> _Measured:
        """The same where activations are so many times as large."""
        activations = int(self.activation_bytes * times)
        return replace(
            self,
            activation_bytes=activations,
            activation_bytes_per_sample=int(self.activation_bytes_per_sample * times),
            total_bytes=self.total_bytes - self.activation_bytes + activations,
        )


_MEASURED = tuple(field.name for field in fields(_Measured))


def known_estimate(session: Session, spec: JobSpec, contract: Contract) -> dict[str, Any] | None:
    """What the newest job of the same shape measured, or the preset it resembles, brought to this batch size.

    None where neither is known.
    """
    return _of_a_job(session, spec, contract) or _of_a_preset(spec, contract)


def _of_a_job(session: Session, spec: JobSpec, contract: Contract) -> dict[str, Any] | None:
    asked = spec.model_dump(mode="json")
    wanted = _shape(asked, contract)
    query = (
        select(Job.id, Job.spec, Job.memory)
        .where(Job.workload == spec.workload)
        .order_by(Job.id.desc())
        .limit(LOOKED_AT)
    )
    for row in session.execute(query):
        told = row.memory.get("estimate")
        if not told or not _is_whole(told) or _shape(row.spec, contract) != wanted:
            continue
        measured = _Measured(**{name: told[name] for name in _MEASURED})
        if _lengths(row.spec, contract) == _lengths(asked, contract):
            return _at(spec, measured, f"measured by job {row.id}")
        if told.get("length_exponent") is not None:
            field = contract.lengths[0]
            times = _value(asked, field) / _value(row.spec, field)
            method = f"measured by job {row.id} with {field} {_value(row.spec, field)}"
            return _at(spec, measured.longer(times ** told["length_exponent"]), method)
    return None


def _is_whole(told: Mapping[str, Any]) -> bool:
    """Whether it has every term: some were not measured, and older versions left some out of the sum."""
    return all(told.get(name) is not None for name in _MEASURED)


def _of_a_preset(spec: JobSpec, contract: Contract) -> dict[str, Any] | None:
    if spec.trainer.precision != "fp32" or spec.resources.gpus or spec.trainer.device == "cuda":
        return None
    asked = spec.model_dump(mode="json")
    if _options(asked["trainer"]) != (None, False, False):
        return None
    wanted = (_sizes(asked, contract), _lengths(asked, contract))
    for preset, footprint in contract.footprints.items():
        like = resolve_spec({"workload": contract.name, "preset": preset}, {contract.name: contract}).spec
        preset_spec = like.model_dump(mode="json")
        if (_sizes(preset_spec, contract), _lengths(preset_spec, contract)) == wanted:
            return _at(spec, _as_measured(footprint, spec), f"measured once for preset {preset}")
    return None


def _shape(spec: Mapping[str, Any], contract: Contract) -> tuple[Any, ...]:
    """Everything that memory depends on, but for the batch size and the length of a sample."""
    trainer, optimizer = spec["trainer"], spec["optimizer"]
    return (
        _sizes(spec, contract),
        optimizer["name"],
        optimizer["momentum"] > 0,
        trainer["precision"],
        trainer["device"],
        *_options(trainer),
        spec["resources"]["gpus"] > 0,
        process_count(spec),
        trainer.get("accumulate", 1) > 1,
        spec["memory"].get("allocator"),
        spec["checkpoint"].get("background_from_mib"),
    )


def _options(trainer: Mapping[str, Any]) -> tuple[bool | None, ...]:
    """What of the trainer adds to memory or takes from it."""
    return (
        trainer.get("gradient_checkpointing"),
        trainer.get("ema") is not None,
        bool(trainer.get("compile")),
    )


def _sizes(spec: Mapping[str, Any], contract: Contract) -> list[Any]:
    return [_value(spec, path) for path in contract.sized_by if path not in contract.lengths]


def _lengths(spec: Mapping[str, Any], contract: Contract) -> list[Any]:
    return [_value(spec, path) for path in contract.lengths]


def _value(spec: Mapping[str, Any], path: str) -> Any:
    value: Any = spec
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _as_measured(footprint: Footprint, spec: JobSpec) -> _Measured:
    weights = footprint.parameters * BYTES_EACH
    state = state_bytes(spec.optimizer, weights)
    copied = copy_bytes(spec.optimizer, spec.trainer, spec.checkpoint, weights, weights)
    # Several processes send their gradients to each other from buckets beside them.
    buckets = weights if process_count(spec.model_dump(mode="json")) > 1 else 0
    return _Measured(
        parameters=footprint.parameters,
        parameter_bytes=weights,
        gradient_bytes=weights,
        optimizer_bytes=state,
        activation_bytes=footprint.fixed_bytes,
        activation_bytes_per_sample=footprint.sample_bytes,
        batch_size=0,
        bucket_bytes=buckets,
        copy_bytes=copied,
        total_bytes=2 * weights + state + copied + buckets + footprint.fixed_bytes + footprint.other_bytes,
    )


def _at(spec: JobSpec, measured: _Measured, method: str) -> dict[str, Any]:
    processes = process_count(spec.model_dump(mode="json"))
    per_sample, batch_size = measured.activation_bytes_per_sample, samples_at_once(spec.trainer, processes)
    activations = max(0, measured.activation_bytes + per_sample * (batch_size - measured.batch_size))
    total = measured.total_bytes - measured.activation_bytes + activations
    return {
        "parameters": measured.parameters,
        "parameter_bytes": measured.parameter_bytes,
        "gradient_bytes": measured.gradient_bytes,
        "optimizer_bytes": measured.optimizer_bytes,
        "activation_bytes": activations,
        "activation_bytes_per_sample": per_sample,
        "batch_size": batch_size,
        "bucket_bytes": measured.bucket_bytes,
        "copy_bytes": measured.copy_bytes,
        "total_bytes": total,
        "method": method,
        "message": _sentence(spec, total - measured.copy_bytes, measured.copy_bytes, processes),
    }


def _sentence(spec: JobSpec, each: int, copied: int, processes: int) -> str:
    needs = f"training needs about {each / GIB:.2f} GiB with trainer.batch_size {spec.trainer.batch_size}"
    if processes > 1:
        needs += f" in each of {processes} processes"
    if copied:
        needs += f" (and {copied / GIB:.2f} GiB once for the copy that checkpoints are written from)"
    asked = spec.resources.memory_gib
    if spec.resources.gpus or each * processes + copied <= asked * GIB:
        return needs
    return (
        f"{needs} and resources.memory_gib is {asked:g}; set it higher, or trainer.batch_size lower and "
        "trainer.accumulate higher"
    )
