"""The table of what was run: one line a run in tests/nemesis/README.md, written by the harness itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from tests.nemesis.run import Verdict

README = Path(__file__).parent / "README.md"


def tell_verdict(verdict: Verdict) -> str:
    """What a person reads at the end of a run."""
    head = (
        f"seed {verdict.plan.seed}, {verdict.mode}, {verdict.database}, {verdict.minutes:.1f} min: "
        f"{verdict.jobs} jobs, {verdict.attempts} attempts, {sum(verdict.struck.values())} faults "
        f"({_counts(verdict)})"
    )
    waits = [f"  {figure}" for figure in verdict.figures]
    found = [f"  BROKEN {violation.rule}: {violation.what}" for violation in verdict.violations]
    held = "every promise held" + (" until the run was interrupted" if verdict.interrupted else "")
    return "\n".join([head, *waits, *(found or [f"  {held}"])])


def record_verdict(verdict: Verdict, command: str) -> None:
    """Add the run to the table."""
    broken = "; ".join(sorted({violation.rule for violation in verdict.violations})) or "none"
    waits = "; ".join(str(figure) for figure in verdict.figures)
    write_row(
        command + (" (interrupted)" if verdict.interrupted else ""),
        f"{verdict.minutes:.1f}",
        f"{verdict.jobs}",
        f"{verdict.attempts}",
        _counts(verdict),
        f"{broken} ({waits})" if waits else broken,
    )


def write_row(*cells: str) -> None:
    """One line at the end of the file, which ends in the table."""
    today = datetime.now(UTC).date().isoformat()
    with README.open("a", encoding="utf-8") as file:
        file.write(f"| {today} | {' | '.join(cells)} |\n")


def _counts(verdict: Verdict) -> str:
    most_first = sorted(verdict.struck.items(), key=lambda item: -item[1])
    return ", ".join(f"{count} x {fault}" for fault, count in most_first) or "none"
