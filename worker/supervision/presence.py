"""This worker's row: registered at the start, kept fresh, taken away at the end."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil
from sqlalchemy import delete, update

from shared.db import Database
from shared.models import Worker
from shared.settings import Settings

GIB = 1024**3


@dataclass(frozen=True)
class Presence:
    """Who this worker is, and what it offers."""

    database: Database
    queues: tuple[str, ...]
    slots: int
    cpus: float
    memory_gib: float
    gpus: int
    pressure: Callable[[], Mapping[str, Any]]
    """Newest readings of the host."""
    worker_id: str = field(
        default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    )

    def register(self) -> None:
        with self.database.write() as session:
            now = self.database.now(session)
            row = Worker(
                id=self.worker_id,
                host=socket.gethostname(),
                pid=os.getpid(),
                queues=list(self.queues),
                slots=self.slots,
                cpus=self.cpus,
                memory_gib=self.memory_gib,
                gpus=self.gpus,
                pressure=dict(self.pressure()),
                started_at=now,
                heartbeat_at=now,
            )
            session.add(row)

    def beat(self) -> None:
        """Say that this worker lives."""
        with self.database.write() as session:
            values = {"heartbeat_at": self.database.now(session), "pressure": dict(self.pressure())}
            session.execute(update(Worker).where(Worker.id == self.worker_id).values(values))

    def deregister(self) -> None:
        with self.database.write() as session:
            session.execute(delete(Worker).where(Worker.id == self.worker_id))


def offered(settings: Settings) -> tuple[float, float]:
    """(cores, GiB of memory) this worker offers: what is set, else all the machine has."""
    cpus = settings.cpus or float(len(os.sched_getaffinity(0)))
    return cpus, settings.memory_gib or psutil.virtual_memory().total / GIB


def host_pressure() -> Mapping[str, Any]:
    """Memory, swap and load of this host."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return {
        "memory_available_bytes": memory.available,
        "memory_total_bytes": memory.total,
        "swap_used_bytes": swap.used,
        "swap_in_bytes": swap.sin,
        "swap_out_bytes": swap.sout,
        "load_1m": os.getloadavg()[0],
    }
