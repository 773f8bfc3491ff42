"""What an evaluation takes from the job it evaluates, where its request does not say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from shared.models import Job
from shared.specs.resolve import merge

INHERITED = ("data", "model", "loss")
"""Weights mean something only with the model, the scalers and the splits they were trained with."""


def with_inheritance(session: Session, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request of an evaluation laid over what its source ran with; any other as it is.

    A source that cannot be used is left for the check of `init_from` to tell.
    """
    source = _source(session, request)
    if source is None:
        return request
    spec: Mapping[str, Any] = source.spec
    under = {"preset": spec["preset"], **{part: spec[part] for part in INHERITED if part in spec}}
    return merge(under, request)


def _source(session: Session, request: Mapping[str, Any]) -> Job | None:
    named = request.get("init_from")
    if request.get("kind") != "eval" or not isinstance(named, Mapping):
        return None
    job_id = named.get("job")
    job = session.get(Job, job_id) if isinstance(job_id, str) else None
    return job if job is not None and job.workload == request.get("workload") else None
