"""Opening a file strictly beneath a folder: no step up, no symbolic link, nothing but a plain file."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath

from starlette.responses import FileResponse, Response
from starlette.types import Message, Receive, Scope, Send

from api.errors import problem
from shared.errors import NotFound

_STEP = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def open_beneath(folder: Path, relative: str) -> int:
    """A descriptor of the file. Each part is opened from the one above. Raises NotFound."""
    parts = PurePosixPath(relative).parts
    if not parts or relative.startswith("/") or ".." in parts or "\0" in relative:
        raise NotFound("the file is not among the job's files")
    try:
        return _descend(folder, parts)
    except OSError:
        raise NotFound("the file is no longer there") from None


def _descend(folder: Path, parts: tuple[str, ...]) -> int:
    here = os.open(folder, _STEP)
    try:
        for part in parts[:-1]:
            below = os.open(part, _STEP, dir_fd=here)
            os.close(here)
            here = below
        found = os.open(parts[-1], _FILE, dir_fd=here)
    finally:
        os.close(here)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise FileNotFoundError(parts[-1])
    return found


class OpenFileResponse(FileResponse):
    """Sends the very file a descriptor holds, with ranges, and closes it."""

    def __init__(self, descriptor: int, media_type: str, filename: str) -> None:
        self._descriptor = descriptor
        super().__init__(
            f"/proc/self/fd/{descriptor}",
            media_type=media_type,
            filename=filename,
            stat_result=os.fstat(descriptor),
            headers={"Content-Security-Policy": "default-src 'none'; sandbox", "Cache-Control": "private"},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = 0

        async def send_unless_refused(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] >= 400:
                refused = message["status"]
            if not refused:
                await send(message)

        try:
            size = os.fstat(self._descriptor).st_size
            await super().__call__(scope, receive, send_unless_refused)
        finally:
            os.close(self._descriptor)
        if refused:
            await _range_problem(refused, size, scope["path"])(scope, receive, send)


def _range_problem(status: int, size: int, path: str) -> Response:
    if status == 416:
        detail = f"Range: the file has {size} bytes and none of them was asked for"
        return problem(
            416, "range_not_satisfiable", detail, path, headers={"Content-Range": f"bytes */{size}"}
        )
    return problem(status, "malformed_range", "Range: must be written as bytes=first-last", path)
