"""The web page: three files of our own, from nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Path as PathParameter
from starlette.responses import FileResponse

from api.deps import no_query
from shared.errors import NotFound

router = APIRouter(tags=["service"], dependencies=[Depends(no_query)])

_FOLDER = Path(__file__).parent.parent / "web"

_FILES: Mapping[str, str] = {
    "app.js": "text/javascript",
    "chart.js": "text/javascript",
    "style.css": "text/css",
}


@router.get("/", response_class=FileResponse, summary="The web page")
async def index() -> FileResponse:
    """Jobs with their progress, curves and logs, in a browser."""
    return FileResponse(_FOLDER / "index.html", media_type="text/html", headers={"Cache-Control": "no-cache"})


@router.get("/web/{name}", response_class=FileResponse, include_in_schema=False)
async def asset(name: Annotated[str, PathParameter()]) -> FileResponse:
    """A script or style of the page."""
    media_type = _FILES.get(name)
    if media_type is None:
        raise NotFound(f"the page has no file {name[:60]!r}")
    return FileResponse(_FOLDER / name, media_type=media_type, headers={"Cache-Control": "no-cache"})
