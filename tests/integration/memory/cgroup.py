"""A real memory cgroup with a limit, v1 or v2, beneath the one this process is in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.embedded import wait_until
from worker.hostmem import oom_counter


class NoCgroup(Exception):
    """Memory cgroups cannot be made here; says why."""


@contextmanager
def memory_cgroup(limit_bytes: int) -> Iterator[Path]:
    """Its folder; whoever writes his pid to `cgroup.procs` is in it. Raises NoCgroup."""
    counter = oom_counter()
    if counter.name == "vmstat":
        raise NoCgroup("this process is in no memory cgroup")
    folder = counter.parent / f"epochd-test-{os.getpid()}"
    limit = "memory.limit_in_bytes" if counter.name == "memory.oom_control" else "memory.max"
    swap = "memory.memsw.limit_in_bytes" if limit.endswith("bytes") else "memory.swap.max"
    try:
        folder.mkdir()
    except OSError as error:
        raise NoCgroup(f"no memory cgroup can be made: {error}") from error
    try:
        try:
            (folder / limit).write_text(str(limit_bytes))
            if (folder / swap).exists():
                (folder / swap).write_text(str(limit_bytes) if limit.endswith("bytes") else "0")
        except OSError as error:
            raise NoCgroup(f"no memory limit can be set: {error}") from error
        yield folder
    finally:
        wait_until(lambda: not (folder / "cgroup.procs").read_text(), "an empty cgroup", 30)
        folder.rmdir()
