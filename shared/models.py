"""The tables, all of them, so that whoever imports one has the whole schema.

A row is a fact; the only code that changes a job's status is shared/jobs/store.py.
"""

from __future__ import annotations

from shared.tables.columns import Base as Base
from shared.tables.columns import UtcDateTime as UtcDateTime
from shared.tables.files import Artifact as Artifact
from shared.tables.files import Checkpoint as Checkpoint
from shared.tables.fleet import Worker as Worker
from shared.tables.jobs import Attempt as Attempt
from shared.tables.jobs import IdempotencyKey as IdempotencyKey
from shared.tables.jobs import Job as Job
from shared.tables.jobs import JobTag as JobTag
from shared.tables.series import BLOCK_STEPS as BLOCK_STEPS
from shared.tables.series import JobEvent as JobEvent
from shared.tables.series import MemoryPoint as MemoryPoint
from shared.tables.series import MetricBlock as MetricBlock
from shared.tables.series import MetricPoint as MetricPoint
from shared.tables.tokens import Token as Token
