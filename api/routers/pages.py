"""The web page: files of our own, from nowhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi import Path as PathParameter
from starlette.responses import HTMLResponse, Response

from api.deps import no_query
from shared.errors import NotFound

router = APIRouter(tags=["service"], dependencies=[Depends(no_query)])

_FOLDER = Path(__file__).parent.parent / "web"

_TYPES: Mapping[str, str] = {".js": "text/javascript", ".css": "text/css"}


@router.get("/", response_class=HTMLResponse, summary="The web page")
async def index(request: Request) -> Response:
    """Jobs with their progress, curves and logs, in a browser."""
    return _answer(request, _FOLDER / "index.html", "text/html")


@router.get("/web/{name:path}", include_in_schema=False)
async def asset(name: Annotated[str, PathParameter()], request: Request) -> Response:
    """A script or style of the page."""
    found = _assets().get(name)
    if found is None:
        raise NotFound(f"the page has no file {name[:60]!r}")
    return _answer(request, found, _TYPES[found.suffix])


@cache
def _assets() -> Mapping[str, Path]:
    """Name -> file: what a name is looked up in, so that none of it ever becomes a path."""
    found = (path for path in _FOLDER.rglob("*") if path.suffix in _TYPES)
    return {path.relative_to(_FOLDER).as_posix(): path for path in found}


def _answer(request: Request, path: Path, media_type: str) -> Response:
    """The file, or 304 where the browser holds it already; it asks each time, so an upgrade shows at once."""
    stat = path.stat()
    content, tag = _content(path, stat.st_mtime_ns, stat.st_size)
    headers = {"Cache-Control": "no-cache", "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


@lru_cache(maxsize=256)
def _content(path: Path, _mtime_ns: int, _size: int) -> tuple[bytes, str]:
    """A page is some sixty small files at once: read one by one in threads they took longer than all else."""
    content = path.read_bytes()
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
