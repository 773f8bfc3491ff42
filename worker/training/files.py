"""The few things a checkpoint asks of a file system, each a method that a test can make fail."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from shared.failpoints import reach

READ_CHUNK = 4 * 1024 * 1024
"""Bytes read at a time while a file is hashed."""


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
    digest, size = hashlib.sha256(), 0
    with files.create(path) as handle:
        for chunk in chunks:
            files.write(handle, chunk)
            digest.update(chunk)
            size += chunk.nbytes
        files.sync(handle)
    return FileDigest(size, digest.hexdigest())


def hash_file(path: Path) -> FileDigest:
    """The digest of a file as it lies on the disk, read in pieces."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as handle:
        while chunk := handle.read(READ_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return FileDigest(size, digest.hexdigest())
