"""What the celestial workload tells the guards: its answer, its truth, and what its scalers promise."""

from __future__ import annotations

from worker.workloads.interface import GuardHints
from worker.workloads.sky.refit import refit

GUARD_HINTS = GuardHints(
    predictions=lambda outputs: {"prices": outputs},
    targets=lambda batch: {"prices": batch["y"]},
    perfect=lambda _spec, batch: batch["y"],
    refit=refit,
)
