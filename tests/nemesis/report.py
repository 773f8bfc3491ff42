"""The table of what was run: one line a run in tests/nemesis/README.md, written by the harness itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.nemesis.run import Verdict

README = Path(__file__).parent / "README.md"


def tell_verdict(verdict: Verdict) -> str:
    """What a person reads at the end of a run."""
    head = (
        f"seed {verdict.plan.seed}, {verdict.database}, {verdict.minutes:.1f} min: {verdict.jobs} jobs, "
        f"{verdict.attempts} attempts, {sum(verdict.struck.values())} faults ({_counts(verdict)})"
    )
    found = [f"  BROKEN {violation.rule}: {violation.what}" for violation in verdict.violations]
    return "\n".join([head, *(found or ["  every promise held"])])


def record_verdict(verdict: Verdict) -> None:
    """Add the run to the table."""
    write_row(
        f"--seed {verdict.plan.seed} --database {verdict.database}",
        f"{verdict.minutes:.1f}",
        f"{verdict.jobs}",
        f"{verdict.attempts}",
        _counts(verdict),
        "; ".join(sorted({violation.rule for violation in verdict.violations})) or "none",
    )


def write_row(*cells: str) -> None:
    """One line at the end of the file, which ends in the table."""
    today = datetime.now(UTC).date().isoformat()
    with README.open("a", encoding="utf-8") as file:
        file.write(f"| {today} | {' | '.join(cells)} |\n")


def _counts(verdict: Verdict) -> str:
    most_first = sorted(verdict.struck.items(), key=lambda item: -item[1])
    return ", ".join(f"{count} x {fault}" for fault, count in most_first) or "none"
