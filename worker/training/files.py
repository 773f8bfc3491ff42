"""The few things a checkpoint asks of a file system, each a method that a test can make fail."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from shared.failpoints import reach

READ_CHUNK = 4 * 1024 * 1024
"""Bytes read at a time while a file is hashed."""
PIECE = 4 * 1024 * 1024
"""Bytes written and hashed at a time; a multiple of BLOCK."""
BLOCK = 4096
"""What lies on such bounds, in memory and in the file, the disk can take without a copy by the kernel."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class FileDigest:
    """What a file held when it was written."""

    bytes: int
    sha256: str


class Files:
    """The local disk. Every method is one point where power, space or the disk itself may give out."""

    def make_folder(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)

    def create(self, path: Path) -> BinaryIO:
        return path.open("xb", buffering=0)

    def write(self, handle: BinaryIO, data: memoryview) -> None:
        reach("checkpoint.before_write")
        while data:
            data = data[handle.write(data) :]
        reach("checkpoint.after_write")

    def sync(self, handle: BinaryIO) -> None:
        reach("checkpoint.before_sync")
        os.fsync(handle.fileno())
        reach("checkpoint.after_sync")

    def sync_folder(self, path: Path) -> None:
        """Make the names in a folder durable; a rename without this may vanish with the power."""
        reach("checkpoint.before_sync_folder")
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        reach("checkpoint.after_sync_folder")

    def rename(self, source: Path, target: Path) -> None:
        reach("checkpoint.before_rename")
        source.rename(target)
        reach("checkpoint.after_rename")

    def remove_tree(self, path: Path) -> None:
        shutil.rmtree(path)

    def free_bytes(self, path: Path) -> int:
        state = os.statvfs(path)
        return state.f_bavail * state.f_frsize


def write_file(files: Files, path: Path, chunks: Iterable[memoryview]) -> FileDigest:
    """Write a new file, hash it on the way and make it durable. Raises OSError."""
    return finished(writing_file(files, path, chunks))


def writing_file(
    files: Files, path: Path, chunks: Iterable[memoryview], *, aligned: bool = False
) -> Generator[None, None, FileDigest]:
    """The same in steps of a piece each. `aligned` chunks begin at a block, each but the last ends at one."""
    digest, size = hashlib.sha256(), 0
    with files.create(path) as handle:
        for piece in _pieces(chunks):
            _write_piece(files, handle, piece, direct=aligned)
            digest.update(piece)
            size += piece.nbytes
            yield
        files.sync(handle)
    return FileDigest(size, digest.hexdigest())


def finished(steps: Generator[None, None, Result]) -> Result:
    """The result of steps, all taken at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


def hash_file(path: Path) -> FileDigest:
    """The digest of a file as it lies on the disk, read in pieces."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as handle:
        while chunk := handle.read(READ_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return FileDigest(size, digest.hexdigest())


def _pieces(chunks: Iterable[memoryview]) -> Iterator[memoryview]:
    for chunk in chunks:
        for start in range(0, chunk.nbytes, PIECE):
            yield chunk[start : start + PIECE]


def _write_piece(files: Files, handle: BinaryIO, piece: memoryview, *, direct: bool) -> None:
    """Past the page cache where that is possible: gigabytes there cost a core, and drive out the data."""
    whole = piece.nbytes - piece.nbytes % BLOCK if direct else 0
    if whole and not _past_the_cache(handle, wanted=True):
        whole = 0
    if whole:
        begun = handle.tell()
        try:
            files.write(handle, piece[:whole])
        except OSError as error:
            # The file system has other ideas of a block; what it took is in the file.
            if error.errno != errno.EINVAL:
                raise
            whole = handle.tell() - begun
        _past_the_cache(handle, wanted=False)
    if whole < piece.nbytes:
        files.write(handle, piece[whole:])


def _past_the_cache(handle: BinaryIO, *, wanted: bool) -> bool:
    """Ask for direct writes, or for ordinary ones; false where the file system has no direct ones."""
    flags = fcntl.fcntl(handle, fcntl.F_GETFL)
    try:
        fcntl.fcntl(handle, fcntl.F_SETFL, flags | os.O_DIRECT if wanted else flags & ~os.O_DIRECT)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return False
    return True
