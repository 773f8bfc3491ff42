"""A disk that gives out at a chosen operation, in a chosen way."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import BinaryIO

from tests.integration.trainers import Killed
from worker.training.files import Files


class FaultyDisk(Files):
    """Counts operations and fails the `fail_at`-th and those after it, `lasts` in all."""

    def __init__(self, fail_at: int, fault: BaseException, *, lasts: float = 1) -> None:
        self.count = 0
        self.done: list[str] = []
        self._fail_at = fail_at
        self._fault = fault
        self._lasts = lasts

    @property
    def failed(self) -> bool:
        return self.count >= self._fail_at

    def make_folder(self, path: Path) -> None:
        self._pass("make_folder")
        super().make_folder(path)

    def create(self, path: Path) -> BinaryIO:
        self._pass("create")
        return super().create(path)

    def write(self, handle: BinaryIO, data: memoryview) -> None:
        try:
            self._pass("write")
        except BaseException:
            super().write(handle, data[: len(data) // 2])  # a torn write
            raise
        super().write(handle, data)

    def sync(self, handle: BinaryIO) -> None:
        self._pass("sync")
        super().sync(handle)

    def sync_folder(self, path: Path) -> None:
        self._pass("sync_folder")
        super().sync_folder(path)

    def rename(self, source: Path, target: Path) -> None:
        self._pass("rename")
        super().rename(source, target)

    def remove_tree(self, path: Path) -> None:
        self._pass("remove_tree")
        super().remove_tree(path)

    def _pass(self, operation: str) -> None:
        self.count += 1
        self.done.append(operation)
        if self._fail_at <= self.count < self._fail_at + self._lasts:
            raise self._fault


def full() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def broken() -> OSError:
    return OSError(errno.EIO, "Input/output error")


def over_quota() -> OSError:
    return OSError(errno.EDQUOT, "Disk quota exceeded")


def read_only() -> OSError:
    return OSError(errno.EROFS, "Read-only file system")


def killed() -> Killed:
    return Killed()
