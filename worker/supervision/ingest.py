"""Tails an attempt's events file into the database: in batches, each exactly once, from a byte offset.

The offset moves in the transaction that writes the rows, so a batch that was cut short is read again whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from shared.db import Database
from shared.errors import StaleAttempt
from shared.failpoints import reach
from shared.models import Attempt
from worker.protocol import Message, decode
from worker.supervision.fold import fold
from worker.supervision.record import record

BATCH_BYTES = 4 * 1024 * 1024


@dataclass
class EventTail:
    """One attempt's events file, read on behalf of the attempt that now holds the job."""

    database: Database
    job_id: str
    attempt: int
    """Whose file it is."""
    holder: int
    """The attempt that holds the lease; every write is refused once another does."""
    path: Path
    offset: int = 0
    failure: tuple[str, str] | None = None
    """(code, message) of a `failed` message, once read."""
    finished: bool = False

    moved: bool = False
    """Its loop said something since this was last set to False."""

    def has_more(self) -> bool:
        """Whether the file holds whole lines that were not taken yet."""
        return bool(_whole_lines(self.path, self.offset))

    def read_all(self) -> None:
        """Take all that was said so far. Raises StaleAttempt."""
        while self._read_batch():
            pass

    def _read_batch(self) -> bool:
        lines = _whole_lines(self.path, self.offset)
        if not lines:
            return False
        end = self.offset + len(lines)
        folded = fold(self.job_id, self.attempt, _messages(lines))
        with self.database.write() as session:
            if not _move_offset(session, self, end):
                self.offset = _stored_offset(session, self)
                return True
            record(session, folded, self.holder)
            reach("ingest.before_commit")
        reach("ingest.after_commit")
        self.offset = end
        self.failure = folded.failure or self.failure
        self.finished = self.finished or folded.finished
        self.moved = self.moved or folded.moved
        return True


def open_tails(database: Database, job_id: str, holder: int, paths: dict[int, Path]) -> list[EventTail]:
    """The tails of all attempts of a job, oldest first, each at the offset the database knows.

    Raises StaleAttempt where the job was deleted.
    """
    with database.read() as session:
        rows = session.execute(
            select(Attempt.attempt, Attempt.ingest_offset)
            .where(Attempt.job_id == job_id, Attempt.attempt <= holder)
            .order_by(Attempt.attempt)
        ).all()
    if not rows:
        raise StaleAttempt(f"job {job_id} is gone")
    return [
        EventTail(database, job_id, row.attempt, holder, paths[row.attempt], row.ingest_offset)
        for row in rows
    ]


def _move_offset(session: Session, tail: EventTail, end: int) -> bool:
    here = (
        Attempt.job_id == tail.job_id,
        Attempt.attempt == tail.attempt,
        Attempt.ingest_offset == tail.offset,
    )
    result = session.execute(update(Attempt).where(*here).values(ingest_offset=end))
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def _stored_offset(session: Session, tail: EventTail) -> int:
    row = session.get(Attempt, (tail.job_id, tail.attempt))
    if row is None:
        raise StaleAttempt(f"job {tail.job_id} is gone")
    return row.ingest_offset


def _whole_lines(path: Path, offset: int) -> bytes:
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(BATCH_BYTES)
        while data and b"\n" not in data and (more := file.read(BATCH_BYTES)):
            data += more
    return data[: data.rfind(b"\n") + 1]


def _messages(lines: bytes) -> Iterable[Message]:
    for line in lines.splitlines():
        yield _message(line)


def _message(line: bytes) -> Message:
    """A line that is no message is told as a warning: the training itself may be fine."""
    try:
        return decode(line)
    except ValueError as error:
        text = f"a line of the events file is no message ({error}): {line[:200]!r}"
        return {"type": "warning", "time": 0.0, "code": "bad_message", "message": text}
