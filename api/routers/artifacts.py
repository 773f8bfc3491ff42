"""What a job leaves behind: checkpoints listed, artifacts listed and downloaded."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from starlette.responses import FileResponse

from api import queries
from api.beneath import OpenFileResponse, open_beneath
from api.deps import DatabaseDep, JobId, SettingsDep, no_query
from api.schemas.files import ArtifactList, CheckpointList
from shared.rundir import run_dir

router = APIRouter(prefix="/jobs/{job_id}", tags=["files"], dependencies=[Depends(no_query)])


@router.get("/checkpoints", response_model=CheckpointList, summary="Checkpoints")
def checkpoints(job_id: JobId, database: DatabaseDep) -> CheckpointList:
    """Newest first, with those that retention removed or a check condemned."""
    with database.read() as session:
        queries.job_status(session, job_id)
        return CheckpointList(checkpoints=queries.checkpoints(session, job_id))


@router.get("/artifacts", response_model=ArtifactList, summary="Artifacts")
def artifacts(job_id: JobId, database: DatabaseDep) -> ArtifactList:
    """Results, figures, reports."""
    with database.read() as session:
        queries.job_status(session, job_id)
        return ArtifactList(artifacts=queries.artifacts(session, job_id))


@router.get(
    "/artifacts/{artifact_id}",
    response_class=FileResponse,
    responses={
        200: {"content": {"*/*": {}}, "description": "The file, of the type that its list says."},
        206: {"content": {"*/*": {}}, "description": "The range that was asked for."},
    },
    summary="Download an artifact",
)
def download(
    job_id: JobId,
    artifact_id: Annotated[str, Path(description="An artifact's id.")],
    database: DatabaseDep,
    settings: SettingsDep,
) -> Response:
    """The file itself, always as an attachment; `Range` is honoured."""
    with database.read() as session:
        queries.job_status(session, job_id)
        found = queries.find_artifact(session, job_id, artifact_id)
    descriptor = open_beneath(run_dir(settings.resolved_runs_dir, job_id).artifacts, found.path)
    return OpenFileResponse(descriptor, found.media_type, PurePosixPath(found.path).name)
