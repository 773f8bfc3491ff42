"""docs/monitoring.md lists every series as the table in the code has it."""

from __future__ import annotations

from pathlib import Path

from shared import telemetry

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "monitoring.md"


def test_the_guide_has_the_table_of_all_series() -> None:
    assert "\n".join(_table()) in GUIDE.read_text(encoding="utf-8"), "\n".join(_table())


def test_the_guide_says_how_many_series_there_can_be() -> None:
    assert f"At most {sum(series.most for series in telemetry.ALL)} at once" in GUIDE.read_text(
        encoding="utf-8"
    )


def _table() -> list[str]:
    """Markdown."""
    rows = [
        f"| `{series.name}` | {series.kind} | {', '.join(series.labels)} | {series.most} | {series.help} |"
        for series in telemetry.ALL
    ]
    return ["| series | kind | labels | at most | what |", "|---|---|---|---|---|", *rows]
