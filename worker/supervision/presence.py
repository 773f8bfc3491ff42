"""This worker's row: registered at the start, kept fresh, taken away at the end."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, delete, update

from shared.db import Database
from shared.models import Worker
from worker.hostmem import read_machine, read_paging, read_pressure


@dataclass(frozen=True)
class Presence:
    """Who this worker is, and what it offers."""

    database: Database
    queues: tuple[str, ...]
    slots: int
    cpus: float
    memory_gib: float
    gpus: Callable[[], int]
    """How many are offered now."""
    pressure: Callable[[], Mapping[str, Any]]
    """Newest readings of the host."""
    worker_id: str = field(
        default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    )

    def beat(self) -> None:
        """Say that this worker lives; the first time, and after its row was lost, who it is."""
        with self.database.write() as session:
            now, pressure = self.database.now(session), dict(self.pressure())
            mine = update(Worker).where(Worker.id == self.worker_id)
            result = session.execute(mine.values(heartbeat_at=now, pressure=pressure, gpus=self.gpus()))
            assert isinstance(result, CursorResult)
            if result.rowcount == 0:
                session.add(self._row(now, pressure))

    def deregister(self) -> None:
        with self.database.write() as session:
            session.execute(delete(Worker).where(Worker.id == self.worker_id))

    def _row(self, now: datetime, pressure: dict[str, Any]) -> Worker:
        return Worker(
            id=self.worker_id,
            host=socket.gethostname(),
            pid=os.getpid(),
            queues=list(self.queues),
            slots=self.slots,
            cpus=self.cpus,
            memory_gib=self.memory_gib,
            gpus=self.gpus(),
            pressure=pressure,
            started_at=now,
            heartbeat_at=now,
        )


def host_pressure() -> Mapping[str, Any]:
    """Memory, swap, memory pressure and load of this host."""
    machine, paging, pressure = read_machine(), read_paging(), read_pressure()
    return {
        "memory_available_bytes": machine.available_bytes,
        "memory_total_bytes": machine.total_bytes,
        "swap_used_bytes": machine.swap_used_bytes,
        "swapped_in_bytes": paging.swapped_in_bytes,
        "swapped_out_bytes": paging.swapped_out_bytes,
        "pressure_some_percent": None if pressure is None else pressure.some_percent,
        "pressure_full_percent": None if pressure is None else pressure.full_percent,
        "load_1m": os.getloadavg()[0],
    }
