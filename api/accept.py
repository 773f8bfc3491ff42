"""What a new or resumed job must satisfy beyond its own spec: the jobs and checkpoints it names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError
from sqlalchemy.orm import Session

from api.errors import refused
from shared.errors import InvalidSpec, NotFound
from shared.jobs import store
from shared.jobs.checkpoints import find_checkpoint
from shared.models import Job
from shared.specs.catalogue import find_workload
from shared.specs.contract import Adjustment, Contract
from shared.specs.parts import InitFrom
from shared.specs.resolve import ResolvedSpec, field_sentences


def pin_source(session: Session, resolved: ResolvedSpec) -> ResolvedSpec:
    """Replace `best` or `last` of init_from by the checkpoint it means now. Raises InvalidRequest."""
    source = resolved.spec.init_from
    if source is None:
        if resolved.spec.kind == "eval":
            raise refused("init_from.job", "must name the job whose checkpoint is to be evaluated")
        return resolved
    checkpoint = _source_checkpoint(session, source, resolved.spec.workload)
    if checkpoint == source.checkpoint:
        return resolved
    pinned = source.model_copy(update={"checkpoint": checkpoint})
    why = f"the {source.checkpoint} checkpoint of job {source.job} when this job was accepted"
    adjustment = Adjustment("init_from.checkpoint", source.checkpoint, checkpoint, why)
    spec = resolved.spec.model_copy(update={"init_from": pinned})
    return replace(resolved, spec=spec, adjustments=(*resolved.adjustments, adjustment))


def extend(
    session: Session, job: Job, resume_from: str, epochs: int | None, workloads: Mapping[str, Contract]
) -> ResolvedSpec:
    """The stored spec, validated again, with more epochs where asked. Raises InvalidRequest, NotFound."""
    spec: dict[str, Any] = job.spec
    if epochs is not None:
        done = _epochs_done(session, job, resume_from)
        if epochs < done:
            raise refused("epochs", f"must be at least {done}: so many epochs are already done")
        spec = {**spec, "trainer": {**spec["trainer"], "epochs": epochs}}
    contract = find_workload(job.workload, workloads)
    try:
        valid = contract.spec_type.model_validate(spec)
    except ValidationError as error:
        raise InvalidSpec(*field_sentences(error)) from None
    return ResolvedSpec(valid, tuple(Adjustment(**item) for item in job.adjustments))


def _source_checkpoint(session: Session, source: InitFrom, workload: str) -> str:
    try:
        job = store.find(session, source.job)
    except NotFound as error:
        raise refused("init_from.job", error.message) from None
    if job.workload != workload:
        raise refused("init_from.job", f"job {job.id} is of workload {job.workload}, not {workload}")
    try:
        return find_checkpoint(session, job.id, source.checkpoint).id
    except NotFound as error:
        field = "init_from.job" if source.checkpoint in ("best", "last") else "init_from.checkpoint"
        raise refused(field, error.message) from None


def _epochs_done(session: Session, job: Job, resume_from: str) -> int:
    try:
        return find_checkpoint(session, job.id, resume_from).epoch
    except NotFound:
        if resume_from == "last":
            return 0  # no checkpoint: the job begins anew
        raise
