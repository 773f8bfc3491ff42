"""Every failpoint once: kill -9 there, and the job ends with the weights and metrics of one left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.failpoints import NAMES
from tests.nemesis.sweep import sweep


@pytest.mark.nemesis
@pytest.mark.timeout(600)
def test_a_kill_at_any_failpoint_changes_nothing(tmp_path: Path) -> None:
    swept = sweep(tmp_path, NAMES, ["kill9"], lambda _line: None)
    assert swept.cases == len(NAMES)
    assert not swept.found, "\n".join(swept.found)
